//! Objects of which their controller never says that it has seen what was written.

use super::conditions::{Definition, definition, group};
use crate::execute::app::{App, image};
use crate::harness::Run;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn a_budget_that_its_controller_cannot_compute_is_told_and_not_waited_for() {
    let app = App::new();
    // kwok leaves the pod running; the controller finds no scale of its Job.
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "import"}, "spec": {
        "template": {"metadata": {"labels": {"app": "import"}}, "spec": {"restartPolicy": "Never",
            "containers": [{"name": "main", "image": image('1')}]}}}});
    let budget = |share: &str| {
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "import"},
            "spec": {"maxUnavailable": share, "selector": {"matchLabels": {"app": "import"}}}})
    };
    app.promote("1", std::slice::from_ref(&job)).run().exits(0);
    let first = app
        .promote("2", &[job.clone(), budget("50%")])
        .args(["--timeout", "60s"])
        .run()
        .exits(0);
    assert!(first.took < Duration::from_secs(30), "{first:?}");
    assert!(
        first
            .stderr
            .contains("its controller cannot compute the budget: jobs.batch"),
        "{first:?}"
    );
    let next = app
        .promote("3", &[job, budget("40%")])
        .args(["--timeout", "60s"])
        .run()
        .exits(0);
    assert!(
        next.stderr.contains("does not implement the scale subresource"),
        "{next:?}"
    );
}

#[test]
fn a_custom_resource_whose_controller_never_observes_a_change_ends_unknown_and_is_not_rolled_back() {
    let app = App::new();
    let group = group();
    let _definition = Definition(format!("routes.{group}"));
    let route = |host: &str| json!({"apiVersion": format!("{group}/v1"), "kind": "Route", "metadata": {"name": "web"}, "spec": {"host": host}});
    let objects = |host: &str| vec![definition(&group, "Route"), route(host)];
    app.promote("1", &objects("one.example")).run().exits(0);
    let patch: Value = json!({"status": {"observedGeneration": 1}});
    let name = format!("routes.{group}");
    app.kubectl(&[
        "patch",
        &name,
        "web",
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch.to_string(),
    ]);

    let unknown = app
        .promote("2", &objects("two.example"))
        .args(["--timeout", "10s"])
        .run()
        .exits(0);
    let why = "waiting for its controller (observedGeneration 1 of 2)";
    assert!(unknown.stderr.contains(why), "{unknown:?}");
    let third = objects("three.example");
    let strict = app
        .promote("3", &third)
        .args(["--timeout", "10s", "--wait=strict"])
        .run()
        .exits(3);
    assert!(
        strict
            .stderr
            .contains("waiting for its controller (observedGeneration 1 of 3)"),
        "{strict:?}"
    );
}
