//! APIServices that nothing serves: waited for as long as the release itself brings what serves them.

use super::outside::web;
use crate::execute::app::App;
use crate::harness::{OwnCluster, Run};
use serde_json::{Value, json};
use std::time::Duration;

/// An APIService that a Service of the release's namespace is to serve.
fn api(app: &App, group: &str, labels: &Value) -> Value {
    json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": format!("v1.{group}"), "labels": labels},
        "spec": {"group": group, "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "insecureSkipTLSVerify": true, "service": {"namespace": app.namespace.name(), "name": "api"}}})
}

fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "api"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 443}]}})
}

/// What serves it comes with the release, and never does: that is the release's failure, by default too.
fn fails_within_the_release(cluster: &OwnCluster) {
    let app = App::on(cluster);
    let objects = [api(&app, "within.example", &json!({})), service(), web()];
    let ran = app
        .promote("1", &objects)
        .args(["--timeout", "36s"])
        .run()
        .exits(3);
    assert!(
        ran.took > Duration::from_secs(35),
        "it was not waited for: {:?}",
        ran.took
    );
    assert!(
        ran.stderr.contains("v1.within.example") && ran.stderr.contains("not available"),
        "{ran:?}"
    );
    let left = cluster
        .kubectl()
        .args(["get", "apiservice", "-o", "name"])
        .run()
        .ok();
    assert!(!left.contains("within.example"), "rolled back: {left}");
}

/// What serves it is another's: thirty seconds, a note, and a failure for who is strict.
fn is_noted_outside_of_the_release(cluster: &OwnCluster) {
    let app = App::on(cluster);
    let first = [api(&app, "outside.example", &json!({})), web()];
    let strict = app
        .promote("1", &first)
        .args(["--wait=strict", "--timeout", "10s"])
        .run()
        .exits(3);
    assert!(strict.stderr.contains("not available"), "{strict:?}");
    let noted = app.promote("2", &first).run().exits(0);
    assert!(noted.took > Duration::from_secs(29), "{:?}", noted.took);
    assert!(noted.took < Duration::from_secs(60), "{:?}", noted.took);
    let note = "not available: service/api in";
    assert!(
        noted.stderr.contains(note) && noted.stderr.contains("not waited for without --wait=strict"),
        "{noted:?}"
    );

    // As it was before: neither waited for nor a failure, and strict waits all the same.
    let second = [api(&app, "outside.example", &json!({"a": "b"})), web()];
    let before = app.promote("3", &second).run().exits(0);
    assert!(
        before.stderr.contains("not ready before this promotion either"),
        "{before:?}"
    );
    assert!(before.took < Duration::from_secs(15), "{:?}", before.took);
    let third = [api(&app, "outside.example", &json!({"a": "c"})), web()];
    let strict = app
        .promote("4", &third)
        .args(["--wait=strict", "--timeout", "10s"])
        .run()
        .exits(3);
    assert!(strict.stderr.contains("not available"), "{strict:?}");
    let labels = [
        "get",
        "apiservice",
        "v1.outside.example",
        "-o",
        "jsonpath={.metadata.labels.a}",
    ];
    assert_eq!(app.kubectl(&labels), "b", "rolled back");
}

#[test]
fn an_api_service_that_nothing_serves_fails_the_release_that_brings_what_serves_it_and_no_other() {
    // A group that is not available disturbs whoever discovers the API.
    let cluster = OwnCluster::start("apis");
    std::thread::scope(|scope| {
        let within = scope.spawn(|| fails_within_the_release(&cluster));
        let outside = scope.spawn(|| is_noted_outside_of_the_release(&cluster));
        for part in [within, outside] {
            part.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}
