//! `kubectl delivery diff` against the real API server.

mod detects_drift;
mod every_field;
mod field_managers;
mod helm;
mod kinds;
mod list_keys;
mod many;
mod missing;
mod mutations;
mod no_false_drift;
mod output;
mod pods;
mod starts;
mod starts_placed;

use crate::harness::{Namespace, Ran, Run, TestCluster};
use std::path::PathBuf;

const SHOP: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data: {LEVEL: info}
---
apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {password: correct-horse-battery}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: other}
  minReplicas: 1
  maxReplicas: 3
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {note: first}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example/web:1
        resources: {requests: {cpu: 2000m, memory: 1024Mi}}
        ports: [{containerPort: 8080}]
        env: [{name: A, value: a}]
";

struct Scene {
    namespace: Namespace,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self {
            namespace: TestCluster::get().namespace_named("t-diff"),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn write(&self, text: &str) -> PathBuf {
        let file = self.folder.path().join("shop.yaml");
        std::fs::write(&file, text).unwrap();
        file
    }

    fn applied(flags: &[&str]) -> Self {
        let scene = Self::new();
        let file = scene.write(SHOP);
        scene
            .namespace
            .kubectl()
            .arg("apply")
            .args(flags)
            .arg("-f")
            .arg(file)
            .run()
            .ok();
        scene
    }

    fn kubectl(&self, words: &[&str]) {
        self.namespace.kubectl().args(words).run().ok();
    }

    fn diff(&self, flags: &[&str]) -> Ran {
        let file = self.folder.path().join("shop.yaml");
        let mut command = TestCluster::get().delivery();
        command
            .args(["diff", "-n", self.namespace.name(), "-f"])
            .arg(file)
            .args(flags);
        command.run()
    }

    /// `kind/name path` of each change.
    fn changes(&self) -> Vec<String> {
        let view = self.diff(&["-o", "json"]).exits(1).json();
        let objects = view["objects"].as_array().unwrap().clone();
        objects
            .iter()
            .flat_map(|object| {
                let changes = object["changes"].as_array().unwrap();
                changes
                    .iter()
                    .map(|change| {
                        format!(
                            "{} {}",
                            object["kind"].as_str().unwrap(),
                            change["path"].as_str().unwrap()
                        )
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

#[test]
fn nothing_differs_right_after_either_kind_of_apply() {
    for flags in [&["--server-side"][..], &[][..]] {
        let ran = Scene::applied(flags).diff(&[]).exits(0);
        assert!(
            ran.stdout.contains("no differences: 5 objects compared"),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn each_change_by_hand_is_named_with_its_path_and_its_hand() {
    for (words, expected) in [
        (
            &["scale", "deployment/web", "--replicas", "3"][..],
            "Deployment /spec/replicas",
        ),
        (
            &["set", "image", "deployment/web", "web=registry.example/web:2"],
            "Deployment /spec/template/spec/containers/[name=web]/image",
        ),
        (
            &["set", "env", "deployment/web", "B=b"],
            "Deployment /spec/template/spec/containers/[name=web]/env/[name=B]",
        ),
        (
            &["annotate", "deployment/web", "note=second", "--overwrite"],
            "Deployment /metadata/annotations/note",
        ),
        (&["label", "service/web", "extra=1"], "Service /metadata/labels"),
        (
            &[
                "patch",
                "configmap/config",
                "-p",
                r#"{"data": {"LEVEL": "debug"}}"#,
            ],
            "ConfigMap /data/LEVEL",
        ),
        (
            &["patch", "configmap/config", "-p", r#"{"data": {"NEW": "x"}}"#],
            "ConfigMap /data/NEW",
        ),
        (
            &[
                "patch",
                "service/web",
                "-p",
                r#"{"spec": {"ports": [{"port": 80, "targetPort": 9090}]}}"#,
            ],
            "Service /spec/ports",
        ),
    ] {
        let scene = Scene::applied(&["--server-side"]);
        scene.kubectl(words);
        let found = scene.changes();
        assert!(
            found.iter().any(|line| line.starts_with(expected)),
            "{words:?}: {found:?}"
        );
        let outcome = scene.diff(&[]).exits(1).stdout;
        assert!(outcome.contains("kubectl"), "{words:?}: {outcome}");
    }
}

#[test]
fn a_deleted_object_and_a_missing_namespace_are_missing_and_no_error() {
    let scene = Scene::applied(&["--server-side"]);
    scene.kubectl(&["delete", "service/web"]);
    let outcome = scene.diff(&[]).exits(1).stdout;
    assert!(outcome.contains("1 object is missing"), "{outcome}");
    let file = scene.folder.path().join("shop.yaml");
    let nowhere = TestCluster::get()
        .delivery()
        .args(["diff", "-n", "t-diff-there-is-none", "-f"])
        .arg(file)
        .run()
        .exits(1);
    assert!(
        nowhere.stdout.contains("5 objects are missing"),
        "{}",
        nowhere.stdout
    );
}

#[test]
fn a_user_who_may_not_read_is_told_what_was_not_checked() {
    let scene = Scene::applied(&["--server-side"]);
    let user = scene
        .namespace
        .user("half")
        .may(
            &["get", "list", "patch", "create"],
            "",
            &["configmaps", "services", "secrets"],
        )
        .ready();
    let file = scene.folder.path().join("shop.yaml");
    let ran = TestCluster::get()
        .delivery()
        .env("KUBECONFIG", user.kubeconfig())
        .args(["diff", "-n", scene.namespace.name(), "-f"])
        .arg(file)
        .run()
        .exits(2);
    assert!(
        ran.stdout.contains("could not be checked"),
        "{} {}",
        ran.stdout,
        ran.stderr
    );
    for kind in ["Deployment", "HorizontalPodAutoscaler"] {
        let waiver = format!("--waive unreadable={kind}/{}/web", scene.namespace.name());
        assert!(ran.stderr.contains(&waiver), "{}", ran.stderr);
    }
}
