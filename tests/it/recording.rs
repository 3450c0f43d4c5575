//! `record`: every source of manifests, every place of an image.

use crate::harness::{Ran, Run, TestCluster};
use kubectl_delivery::testing::model::Sha256Digest;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = TestCluster::get().delivery();
        command.current_dir(self.0.path()).args([
            "record",
            "--name",
            "shop",
            "--version",
            "1",
            "--offline",
            "-q",
        ]);
        command.args(words);
        command
    }

    fn record(&self, words: &[&str]) -> Ran {
        self.command(words).run()
    }
}

fn release(ran: Ran) -> Value {
    let text = ran.ok();
    kubectl_delivery::testing::load::documents(text.as_bytes(), std::path::Path::new("out"))
        .unwrap()
        .remove(0)
}

fn names(release: &Value) -> Vec<&str> {
    release["spec"]["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["metadata"]["name"].as_str().unwrap())
        .collect()
}

fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
}

#[test]
fn manifests_come_from_files_folders_standard_input_lists_json_and_kustomizations() {
    let folder = Folder::new();
    folder.write("all/b.yaml", &format!("{}---\n---\n{}", map("b1"), map("b2")));
    folder.write(
        "all/a.json",
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}).to_string(),
    );
    folder.write("all/deep/c.yml", &map("c"));
    folder.write("all/read.me", "not: [yaml");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ConfigMapList", "items": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "l1"}}]},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "l2"}}]});
    folder.write("list.json", &list.to_string());
    folder.write("kustomize/m.yaml", &map("m"));
    folder.write(
        "kustomize/kustomization.yaml",
        "namePrefix: p-\nresources: [m.yaml]\n",
    );
    for (words, expected) in [
        (vec!["-f", "all"], vec!["a", "b1", "b2"]),
        (vec!["-f", "all", "-R"], vec!["a", "b1", "b2", "c"]),
        (
            vec!["-f", "all/deep/c.yml", "-f", "list.json"],
            vec!["c", "l1", "l2"],
        ),
        (vec!["-k", "kustomize"], vec!["p-m"]),
    ] {
        assert_eq!(names(&release(folder.record(&words))), expected, "{words:?}");
    }
    let piped = folder.command(&["-f", "-"]).run_with(&map("piped"));
    assert_eq!(names(&release(piped)), ["piped"]);
}

/// A pod's spec with an image in each of its places.
fn pod_spec(image: &mut impl FnMut() -> String) -> Value {
    json!({"initContainers": [{"name": "i", "image": image()}], "containers": [{"name": "m", "image": image()}],
        "ephemeralContainers": [{"name": "e", "image": image()}],
        "volumes": [{"name": "v", "image": {"reference": image()}}, {"name": "x", "emptyDir": {}}]})
}

#[test]
fn images_are_found_in_every_built_in_kind_and_where_a_path_points() {
    let folder = Folder::new();
    let mut count = 0;
    let mut image = || {
        count += 1;
        format!(
            "registry.example/i{count}@{}",
            Sha256Digest::compute(count.to_string().as_bytes())
        )
    };
    let mut objects = Vec::new();
    let kinds = [
        ("v1", "Pod"),
        ("v1", "PodTemplate"),
        ("v1", "ReplicationController"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "ReplicaSet"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
    ];
    for (api_version, kind) in kinds {
        let spec = pod_spec(&mut image);
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}});
        match kind {
            "Pod" => object["spec"] = spec,
            "PodTemplate" => object["template"]["spec"] = spec,
            "CronJob" => object["spec"]["jobTemplate"]["spec"]["template"]["spec"] = spec,
            _ => object["spec"]["template"]["spec"] = spec,
        }
        objects.push(object.to_string());
    }
    let workers = json!({"apiVersion": "acme.example/v1", "kind": "Farm", "metadata": {"name": "a"},
        "spec": {"workers": [{"image": image()}, {"image": image()}], "image": "is no image"}});
    objects.push(workers.to_string());
    folder.write("in.yaml", &objects.join("\n---\n"));
    let path = "Farm.acme.example=/spec/workers/[*]/image";
    let release = release(folder.record(&["-f", "in.yaml", "--image-path", path]));
    let images = release["spec"]["images"].as_array().unwrap();
    assert_eq!(images.len(), kinds.len() * 4 + 2);
    for (n, image) in images.iter().enumerate() {
        assert_eq!(
            image["digest"],
            Sha256Digest::compute((n + 1).to_string().as_bytes()).to_string(),
            "in the order of use"
        );
        assert_eq!(image["origin"], "reference");
    }
}

#[test]
fn a_digest_by_hand_is_recorded_as_such_and_one_that_nobody_uses_is_refused() {
    let folder = Folder::new();
    folder.write("in.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'r.example/a:1'}]}\n");
    let digest = Sha256Digest::compute(b"a");
    let by_hand = release(folder.record(&["-f", "in.yaml", "--image", &format!("r.example/a:1={digest}")]));
    let image = json!({"reference": "r.example/a:1", "digest": digest, "origin": "by-hand"});
    assert_eq!(by_hand["spec"]["images"], json!([image]));
    let ran = folder
        .record(&["-f", "in.yaml", "--image", &format!("r.example/b:1={digest}")])
        .exits(1);
    assert!(
        ran.stderr
            .contains("--image r.example/b:1: not used by any manifest"),
        "{}",
        ran.stderr
    );
    let ran = folder
        .record(&["-f", "in.yaml", "--image", "r.example/a:1=sha256:12"])
        .exits(1);
    assert!(ran.stderr.contains("sha256"), "{}", ran.stderr);
}

#[test]
fn fields_and_objects_keep_their_order() {
    let folder = Folder::new();
    folder.write("in.yaml", "kind: ConfigMap\nmetadata: {name: z, labels: {z: '1', a: '2'}}\ndata: {z: '1', m: '2', a: '3'}\napiVersion: v1\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    let text = folder.record(&["-f", "in.yaml"]).ok();
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
    assert!(
        at("z: \"1\"") < at("m: \"2\"") && at("m: \"2\"") < at("a: \"3\"") && at("name: z") < at("name: a"),
        "{text}"
    );
}

#[test]
fn show_tells_images_objects_requirements_source_and_attestations() {
    let folder = Folder::new();
    let digest = Sha256Digest::compute(b"a");
    folder.write("in.yaml", &format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\ntype: Opaque\nstringData: {{token: hunter2}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: a, image: 'r.example/a@{digest}', envFrom: [{{secretRef: {{name: keys}}}}]}}]}}\n"));
    folder.write("junit.xml", "<testsuite><testcase name='a'/></testsuite>");
    folder
        .record(&[
            "-f",
            "in.yaml",
            "-o",
            "shop.yaml",
            "--source",
            "https://git.example/shop",
            "--evidence",
            "integration=junit.xml",
        ])
        .ok();
    let show = |words: &[&str]| {
        TestCluster::get()
            .delivery()
            .current_dir(folder.0.path())
            .args(["show", "shop.yaml"])
            .args(words)
            .run()
            .ok()
    };
    let page = show(&[]);
    for part in [
        "shop",
        "r.example/a",
        "Pod",
        "Secret",
        "keys",
        "token",
        "https://git.example/shop",
        "evidence integration: 1 test, 0 failed, 0 skipped (not signed)",
    ] {
        assert!(page.contains(part), "{part}:\n{page}");
    }
    assert!(!page.contains("hunter2"));
    let json: Value = serde_json::from_str(&show(&["-o", "json"])).unwrap();
    let yaml = kubectl_delivery::testing::load::documents(
        show(&["-o", "yaml"]).as_bytes(),
        std::path::Path::new("out"),
    )
    .unwrap();
    assert_eq!(json, yaml[0]);
    assert_eq!(
        json["spec"]["requires"][0],
        json!({"kind": "Secret", "name": "keys", "type": "Opaque", "keys": ["token"]})
    );
}

#[test]
fn what_another_clusters_server_wrote_is_left_out_and_named() {
    let folder = Folder::new();
    folder.write("in.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: exported\n  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: none, uid: 00000000-1111-2222-3333-444444444444}]\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web, uid: u, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z'}\nspec: {type: NodePort, clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], ports: [{port: 80, nodePort: 30080}]}\n");
    let ran = TestCluster::get()
        .delivery()
        .current_dir(folder.0.path())
        .args([
            "record",
            "--name",
            "shop",
            "--version",
            "1",
            "--offline",
            "-f",
            "in.yaml",
        ])
        .run()
        .exits(0);
    for note in [
        "note: ConfigMap exported: /metadata/ownerReferences not recorded",
        "note: Service web: /spec/clusterIP, /spec/clusterIPs, /spec/ports/0/nodePort not recorded",
    ] {
        assert!(ran.stderr.contains(note), "{note}:\n{}", ran.stderr);
    }
    let release = release(ran);
    assert_eq!(
        release["spec"]["objects"][0]["metadata"],
        json!({"name": "exported"})
    );
    assert_eq!(
        release["spec"]["objects"][1]["spec"],
        json!({"type": "NodePort", "ports": [{"port": 80}]})
    );
}

#[test]
fn texts_that_name_images_which_are_not_recorded_are_notes() {
    let folder = Folder::new();
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\ndata: {proxy: 'r.example/p/p:v1'}\n";
    let farm = "apiVersion: acme.example/v1\nkind: Farm\nmetadata: {name: shop}\nspec: {bundle: 'r.example/b/b:v1'}\n";
    folder.write("in.yaml", &format!("{map}---\n{farm}"));
    let record = |words: &[&str]| {
        TestCluster::get()
            .delivery()
            .current_dir(folder.0.path())
            .args([
                "record",
                "--name",
                "shop",
                "--version",
                "1",
                "--offline",
                "-f",
                "in.yaml",
            ])
            .args(words)
            .run()
            .exits(0)
    };
    let notes = |stderr: &str| -> Vec<String> {
        let notes = stderr.lines().filter(|line| line.starts_with("note: "));
        notes.map(str::to_owned).collect()
    };
    let of_data = "note: ConfigMap shop: image r.example/p/p:v1 at /data/proxy is not recorded";
    assert_eq!(
        notes(&record(&[]).stderr),
        [
            of_data,
            "note: Farm shop: image r.example/b/b:v1 at /spec/bundle is not recorded (hint: add --image-path Farm.acme.example=/spec/bundle)"
        ]
    );

    let digest = Sha256Digest::compute(b"b");
    let by_hand = format!("r.example/b/b:v1={digest}");
    let path = "Farm.acme.example=/spec/bundle";
    assert_eq!(
        notes(&record(&["--image-path", path, "--image", &by_hand]).stderr),
        [of_data]
    );
}

#[test]
fn offline_names_every_image_without_a_digest_at_once() {
    let folder = Folder::new();
    folder.write("in.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'r.example/a:1'}, {name: b, image: 'r.example/b:1'}, {name: c, image: 'reg.example:/x'}, {name: d, image: '-foo/bar'}]}\n");
    let message = folder.record(&["-f", "in.yaml"]).exits(1).stderr;
    for part in [
        "container a: no digest in r.example/a:1",
        "container b: no digest in r.example/b:1",
        "found \"reg.example:/x\": a registry is a host name",
        "found \"-foo/bar\": a repository has",
        "--image r.example/a:1=sha256:… --image r.example/b:1=sha256:…",
    ] {
        assert!(message.contains(part), "{part}:\n{message}");
    }
}

#[test]
fn a_claim_template_without_a_class_needs_none() {
    let folder = Folder::new();
    folder.write("in.yaml", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  template: {spec: {serviceAccountName: ''}}\n  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {storageClassName: ''}\n");
    assert!(
        release(folder.record(&["-f", "in.yaml"]))["spec"]
            .get("requires")
            .is_none()
    );
}
