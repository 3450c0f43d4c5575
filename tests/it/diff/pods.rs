//! What is said of the pods: configuration that is older than its source, old revisions that still end, digests that nobody
//! reports yet.

use crate::execute::app::{App, image, map, workload};
use crate::harness::{Run, TestCluster};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Against what was promoted last.
fn diff(app: &App) -> Value {
    let mut command = TestCluster::get().delivery();
    command.args(["diff", "-n", app.namespace.name(), "-o", "json"]);
    serde_json::from_str(&command.run().stdout).unwrap()
}

fn within(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}: not in time");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn pods_that_started_before_their_configuration_changed_are_named() {
    let app = App::new();
    let mut web = workload("Deployment", "web", '1', None);
    let container = &mut web["spec"]["template"]["spec"]["containers"][0];
    container["envFrom"] = json!([{"configMapRef": {"name": "config"}}]);
    app.promote("1", &[map("config", json!({"LEVEL": "info"})), web])
        .run()
        .exits(0);
    let fresh = diff(&app);
    assert_eq!(
        fresh["headline"], "no differences: 2 objects compared",
        "{fresh:#}"
    );
    // Times of the server have whole seconds.
    std::thread::sleep(Duration::from_millis(1100));
    app.kubectl(&[
        "patch",
        "configmap",
        "config",
        "-p",
        r#"{"data": {"LEVEL": "debug"}}"#,
    ]);
    let view = diff(&app);
    for format in ["text", "markdown", "html", "junit"] {
        let mut command = TestCluster::get().delivery();
        let ran = command
            .args(["diff", "-n", app.namespace.name(), "-o", format])
            .run()
            .exits(1)
            .stdout;
        assert!(ran.contains("stale configuration: "), "-o {format}: {ran}");
    }
    let found = view["stale"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{view:#}");
    assert_eq!(
        (&found[0]["workload"]["name"], &found[0]["source"]["name"]),
        (&json!("web"), &json!("config"))
    );
    let mut named: Vec<_> = found[0]["pods"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    named.sort_unstable();
    let pods = app.kubectl(&["get", "pods", "-o", "jsonpath={.items[*].metadata.name}"]);
    assert_eq!(named, pods.split_whitespace().collect::<Vec<_>>());
    std::thread::sleep(Duration::from_millis(1100));
    app.kubectl(&["delete", "pods", "--all"]);
    app.kubectl(&["rollout", "status", "deployment/web", "--timeout=30s"]);
    let again = diff(&app);
    assert_eq!(
        again["stale"],
        json!([]),
        "new pods read what is there: {again:#}"
    );
    assert_eq!(
        again["objects"][0]["changes"][0]["path"], "/data/LEVEL",
        "{again:#}"
    );
}

#[test]
fn pods_of_an_old_revision_that_still_end_are_told_as_such() {
    let app = App::new();
    let slow = |digit| {
        let mut web = workload("Deployment", "web", digit, Some("slow-to-end"));
        web["spec"]["template"]["metadata"]["annotations"] = json!({"kwok-play-after": "15s"});
        web
    };
    app.promote("1", &[slow('1')]).run().exits(0);
    app.promote("2", &[slow('2')]).run().exits(0);
    let view = diff(&app);
    let running = view["images"][0]["running"]
        .as_array()
        .unwrap_or_else(|| panic!("{view:#}"));
    let counted: Vec<_> = running
        .iter()
        .map(|one| {
            let digest = one["digest"].as_str().unwrap();
            let digit = if image('1').ends_with(digest) { '1' } else { '2' };
            (
                digit,
                one["oldRevision"].as_bool().unwrap(),
                one["pods"].as_array().unwrap().len(),
            )
        })
        .collect();
    assert_eq!(counted, [('2', false, 2), ('1', true, 2)], "{view:#}");
    assert_eq!(
        view["images"][0]["state"], "match",
        "what still ends is no difference: {view:#}"
    );
}

#[test]
fn the_image_of_a_pod_that_reports_no_digest_yet_is_unknown() {
    let app = App::new();
    let web = workload("Deployment", "web", '1', Some("never-starts"));
    let release = app.release("1", std::slice::from_ref(&web));
    app.kubectl_with(&["apply", "--server-side"], &web).exits(0);
    within("its pods", || {
        app.kubectl(&[
            "get",
            "pods",
            "-o",
            "jsonpath={.items[*].status.containerStatuses[*].state}",
        ])
        .contains("ContainerCreating")
    });
    let mut command = TestCluster::get().delivery();
    command
        .arg("diff")
        .arg(release)
        .args(["-n", app.namespace.name()]);
    let view: Value = serde_json::from_str(&command.args(["-o", "json"]).run().stdout).unwrap();
    assert_eq!(view["images"][0]["state"], "unknown", "{view:#}");
    assert!(command.run().stdout.contains("unknown"));
}
