//! What a revert says at its end was looked at: what is gone, and what stays with the command that deletes it.

use crate::execute::app::{App, image, map};
use crate::harness::{Run, TestCluster, unique};
use serde_json::{Value, json};

fn job(digit: char) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}, "spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "main", "image": image(digit)}]}}}})
}

#[test]
fn a_job_that_had_run_and_is_gone_is_noted_at_the_end() {
    let app = App::new();
    app.promote("1", &[job('1'), map("config", json!({}))])
        .run()
        .exits(0);
    app.promote("2", &[job('2'), map("config", json!({}))])
        .run()
        .exits(0);
    let ran = app.revert().run().exits(0);
    assert!(app.namespace.get("batch", "Job", "migrate").is_none());
    let outcome = ran
        .stderr
        .lines()
        .find(|line| line.starts_with("note: "))
        .unwrap_or_default();
    assert!(
        outcome.contains("Job") && outcome.contains("migrate"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_revert_that_leaves_nothing_says_so() {
    let app = App::new();
    app.promote("1", &[map("config", json!({}))]).run().exits(0);
    let ran = app.revert().run().exits(0);
    assert!(ran.stderr.contains("; no release is promoted"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("note: "), "{}", ran.stderr);
}

struct Gone(String);

impl Drop for Gone {
    fn drop(&mut self) {
        let delete = ["delete", "--wait=false", "--ignore-not-found", "namespace"];
        TestCluster::get().kubectl().args(delete).arg(&self.0).run();
    }
}

#[test]
fn a_created_namespace_that_stays_is_named_with_the_command_that_deletes_it() {
    let app = App::new();
    let other = format!("t-stays-{}", unique());
    let _gone = Gone(other.clone());
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}});
    app.promote("1", &[namespace]).run().exits(0);
    app.kubectl(&["create", "secret", "generic", "own", "-n", &other]);
    let allowed = format!("Namespace/{other}");
    let ran = app
        .revert()
        .args(["--allow-unconfirmed", &allowed])
        .run()
        .exits(4);
    assert!(
        ran.stderr.contains(&format!("kubectl delete namespace/{other}")),
        "{}",
        ran.stderr
    );
    assert!(
        !ran.stderr.contains("kubectl edit") && !ran.stderr.contains("what the objects were"),
        "{}",
        ran.stderr
    );
}
