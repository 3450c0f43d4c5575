//! Objects that another delivery tool's mark keeps stay when they leave the release, and are named.

use crate::execute::app::{App, map, workload};
use crate::harness::{Run, TestCluster};
use serde_json::{Value, json};

fn marked(name: &str, key: &str, value: &str) -> Value {
    let mut object = map(name, json!({"n": "1"}));
    object["metadata"]["annotations"] = json!({key: value});
    object
}

#[test]
fn what_a_keep_mark_keeps_is_not_pruned_and_is_named_with_its_mark() {
    let app = App::new();
    let marks = [
        ("by-helm", "helm.sh/resource-policy", "keep"),
        ("by-argo", "argocd.argoproj.io/sync-options", "Prune=false"),
        ("by-flux", "kustomize.toolkit.fluxcd.io/prune", "disabled"),
        ("by-kapp", "kapp.k14s.io/delete-strategy", "orphan"),
    ];
    let stays: Vec<Value> = ["one", "two"].iter().map(|name| map(name, json!({}))).collect();
    let mut first: Vec<Value> = marks
        .iter()
        .map(|(name, key, value)| marked(name, key, value))
        .collect();
    first.push(map("plain", json!({})));
    first.extend(stays.iter().cloned());
    app.promote("1", &first).run().exits(0);
    let ran = app.promote("2", &stays).args(["--allow-prune"]).run().exits(0);
    assert!(app.namespace.get("", "ConfigMap", "plain").is_none());
    for (name, key, value) in marks {
        assert!(
            app.namespace.get("", "ConfigMap", name).is_some(),
            "{name} is gone:\n{}",
            ran.stderr
        );
        let is_named =
            |line: &str| line.contains(name) && line.contains(&format!("left in place: {key}: {value}"));
        assert!(
            ran.stderr.lines().any(is_named),
            "nothing said of {name}:\n{}",
            ran.stderr
        );
    }
    // What stays is no drift of the release that it left.
    let mut diff = TestCluster::get().delivery();
    diff.args(["diff", "-n", app.namespace.name()]).run().exits(0);
}

#[test]
fn what_was_created_with_a_keep_mark_outlives_the_revert_of_its_promotion_and_not_a_rollback() {
    let app = App::new();
    let plain = map("plain", json!({}));
    let retained = || marked("kept", "helm.sh/resource-policy", "keep");
    app.promote("1", std::slice::from_ref(&plain)).run().exits(0);
    app.promote("2", &[plain.clone(), retained()]).run().exits(0);
    let ran = app.revert().run().exits(0);
    assert!(
        app.namespace.get("", "ConfigMap", "kept").is_some(),
        "{}",
        ran.stderr
    );
    let is_named =
        |line: &str| line.contains("kept") && line.contains("left in place: helm.sh/resource-policy: keep");
    assert!(ran.stderr.lines().any(is_named), "{}", ran.stderr);
    let is_deleted = |line: &str| line.contains("deleted ") && line.ends_with("/kept");
    assert!(!ran.stderr.lines().any(is_deleted), "{}", ran.stderr);

    let broken = workload("Deployment", "web", '1', Some("image-not-found"));
    let mut anew = retained();
    anew["metadata"]["name"] = "anew".into();
    app.promote("3", &[plain, anew, broken]).run().exits(3);
    assert!(
        app.namespace.get("", "ConfigMap", "anew").is_none(),
        "nobody uses it yet"
    );
}
