//! Kubeconfigs held against kubectl: what it takes is taken, and what it refuses is refused, by the field's name.

use crate::harness::{Ran, Run, TestCluster, delivery};
use base64::Engine;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// The cluster's own kubeconfig, and a folder for what is made of it.
struct Bench {
    folder: tempfile::TempDir,
    base: Value,
}

impl Bench {
    fn new() -> Self {
        let view = ["config", "view", "--raw", "--flatten", "-o", "json"];
        let base = TestCluster::get().kubectl().args(view).run().json();
        Self {
            folder: tempfile::tempdir().unwrap(),
            base,
        }
    }

    fn write(&self, name: &str, text: &str) -> String {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    fn cluster(&self) -> Value {
        self.base["clusters"][0]["cluster"].clone()
    }

    fn user(&self) -> Value {
        self.base["users"][0]["user"].clone()
    }

    /// PEM of a field of the user.
    fn pem(&self, field: &str) -> String {
        let text = self.user()[field].as_str().unwrap().to_owned();
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap()
    }

    /// What kubectl and the built program make of a cluster and a user.
    fn both(&self, cluster: &Value, user: &Value) -> (Ran, Ran) {
        let mut config = self.base.clone();
        (config["clusters"][0]["cluster"], config["users"][0]["user"]) = (cluster.clone(), user.clone());
        self.both_of(&config)
    }

    fn both_of(&self, config: &Value) -> (Ran, Ran) {
        let file = self.write("kubeconfig", &config.to_string());
        let tools = &TestCluster::get().tools;
        let mut kubectl = Command::new(tools.join("kubectl"));
        kubectl
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", "/usr/bin:/bin");
        kubectl
            .env("KUBECONFIG", &file)
            .args(["auth", "whoami"])
            .stdin(std::process::Stdio::null());
        let mut ours = delivery(tools);
        ours.env("KUBECONFIG", &file)
            .args(["images", "--offline", "-n", "default"]);
        (kubectl.run(), ours.run())
    }

    #[track_caller]
    fn takes(&self, what: &str, cluster: &Value, user: &Value) {
        let (kubectl, ours) = self.both(cluster, user);
        assert_eq!(
            (kubectl.code, ours.code),
            (Some(0), Some(0)),
            "{what}: {kubectl:?}\n{ours:?}"
        );
    }

    #[track_caller]
    fn refuses(&self, words: &str, cluster: &Value, user: &Value) {
        let (kubectl, ours) = self.both(cluster, user);
        assert_ne!(kubectl.code, Some(0), "{words}: {kubectl:?}");
        let ours = ours.exits(1);
        assert!(
            ours.stderr.starts_with("error: ") && ours.stderr.contains(words),
            "{words}: {ours:?}"
        );
    }

    /// A plugin that answers with this, and the user that has it.
    fn plugin(&self, answer: &Value, change: impl FnOnce(&mut Value)) -> Value {
        let file = self.write("answer", &answer.to_string());
        let script = self.write("plugin", &format!("#!/bin/sh\nexec cat {file}\n"));
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut exec = json!({"apiVersion": V1, "command": script, "interactiveMode": "Never"});
        change(&mut exec);
        json!({"exec": exec})
    }

    /// A good answer of a plugin.
    fn answer(&self, version: &str) -> Value {
        let status = json!({"clientCertificateData": self.pem("client-certificate-data"),
            "clientKeyData": self.pem("client-key-data")});
        json!({"apiVersion": version, "kind": "ExecCredential", "status": status})
    }
}

const V1: &str = "client.authentication.k8s.io/v1";
const BETA: &str = "client.authentication.k8s.io/v1beta1";

fn with(value: &Value, fields: &Value) -> Value {
    let mut changed = value.clone();
    changed
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    changed
}

fn without(value: &Value, field: &str) -> Value {
    let mut changed = value.clone();
    changed.as_object_mut().unwrap().remove(field);
    changed
}

#[test]
fn a_cluster_is_read_as_kubectl_reads_it_or_refused() {
    let bench = Bench::new();
    let (cluster, user) = (bench.cluster(), bench.user());
    let data = cluster["certificate-authority-data"].as_str().unwrap();
    let folded: Vec<&str> = data
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let folded = folded.join("\n") + "\n";
    bench.takes("as it is", &cluster, &user);
    bench.takes(
        "folded",
        &with(&cluster, &json!({"certificate-authority-data": folded})),
        &user,
    );
    let insecure = with(&cluster, &json!({"insecure-skip-tls-verify": true}));
    bench.refuses(
        "insecure-skip-tls-verify and a certificate authority are both set",
        &insecure,
        &user,
    );
    let pem = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
    let file = bench.write("ca.crt", std::str::from_utf8(&pem).unwrap());
    let both = with(&cluster, &json!({"certificate-authority": file}));
    bench.refuses(
        "certificate-authority and certificate-authority-data are both set",
        &both,
        &user,
    );
    let bare = cluster["server"].as_str().unwrap().trim_start_matches("https://");
    bench.refuses(
        "it has no scheme, such as https://",
        &with(&cluster, &json!({"server": bare})),
        &user,
    );
    for (list, what) in [
        ("clusters", "cluster"),
        ("users", "user"),
        ("contexts", "context"),
    ] {
        let mut config = bench.base.clone();
        let again = config[list][0].clone();
        config[list].as_array_mut().unwrap().push(again);
        let (kubectl, ours) = bench.both_of(&config);
        assert_ne!(kubectl.code, Some(0), "{what}: {kubectl:?}");
        let ours = ours.exits(1);
        assert!(
            ours.stderr.contains(&format!("{what} ")) && ours.stderr.contains("is defined twice"),
            "{ours:?}"
        );
    }
}

#[test]
fn a_user_is_read_as_kubectl_reads_it_or_refused() {
    let bench = Bench::new();
    let (cluster, user) = (bench.cluster(), bench.user());
    let good = bench.write("token", "good");
    let file = bench.write("client.crt", &bench.pem("client-certificate-data"));
    let key = bench.write("client.key", &bench.pem("client-key-data"));
    bench.takes(
        "a file beside a token",
        &cluster,
        &with(&user, &json!({"token": "bad", "tokenFile": good})),
    );
    let refused = [
        (
            "client-certificate and client-certificate-data",
            json!({"client-certificate": file}),
        ),
        (
            "client-key and client-key-data are both set",
            json!({"client-key": key}),
        ),
        (
            "token and username are both set",
            json!({"token": "a", "username": "b", "password": "c"}),
        ),
        (
            "as-uid or as-user-extra is set without as",
            json!({"as-groups": ["a"]}),
        ),
        (
            "as-uid or as-user-extra is set without as",
            json!({"as-uid": "1"}),
        ),
    ];
    for (words, fields) in refused {
        bench.refuses(words, &cluster, &with(&user, &fields));
    }
    bench.refuses("has no client key", &cluster, &without(&user, "client-key-data"));
    let (_, ours) = bench.both(
        &cluster,
        &with(&user, &json!({"token": "s3cret", "username": "b"})),
    );
    assert!(!ours.stderr.contains("s3cret"), "{ours:?}");
}

#[test]
fn a_plugin_is_run_as_kubectl_runs_it_or_refused() {
    let bench = Bench::new();
    let cluster = bench.cluster();
    let v1 = bench.answer(V1);
    bench.takes("a good one", &cluster, &bench.plugin(&v1, |_| {}));
    let empty_token = with(
        &v1,
        &json!({"status": with(&v1["status"], &json!({"token": ""}))}),
    );
    bench.takes(
        "an empty token beside a certificate",
        &cluster,
        &bench.plugin(&empty_token, |_| {}),
    );
    let beta = bench.plugin(&bench.answer(BETA), |exec| {
        *exec = json!({"apiVersion": BETA, "command": exec["command"]});
    });
    bench.takes("the older version has a default", &cluster, &beta);
    let changes = [
        ("exec has no apiVersion", json!({"apiVersion": ""})),
        (
            "exec.apiVersion: expected",
            json!({"apiVersion": "client.authentication.k8s.io/v1alpha1"}),
        ),
        ("exec has no interactiveMode", json!({"interactiveMode": null})),
        (
            "a variable without a name",
            json!({"env": [{"name": "", "value": "a"}]}),
        ),
    ];
    for (words, fields) in changes {
        bench.refuses(
            words,
            &cluster,
            &bench.plugin(&v1, |exec| *exec = with(exec, &fields)),
        );
    }
    let answers = [
        (format!("not an ExecCredential of {V1}"), bench.answer(BETA)),
        (
            format!("not an ExecCredential of {V1}"),
            with(&v1, &json!({"kind": "Secret"})),
        ),
        (
            "only one of client certificate and key".into(),
            with(&v1, &json!({"status": without(&v1["status"], "clientKeyData")})),
        ),
        ("has no status".into(), without(&v1, "status")),
        (
            "neither a token nor a client certificate".into(),
            with(&v1, &json!({"status": {}})),
        ),
    ];
    for (words, answer) in answers {
        bench.refuses(&words, &cluster, &bench.plugin(&answer, |_| {}));
    }
}
