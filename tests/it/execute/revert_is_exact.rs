//! Reverts are exact: spec, labels, annotations, data and field ownership are what they were; what others changed since
//! on other fields stays.

use super::app::{App, map, workload};
use crate::harness::Run;
use serde_json::{Value, json};

#[test]
fn a_rollout_that_fails_leaves_everything_as_it_was() {
    let app = App::new();
    let old = [
        map("config", json!({"a": "1"})),
        workload("Deployment", "web", '1', None),
        map("old", json!({})),
    ];
    app.promote("1", &old).run().exits(0);
    let new = [
        map("config", json!({"a": "2", "b": "3"})),
        workload("Deployment", "web", '2', Some("image-not-found")),
        map("new", json!({})),
    ];
    let all = [&old[..], &new[2..]].concat();
    let before = app.copy(&all);
    let ran = app.promote("2", &new).run().exits(3);
    assert!(ran.stderr.contains("rolled back"), "{}", ran.stderr);
    app.copy(&all).must_be(&before, "after a failed rollout");
    assert_eq!(app.status()["version"], "1");
    let history = app.history();
    assert_eq!(history[0]["outcome"], "rolledBack");
    assert!(history[0]["failure"]["cause"]["message"].is_string(), "{history}");
}

#[test]
fn a_finished_promotion_is_put_back_with_what_it_pruned() {
    let app = App::new();
    let old = [
        map("config", json!({"a": "1"})),
        workload("Deployment", "web", '1', None),
        map("old", json!({"x": "y"})),
        map("static", json!({})),
    ];
    app.promote("1", &old).run().exits(0);
    let before = app.copy(&old);
    let new = [
        map("config", json!({"a": "2"})),
        workload("Deployment", "web", '2', None),
        map("static", json!({})),
    ];
    app.promote("2", &new).run().exits(0);
    assert!(app.namespace.get("", "ConfigMap", "old").is_none());
    app.revert().run().exits(0);
    app.copy(&old).must_be(&before, "after a revert");
    assert_eq!(app.status()["version"], "1");
}

#[test]
fn the_pods_run_with_the_configuration_that_was_put_back() {
    let app = App::new();
    let mut web = workload("Deployment", "web", '1', None);
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
        json!([{"configMapRef": {"name": "config"}}]);
    let version = |value: &str| [map("config", json!({"a": value})), web.clone()];
    app.promote("1", &version("1")).run().exits(0);
    let pods = || {
        app.kubectl(&[
            "get",
            "pods",
            "-l",
            "app=web",
            "-o",
            "jsonpath={.items[*].metadata.uid}",
        ])
    };
    let first = pods();
    app.promote("2", &version("2")).run().exits(0);
    let second = pods();
    assert_ne!(first, second, "a new configuration restarts the pods");
    app.revert().run().exits(0);
    assert_ne!(second, pods(), "and the old one restarts them again");
    let data = app.namespace.get("", "ConfigMap", "config").unwrap();
    assert_eq!(data.text("/data/a"), "1");
}

#[test]
fn edits_by_others_stay_on_other_fields_and_are_named_on_the_same() {
    let app = App::new();
    let version = |value: &str| {
        [
            map("config", json!({"a": value, "b": value})),
            workload("Deployment", "web", '1', None),
        ]
    };
    app.promote("1", &version("1")).run().exits(0);
    app.promote("2", &version("2")).run().exits(0);
    app.kubectl(&[
        "patch",
        "configmap",
        "config",
        "--type=merge",
        "-p",
        r#"{"data":{"mine":"yes","b":"hand"}}"#,
    ]);
    app.kubectl(&["scale", "deployment", "web", "--replicas=3"]);
    let ran = app.revert().run().exits(0);
    let live = app.namespace.get("", "ConfigMap", "config").unwrap();
    assert_eq!(
        live.at("/data"),
        Some(&json!({"a": "1", "b": "1", "mine": "yes"}))
    );
    assert!(
        ran.stderr.contains("/data/b was changed after the promotion"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("/data/mine"), "{}", ran.stderr);
    let owners = live
        .managed_fields()
        .iter()
        .filter(|entry| entry["manager"] == "kubectl-patch");
    assert_eq!(owners.count(), 1, "who made `mine` still owns it");
    let web = app.namespace.get("apps", "Deployment", "web").unwrap();
    assert_eq!(
        web.at("/spec/replicas"),
        Some(&json!(3)),
        "the promotion did not change replicas"
    );
}

#[test]
fn an_edit_on_the_same_field_wins_with_keep_foreign() {
    let app = App::new();
    let version = |value: &str| [map("config", json!({"a": value, "b": value}))];
    app.promote("1", &version("1")).run().exits(0);
    app.promote("2", &version("2")).run().exits(0);
    app.kubectl(&[
        "patch",
        "configmap",
        "config",
        "--type=merge",
        "-p",
        r#"{"data":{"b":"hand"}}"#,
    ]);
    app.revert().arg("--keep-foreign").run().exits(0);
    let live = app.namespace.get("", "ConfigMap", "config").unwrap();
    assert_eq!(live.at("/data"), Some(&json!({"a": "1", "b": "hand"})));
}

#[test]
fn a_stateful_set_that_is_stuck_on_a_broken_revision_comes_back() {
    let app = App::new();
    let good = [workload("StatefulSet", "db", '1', None)];
    app.promote("1", &good).run().exits(0);
    let before = app.copy(&good);
    app.promote(
        "2",
        &[workload("StatefulSet", "db", '2', Some("image-not-found"))],
    )
    .run()
    .exits(3);
    app.copy(&good).must_be(&before, "after the revert");
    let live = app.namespace.get("apps", "StatefulSet", "db").unwrap();
    assert_eq!(
        live.at("/status/readyReplicas"),
        Some(&json!(2)),
        "it is ready again"
    );
}

#[test]
fn replicas_that_an_autoscaler_set_meanwhile_are_kept() {
    let app = App::new();
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}});
    let version = |digit| [workload("Deployment", "web", digit, None), hpa.clone()];
    app.promote("1", &version('1')).run().exits(0);
    app.promote("2", &version('2')).run().exits(0);
    // What an autoscaler does, as the API server sees it.
    app.kubectl(&["scale", "deployment", "web", "--replicas=4"]);
    app.revert().run().exits(0);
    let web = app.namespace.get("apps", "Deployment", "web").unwrap();
    assert_eq!(web.at("/spec/replicas"), Some(&json!(4)));
    assert!(
        web.text("/spec/template/spec/containers/0/image")
            .ends_with(&"1".repeat(64))
    );
}

#[test]
fn what_kubectl_apply_owned_it_owns_again() {
    let app = App::new();
    let mut first = map("config", json!({"a": "1", "gone": "x"}));
    first["metadata"]["labels"] = json!({"team": "a"});
    app.kubectl_with(&["apply"], &first).ok();
    let before = app.copy(std::slice::from_ref(&first));
    let mut command = app.promote("1", &[map("config", json!({"a": "2"}))]);
    let ran = command
        .args(["--adopt", "kubectl-client-side-apply"])
        .run()
        .exits(0);
    let live = app.namespace.get("", "ConfigMap", "config").unwrap();
    assert_eq!(
        live.at("/data"),
        Some(&json!({"a": "2"})),
        "what it no longer holds is gone: {}",
        ran.stderr
    );
    app.revert().run().exits(0);
    app.copy(&[first]).must_be(&before, "after the revert");
}

#[test]
fn a_broken_state_is_gone_back_to_as_it_was() {
    let app = App::new();
    let broken = workload("Deployment", "web", '1', Some("never-ready"));
    app.kubectl_with(
        &["apply", "--server-side", "--field-manager=kubectl-delivery"],
        &broken,
    )
    .ok();
    let before = app.copy(std::slice::from_ref(&broken));
    app.promote(
        "2",
        &[workload("Deployment", "web", '2', Some("image-not-found"))],
    )
    .run()
    .exits(3);
    app.copy(&[broken]).must_be(&before, "after the revert");
}

#[test]
fn only_one_journal_and_its_pre_images_are_kept() {
    let app = App::new();
    let version = |value: &str| -> Vec<Value> { vec![map("config", json!({"a": value}))] };
    for value in ["1", "2", "3"] {
        app.promote(value, &version(value)).run().exits(0);
    }
    let selector = "kubectl-delivery.io/release=app,kubectl-delivery.io/role=preimage";
    let pre_images = || app.kubectl(&["get", "secrets", "-l", selector, "-o", "name"]);
    let secrets = pre_images();
    assert_eq!(secrets.lines().count(), 1, "{secrets}");
    app.revert().run().exits(0);
    let secrets = pre_images();
    assert_eq!(secrets, "", "a journal that was put back keeps nothing");
    assert_eq!(app.status()["version"], "2");
}

#[test]
fn an_older_revision_is_promoted_again_from_what_the_cluster_keeps() {
    let app = App::new();
    for value in ["1", "2", "3"] {
        app.promote(value, &[map("config", json!({"a": value}))])
            .run()
            .exits(0);
    }
    app.revert().args(["--to-revision", "1"]).run().exits(0);
    assert_eq!(
        app.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/a"),
        "1"
    );
    assert_eq!(
        (app.status()["version"].clone(), app.status()["revision"].clone()),
        (json!("1"), json!(4))
    );
    let unknown = app.revert().args(["--to-revision", "9"]).run().exits(1);
    assert!(unknown.stderr.contains("history"), "{}", unknown.stderr);
}
