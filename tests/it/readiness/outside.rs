//! What something outside of the release brings about: waited for last, not for ever, and not at all where one says so.

use crate::execute::app::{App, workload};
use crate::harness::{Ran, Run};
use serde_json::{Value, json};
use std::time::Duration;

fn balancer(labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "lb", "labels": labels},
        "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]}})
}

pub fn web() -> Value {
    workload("Deployment", "web", '1', None)
}

/// Where in what was printed a text is.
fn place(ran: &Ran, text: &str) -> usize {
    ran.stdout
        .lines()
        .position(|line| line.contains(text))
        .unwrap_or_else(|| panic!("no {text} in {ran:?}"))
}

#[test]
fn an_address_that_nobody_gives_is_waited_for_after_the_workloads_and_then_a_note() {
    let app = App::new();
    let first = app
        .promote("1", &[balancer(&json!({})), web()])
        .args(["-o", "json"])
        .run()
        .exits(0);
    let note = "waiting for a load balancer address; not waited for without";
    assert!(
        place(&first, "\"name\":\"web\"") < place(&first, note),
        "{first:?}"
    );
    assert!(first.took < Duration::from_secs(60), "{:?}", first.took);
    // As it was before is no reason to wait, nor to fail.
    let changed = [balancer(&json!({"a": "b"})), web()];
    let second = app.promote("2", &changed).args(["--soak", "1s"]).run().exits(0);
    assert!(
        second.stderr.contains("not ready before this promotion either"),
        "{second:?}"
    );
    assert!(second.took < Duration::from_secs(15), "{:?}", second.took);
    let third = [balancer(&json!({"a": "c"})), web()];
    let strict = app
        .promote("3", &third)
        .args(["--wait=strict", "--timeout", "10s"])
        .run()
        .exits(3);
    assert!(
        strict.stderr.contains("waiting for a load balancer address"),
        "{strict:?}"
    );
}

#[test]
fn nothing_waits_for_what_an_annotation_or_the_environment_names() {
    let app = App::new();
    let mut marked = workload("Deployment", "marked", '1', Some("image-not-found"));
    marked["metadata"]["annotations"] = json!({"kubectl-delivery.io/wait": "false"});
    let folder = tempfile::tempdir().unwrap();
    let environment = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment", "metadata": {"name": "test"},
        "spec": {"wait": [{"target": {"kind": "Service", "name": "lb"}, "reason": "no cloud here"}]}});
    let file = folder.path().join("environment.yaml");
    std::fs::write(&file, environment.to_string()).unwrap();
    let mut promote = app.promote("1", &[balancer(&json!({})), marked]);
    let outcome = promote
        .arg("-e")
        .arg(&file)
        .args(["--wait=strict"])
        .run()
        .exits(0);
    assert!(
        outcome.stderr.contains("not waited for: no cloud here"),
        "{outcome:?}"
    );
    assert!(
        outcome
            .stderr
            .contains("not waited for: annotation kubectl-delivery.io/wait"),
        "{outcome:?}"
    );
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}
