//! `revert --to-revision` promotes an old revision under the terms of then, and takes nothing from the history.

use crate::execute::app::{App, NAME, image, map, workload};
use crate::harness::{Run, TestCluster, Webhook};
use serde_json::{Value, json};

#[test]
fn going_back_to_an_old_revision_keeps_the_history_and_speaks_json() {
    let app = App::new();
    let version = |n: u32| {
        [
            map("config", json!({"n": n.to_string()})),
            map("other", json!({})),
        ]
    };
    for n in 1..=12 {
        app.promote(&n.to_string(), &version(n))
            .args(["--history", "50"])
            .run()
            .exits(0);
    }
    let ran = app
        .revert()
        .args(["--to-revision", "5", "-o", "json"])
        .run()
        .exits(0);
    let events: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("one event a line"))
        .collect();
    let last = events.last().expect("events on stdout");
    assert_eq!(
        (&last["event"], &last["outcome"]),
        (&json!("finished"), &json!("promoted")),
        "{}",
        ran.stdout
    );
    let history = app.history();
    let revisions: Vec<u64> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["revision"].as_u64().unwrap())
        .collect();
    assert_eq!(revisions.len(), 13, "{revisions:?}");
    assert_eq!(
        app.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/n"),
        "5"
    );
    app.revert().args(["--to-revision", "1"]).run().exits(0);
    assert_eq!(
        app.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/n"),
        "1"
    );
}

#[test]
fn an_old_revision_is_judged_by_the_environment_that_it_was_promoted_with() {
    let app = App::new();
    // Admission adds a container that only the environment knows.
    let hook = Webhook::changing_of(&app.namespace, ("", "pods"), |review| {
        let containers = review
            .pointer("/request/object/spec/containers")
            .and_then(Value::as_array);
        let is_there = containers.into_iter().flatten().any(|one| one["name"] == "proxy");
        let add = json!([{"op": "add", "path": "/spec/containers/-",
            "value": {"name": "proxy", "image": "mesh.example/proxy:1"}}]);
        if is_there { json!([]) } else { add }
    });
    hook.wait(|| {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "try"},
            "spec": {"containers": [{"name": "a", "image": "a.example/a:1"}]}});
        let ran = app.kubectl_with(&["create", "--dry-run=server", "-o", "json"], &pod);
        ran.stdout.contains("proxy")
    });
    let folder = tempfile::tempdir().unwrap();
    let environment = folder.path().join("environment.yaml");
    let text = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment",
        "metadata": {"name": "here"}, "spec": {
            "injected": [{"image": "mesh.example/proxy*", "reason": "service mesh"}],
            "gates": [{"name": "smoke", "job": "smoke.json"}]}});
    let smoke = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "smoke"}, "spec": {"template": {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image('7')}]}}}});
    std::fs::write(folder.path().join("smoke.json"), smoke.to_string()).unwrap();
    std::fs::write(&environment, text.to_string()).unwrap();
    for digit in ['1', '2'] {
        let web = workload("Deployment", "web", digit, None);
        app.promote(&digit.to_string(), &[web])
            .arg("-e")
            .arg(&environment)
            .run()
            .exits(0);
    }
    let ran = app
        .revert()
        .args(["--to-revision", "1", "-o", "json"])
        .run()
        .exits(0);
    assert!(
        ran.stdout.contains("smoke"),
        "its gate was not asked: {}",
        ran.stdout
    );
    let live = app.namespace.get("apps", "Deployment", "web").unwrap();
    let runs = live.text("/spec/template/spec/containers/0/image");
    assert_eq!(runs, image('1'), "{}", ran.stdout);
}

#[test]
fn what_a_promotion_may_do_can_be_said_of_an_old_revision_too_and_of_nothing_else() {
    let app = App::new();
    let version = |n: &str| [map("config", json!({"n": n}))];
    app.promote("1", &version("1")).run().exits(0);
    app.promote("2", &version("2")).run().exits(0);
    app.kubectl(&[
        "patch",
        "configmap",
        "config",
        "-p",
        r#"{"data":{"n":"by hand"}}"#,
    ]);
    app.revert().args(["--to-revision", "1"]).run().exits(2);
    app.revert()
        .args(["--to-revision", "1", "--overwrite"])
        .run()
        .exits(0);
    assert_eq!(
        app.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/n"),
        "1"
    );
    let mut revert = TestCluster::get().delivery();
    revert
        .args(["revert", NAME, "-n", app.namespace.name(), "--overwrite"])
        .run()
        .exits(1);
}
