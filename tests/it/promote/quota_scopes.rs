//! Quotas that count some pods only, and LimitRanges of the release that decide what its pods ask for.

use crate::execute::app::{App, workload};
use crate::harness::{Run, TestCluster, unique, until};
use rstest::rstest;
use serde_json::{Value, json};

const NONE: Value = Value::Null;

/// A Deployment whose containers ask for this; more of its pods is given beside.
fn web(replicas: u32, requests: &Value, more: &Value) -> Value {
    let mut web = workload("Deployment", "web", '1', None);
    web["spec"]["replicas"] = replicas.into();
    let pod = &mut web["spec"]["template"]["spec"];
    if !requests.is_null() {
        pod["containers"][0]["resources"] = json!({"requests": requests});
    }
    if let Some(more) = more.as_object() {
        pod.as_object_mut().unwrap().extend(more.clone());
    }
    web
}

fn quota(spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "some"}, "spec": spec})
}

fn range(cpu: &str) -> Value {
    let limit = json!({"type": "Container", "defaultRequest": {"cpu": cpu}, "default": {"cpu": "4"}});
    json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "defaults"}, "spec": {"limits": [limit]}})
}

/// An app whose namespace has a quota that is in force.
fn app_with(spec: &Value) -> App {
    let app = App::new();
    app.namespace.apply(quota(spec));
    let is_seen = || {
        let quota = app.namespace.get("", "ResourceQuota", "some").unwrap();
        quota.at("/status/hard") == Some(&spec["hard"]) && quota.at("/status/used").is_some()
    };
    assert!(until(60, is_seen), "the quota is never looked at");
    app
}

#[rstest]
#[case::best_effort("BestEffort", &json!({"cpu": "10m"}), &NONE)]
#[case::not_best_effort("NotBestEffort", &NONE, &json!({"cpu": "10m"}))]
fn a_quota_that_counts_some_pods_counts_no_others(
    #[case] scope: &str,
    #[case] others: &Value,
    #[case] its: &Value,
) {
    let scoped = || json!({"hard": {"pods": "2"}, "scopes": [scope, "NotTerminating"]});
    // One that is there, and one that the release brings.
    let app = app_with(&scoped());
    app.promote("1", &[web(3, others, &NONE)]).run().exits(0);
    let ran = app.promote("2", &[web(3, its, &NONE)]).run().exits(2);
    assert!(
        ran.stderr.contains("[quota]") && ran.stderr.contains("limited: pods=2"),
        "{}",
        ran.stderr
    );

    let app = App::new();
    let ran = app
        .promote("1", &[quota(&scoped()), web(3, its, &NONE)])
        .run()
        .exits(2);
    assert!(
        ran.stderr.contains("requested: pods=3, limited: pods=2"),
        "{}",
        ran.stderr
    );
    app.promote("2", &[quota(&scoped()), web(3, others, &NONE)])
        .run()
        .exits(0);
}

#[test]
fn a_quota_of_a_priority_class_counts_its_pods_alone() {
    let class = format!("class-{}", unique());
    let made = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": class},
        "value": 1, "preemptionPolicy": "Never"});
    TestCluster::get()
        .kubectl()
        .args(["create", "-f", "-"])
        .run_with(&made.to_string())
        .ok();
    let selected = json!({"scopeName": "PriorityClass", "operator": "In", "values": [class]});
    let spec = json!({"hard": {"pods": "2"}, "scopeSelector": {"matchExpressions": [selected]}});
    let app = app_with(&spec);
    app.promote("1", &[web(3, &NONE, &NONE)]).run().exits(0);
    let ran = app
        .promote("2", &[web(3, &NONE, &json!({"priorityClassName": class}))])
        .run();
    let fresh = App::new();
    let of_release = fresh
        .promote(
            "1",
            &[quota(&spec), web(3, &NONE, &json!({"priorityClassName": class}))],
        )
        .run();
    let without = fresh.promote("2", &[quota(&spec), web(3, &NONE, &NONE)]).run();
    TestCluster::get()
        .kubectl()
        .args(["delete", "priorityclass", &class])
        .run()
        .ok();
    let ran = ran.exits(2);
    assert!(
        ran.stderr.contains("[quota]") && ran.stderr.contains("used: pods=0, limited: pods=2"),
        "{}",
        ran.stderr
    );
    assert!(
        of_release
            .exits(2)
            .stderr
            .contains("requested: pods=3, limited: pods=2")
    );
    without.exits(0);
}

#[test]
fn the_defaults_of_a_limit_range_that_comes_along_are_counted() {
    let app = app_with(&json!({"hard": {"requests.cpu": "1"}}));
    // Each pod of today's would be refused: it asks for nothing.
    let ran = app
        .promote("1", &[range("300m"), web(4, &NONE, &NONE)])
        .run()
        .exits(2);
    let message =
        "exceeded quota: requested: requests.cpu=1200m, used: requests.cpu=0, limited: requests.cpu=1";
    assert!(
        ran.stderr.contains(message) && !ran.stderr.contains("error [pods]"),
        "{}",
        ran.stderr
    );
    app.promote("2", &[range("200m"), web(4, &NONE, &NONE)])
        .run()
        .exits(0);

    let app = App::new();
    let objects = |cpu: &str| {
        vec![
            quota(&json!({"hard": {"requests.cpu": "1"}})),
            range(cpu),
            web(4, &NONE, &NONE),
        ]
    };
    let ran = app.promote("1", &objects("300m")).run().exits(2);
    assert!(
        ran.stderr.contains("requested: requests.cpu=1200m"),
        "{}",
        ran.stderr
    );
    app.promote("2", &objects("200m")).run().exits(0);
}

#[test]
fn a_limit_range_that_comes_along_takes_pods_out_of_a_quotas_scope() {
    let none = || json!({"hard": {"pods": "0"}, "scopes": ["BestEffort"]});
    app_with(&none())
        .promote("1", &[range("10m"), web(2, &NONE, &NONE)])
        .run()
        .exits(0);
    App::new()
        .promote("1", &[quota(&none()), range("10m"), web(2, &NONE, &NONE)])
        .run()
        .exits(0);
}

#[test]
fn pods_that_stay_do_not_get_the_defaults_of_a_limit_range_that_comes_along() {
    let app = App::new();
    app.promote("1", &[web(4, &NONE, &NONE)]).run().exits(0);
    // Four that ask for nothing, and one more that gets 600m.
    let objects = [
        quota(&json!({"hard": {"requests.cpu": "1"}})),
        range("600m"),
        web(5, &NONE, &NONE),
    ];
    app.promote("2", &objects).run().exits(0);
}

#[test]
fn what_pods_ask_for_under_a_limit_range_that_changes_is_said_to_be_unknown() {
    let app = app_with(&json!({"hard": {"requests.cpu": "1200m"}}));
    app.promote("1", &[range("500m"), web(2, &NONE, &NONE)])
        .run()
        .exits(0);
    let smaller = [
        range("100m"),
        web(2, &NONE, &json!({"terminationGracePeriodSeconds": 0})),
    ];
    let ran = app.promote("2", &smaller).run().exits(0);
    let is_said = |line: &str| line.contains("[quota]") && line.contains("this promotion changes LimitRange");
    assert!(ran.stderr.lines().any(is_said), "{}", ran.stderr);
}
