//! What is being deleted is no part of what is in sync: diff names it, and a promotion refuses or waits.

use crate::execute::app::{App, map};
use crate::harness::{Run, TestCluster, unique};
use serde_json::{Value, json};

fn held(name: &str) -> Value {
    let mut object = map(name, json!({"a": "1"}));
    object["metadata"]["finalizers"] = json!(["shop.example/hold"]);
    object
}

/// Takes the finalizers of a ConfigMap away at the end, so that its namespace goes.
struct Free<'a>(&'a App, &'a str);

impl Drop for Free<'_> {
    fn drop(&mut self) {
        let patch = [
            "patch",
            "configmap",
            self.1,
            "--type=merge",
            "-p",
            r#"{"metadata":{"finalizers":null}}"#,
        ];
        self.0.namespace.kubectl().args(patch).run();
    }
}

#[test]
fn an_object_that_a_finalizer_holds_is_named_by_diff_and_refused_by_a_promotion() {
    let app = App::new();
    let _free = Free(&app, "held");
    let objects = [held("held"), map("other", json!({"a": "1"}))];
    app.promote("1", &objects).run().exits(0);
    app.kubectl(&["delete", "configmap", "held", "--wait=false"]);
    for mode in ["auto", "server", "readonly"] {
        let mut diff = TestCluster::get().delivery();
        let ran = diff
            .args(["diff", "-n", app.namespace.name(), "--mode", mode])
            .run()
            .exits(1);
        assert!(ran.stdout.contains("being deleted"), "{mode}: {}", ran.stdout);
        assert!(ran.stdout.contains("shop.example/hold"), "{mode}: {}", ran.stdout);
    }
    let ran = app.promote("1", &objects).run().exits(2);
    let refused = ran
        .stderr
        .lines()
        .find(|line| line.starts_with("error [deleting]"))
        .unwrap_or_default();
    assert!(
        refused.contains("held") && refused.contains("shop.example/hold"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("kubectl wait --for=delete configmap/held"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_object_that_goes_by_itself_is_created_once_it_is_gone() {
    let app = App::new();
    let web = crate::execute::app::workload("Deployment", "web", '1', None);
    app.promote("1", &[web.clone(), map("other", json!({}))])
        .run()
        .exits(0);
    let uid = app
        .namespace
        .get("apps", "Deployment", "web")
        .unwrap()
        .uid()
        .to_owned();
    app.kubectl(&[
        "delete",
        "deployment",
        "web",
        "--cascade=foreground",
        "--wait=false",
    ]);
    app.promote("1", &[web, map("other", json!({}))]).run().exits(0);
    let live = app
        .namespace
        .get("apps", "Deployment", "web")
        .expect("it is there again");
    assert!(live.uid() != uid && !live.is_being_deleted());
}

struct Gone(String);

impl Drop for Gone {
    fn drop(&mut self) {
        let free = [
            "patch",
            "configmap",
            "hold",
            "--type=merge",
            "-p",
            r#"{"metadata":{"finalizers":null}}"#,
        ];
        TestCluster::get()
            .kubectl()
            .args(free)
            .args(["-n", &self.0])
            .run();
        let delete = ["delete", "namespace", "--wait=false", "--ignore-not-found"];
        TestCluster::get().kubectl().args(delete).arg(&self.0).run();
    }
}

#[test]
fn a_namespace_that_is_being_deleted_is_named_and_is_no_missing_right() {
    let app = App::new();
    let other = format!("t-going-{}", unique());
    let _gone = Gone(other.clone());
    app.kubectl(&["create", "namespace", &other]);
    let mut hold = held("hold");
    hold["metadata"]["namespace"] = other.as_str().into();
    app.kubectl_with(&["create", "-n", &other], &hold).exits(0);
    app.kubectl(&["delete", "namespace", &other, "--wait=false"]);
    let objects: Vec<Value> = ["a", "b"]
        .iter()
        .map(|name| {
            let mut object = map(name, json!({}));
            object["metadata"]["namespace"] = other.as_str().into();
            object
        })
        .collect();
    let release = app.release("1", &objects);
    let mut diff = TestCluster::get().delivery();
    let ran = diff
        .arg("diff")
        .arg(&release)
        .args(["-n", app.namespace.name()])
        .run()
        .exits(1);
    assert!(
        ran.stdout.contains("its namespace is being deleted"),
        "{}",
        ran.stdout
    );
    let ran = app.promote("1", &objects).run().exits(2);
    let named = |line: &&str| line.starts_with("error [deleting] Namespace") && line.contains(&other);
    assert_eq!(ran.stderr.lines().filter(named).count(), 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("[permissions]"), "{}", ran.stderr);
}
