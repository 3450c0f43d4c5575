//! A day of commands around Secrets, and every text that it leaves: outputs, files, and the objects that who may not read
//! Secrets can read.

use crate::harness::{Namespace, Ran, Run, TestCluster, Webhook, unique, until};
use crate::promote::support::config;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubectl_delivery::testing::model::bundle::decompress;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A namespace, its files, and what has been left so far.
pub struct Day {
    namespace: Namespace,
    folder: tempfile::TempDir,
    planted: Vec<String>,
    /// Six digits: short enough to be found by trying.
    pin: String,
    left: Vec<(String, String)>,
    /// The Secrets, as they were at each look.
    secrets: Vec<Value>,
}

impl Day {
    /// Lives through it.
    pub fn live() -> Self {
        let namespace = TestCluster::get().namespace_named("t-day");
        let plant = |n: usize| format!("canary-{n:02}-{}{}", unique(), unique());
        let planted = (0..30).map(plant).collect();
        let folder = tempfile::tempdir().unwrap();
        let pin = "482913".to_owned();
        let mut day = Self {
            namespace,
            folder,
            planted,
            pin,
            left: Vec::new(),
            secrets: Vec::new(),
        };
        for folder in ["in", "out", "tmp"] {
            std::fs::create_dir(day.folder.path().join(folder)).unwrap();
        }
        day.morning();
        day.noon();
        day.afternoon();
        day.evening();
        day.collect_files();
        day
    }

    /// The values that nobody may find.
    pub fn planted(&self) -> &[String] {
        &self.planted
    }

    /// A short value among those of the Secret `db`.
    pub fn pin(&self) -> &str {
        &self.pin
    }

    /// The Secrets, with their values, as they were at each look.
    pub fn secrets(&self) -> &[Value] {
        &self.secrets
    }

    /// Where a text was left, and the text.
    pub fn left(&self) -> &[(String, String)] {
        &self.left
    }

    /// Records, attests, signs and compares: files alone.
    fn morning(&mut self) {
        let manifests = json!({"apiVersion": "v1", "kind": "List", "items": self.objects(1, None)});
        self.write("in/manifests.json", &manifests.to_string());
        let report = "<testsuites><testsuite name=\"a\"><testcase name=\"b\"/></testsuite></testsuites>";
        self.write("in/junit.xml", report);
        self.run("record -f in/manifests.json --name shop --version 0 --offline -o out/shop.yaml");
        self.run("attest out/shop.yaml --evidence integration=in/junit.xml");
        let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cosign/cosign.key");
        self.run(&format!("sign out/shop.yaml --key {}", key.display()));
        self.run(&format!(
            "verify out/shop.yaml --key {}",
            key.with_extension("pub").display()
        ));
        self.run("push out/shop.yaml oci-layout:out/layout:0");
        self.run("pull oci-layout:out/layout:0 -o out/pulled.yaml");
        self.run("render out/shop.yaml -f in/manifests.json -n shop -o out/rendered.yaml");

        for version in 1..=4 {
            self.release(version, (version == 3).then_some("image-not-found"));
        }
        for format in ["text", "json", "markdown", "junit"] {
            self.run(&format!("compare in/1.json in/2.json -o {format}"));
        }
        self.run("show in/1.json");
        self.run("show out/shop.yaml -o json");
    }

    /// The first promotions.
    fn noon(&mut self) {
        let outer: Vec<String> = (25..30)
            .map(|n| format!("--from-literal=key-{n}={}", self.planted[n]))
            .collect();
        let outer: Vec<&str> = outer.iter().map(String::as_str).collect();
        let create = ["create", "secret", "generic", "outer"];
        self.namespace
            .kubectl()
            .args([&create[..], &outer].concat())
            .run()
            .ok();

        self.diff("in/1.json");
        self.run("promote in/1.json --dry-run=server -o json").exits(0);
        self.run("promote in/1.json -y -v 8").exits(0);
        self.look("after the first promotion");
        self.diff("in/2.json");
        self.run("promote in/2.json --dry-run=server");
        self.run("promote in/2.json -y -o json").exits(0);
        self.look("after the second promotion");
        self.run("wait in/2.json --settle 1s -o json").exits(0);
    }

    /// A change by hand, a failing promotion, and a webhook that quotes.
    fn afternoon(&mut self) {
        let patch = json!({"stringData": {"plain-0": self.planted[24]}}).to_string();
        self.namespace
            .kubectl()
            .args(["patch", "secret", "db", "-p", &patch])
            .run()
            .ok();
        self.diff("in/2.json");
        self.run("diff");
        self.run("diff --since 1h -o json");
        self.run("promote in/3.json -y --overwrite -o json").exits(3);
        self.look("after a rollback");

        let hook = Webhook::denying(&self.namespace, ("", "secrets"), quoted);
        let probe =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"a": "YQ=="}});
        let create = ["create", "--dry-run=server", "-f", "-"];
        let is_denied = |namespace: &Namespace| {
            let ran = namespace.kubectl().args(create).run_with(&probe.to_string());
            ran.stderr.contains("too weak")
        };
        hook.wait(|| is_denied(&self.namespace));
        for flags in [
            "-y",
            "-y -o json -v 8",
            "--dry-run=server",
            "--dry-run=server -o json",
        ] {
            self.run(&format!("promote in/4.json --overwrite {flags}"))
                .exits(2);
        }
        self.diff("in/4.json");
        self.look("after a denial");
        drop(hook);
        assert!(until(30, || !is_denied(&self.namespace)), "the webhook denies on");
    }

    /// Back, and back to a revision.
    fn evening(&mut self) {
        // The last promotion was rolled back: the one before it is meant.
        self.run("revert shop -y -o json --undo-revision 2").exits(0);
        self.look("after a revert");
        self.run("promote in/2.json -y").exits(0);
        self.run("revert shop -y --to-revision 1 -o json").exits(0);
        self.look("after a revert to a revision");
    }

    /// One comparison in each format, and with another tool.
    fn diff(&mut self, release: &str) {
        for format in ["text", "json", "yaml", "name", "markdown", "junit", "html"] {
            self.run(&format!("diff {release} -o {format}"));
        }
        let ran = self
            .command(&format!("diff {release}"))
            .env("KUBECTL_EXTERNAL_DIFF", "diff -u -N")
            .run();
        self.keep(&ran);
    }

    /// What who looks afterwards sees, and what can be read without a right to Secrets.
    fn look(&mut self, when: &str) {
        for command in [
            "status",
            "status shop -o json",
            "history shop",
            "history shop -o json",
            "images --offline",
        ] {
            self.run(command);
        }
        let kinds = "configmaps,leases.coordination.k8s.io,deployments.apps,replicasets.apps,pods,events";
        let get = ["get", kinds, "-o", "json", "--show-managed-fields"];
        let objects = self.namespace.kubectl().args(get).run().exits(0).json();
        for object in objects["items"].as_array().unwrap() {
            self.keep_object(when, object);
        }
        // Of Secrets, all but their values.
        let get = ["get", "secrets", "-o", "json", "--show-managed-fields"];
        let mut secrets = self.namespace.kubectl().args(get).run().exits(0).json();
        self.secrets
            .extend(secrets["items"].as_array().unwrap().iter().cloned());
        for secret in secrets["items"].as_array_mut().unwrap() {
            secret["data"] = Value::Null;
            self.keep_object(when, secret);
        }
    }

    fn keep_object(&mut self, when: &str, object: &Value) {
        let place = format!("{} {}, {when}", object["kind"], object["metadata"]["name"]);
        for (key, value) in object["binaryData"].as_object().into_iter().flatten() {
            let bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
            let text = String::from_utf8_lossy(&decompress(&bytes).unwrap_or(bytes)).into_owned();
            self.left.push((format!("{key} of {place}"), text));
        }
        self.left.push((place, object.to_string()));
    }

    fn command(&self, words: &str) -> std::process::Command {
        let mut command = TestCluster::get().delivery();
        command
            .current_dir(self.folder.path())
            .env("COSIGN_PASSWORD", "correct-horse")
            .args(words.split(' '));
        command.env("TMPDIR", self.folder.path().join("tmp"));
        let files = [
            "record", "attest", "sign", "verify", "push", "pull", "compare", "show", "render",
        ];
        if !files.iter().any(|file| words.starts_with(file)) {
            command.args(["-n", self.namespace.name()]);
        }
        command
    }

    fn run(&mut self, words: &str) -> Ran {
        let ran = self.command(words).run();
        self.keep(&ran);
        ran
    }

    fn keep(&mut self, ran: &Ran) {
        self.left
            .push((format!("stdout of {}", ran.command), ran.stdout.clone()));
        self.left
            .push((format!("stderr of {}", ran.command), ran.stderr.clone()));
    }

    fn collect_files(&mut self) {
        for folder in ["out", "tmp"] {
            for file in files_below(&self.folder.path().join(folder)) {
                let bytes = std::fs::read(&file).unwrap();
                self.left.push((
                    file.display().to_string(),
                    String::from_utf8_lossy(&bytes).into_owned(),
                ));
            }
        }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// A release that was written by hand, with a Secret in it.
    fn release(&self, version: usize, play: Option<&str>) {
        let release = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release",
            "metadata": {"name": "shop", "version": version.to_string()}, "spec": {"objects": self.objects(version, play)}});
        self.write(&format!("in/{version}.json"), &release.to_string());
    }

    fn objects(&self, version: usize, play: Option<&str>) -> Vec<Value> {
        let secret = |name: &str| json!({"secretRef": {"name": name}});
        let mut labels = json!({"app": "web"});
        play.iter().for_each(|play| labels["kwok-play"] = (*play).into());
        let image = format!(
            "registry.example/app:{version}@sha256:{}",
            version.to_string().repeat(64)
        );
        vec![
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": self.data(version)}),
            config("settings", json!({"version": version.to_string()})),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                    {"name": "main", "image": image, "readinessProbe": {"tcpSocket": {"port": 80}},
                     "envFrom": [secret("db"), secret("outer")]}]}}}}),
        ]
    }

    /// Twelve values in the forms in which Secrets hold them; each version has others, but for the first.
    fn data(&self, version: usize) -> Value {
        let value = |n: usize| &self.planted[if n == 0 { 0 } else { (n + (version - 1) * 7) % 24 }];
        json!({
            "fixed": value(0),
            "pin": self.pin,
            "plain-0": value(1),
            "special": format!("it's \"{}\" / 100% & more", value(2)),
            ".env": format!("# of the shop\nexport TOKEN={}\nQUOTED=\"{}\"\nOTHER='{}' # why\n", value(3), value(4), value(5)),
            "config.json": json!({"db": {"password": value(6), "pins": [value(7)]}}).to_string(),
            "config.yaml": format!("db:\n  password: {}\n  flow: {{user: shop, password: {}}}\n", value(8), value(9)),
            "app.properties": format!("db.password = {}\ndb.url: postgres://shop:{}@db:5432/shop\n", value(10), value(11)),
        })
    }
}

/// A webhook that repeats what it is shown: as it is, by line, and what stands behind the last sign.
fn quoted(review: &Value) -> Option<String> {
    let request = &review["request"];
    if request["name"] != "db" {
        return None;
    }
    let mut words = vec!["too weak:".to_owned()];
    for object in [&request["object"], &request["oldObject"]] {
        for (key, value) in object["data"].as_object().into_iter().flatten() {
            let encoded = value.as_str()?;
            let plain = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
            let credentials = STANDARD.encode(format!("user:{plain}"));
            words.push(format!("{key}={encoded} {plain} {credentials}"));
            for line in plain.lines() {
                let inner = line
                    .rsplit(['=', ':', '"', '\''])
                    .map(str::trim)
                    .find(|part| part.len() > 20);
                let inner = inner.unwrap_or_default();
                words.push(format!("{inner} {} {}", STANDARD.encode(inner), json!(line)));
            }
        }
    }
    Some(words.join(" "))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
