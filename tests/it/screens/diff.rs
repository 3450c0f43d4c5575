//! Screens of `diff`.

use super::Stage;
use super::stage::{config, web};
use crate::harness::{TestCluster, until};
use serde_json::json;

const EDIT: &str =
    "patch configmap settings --field-manager kubectl-edit -p {\"data\":{\"currency\":\"CHF\"}}";

#[test]
fn a_cluster_in_sync() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);

    stage.assert_screen("diff_in_sync", "diff shop-1.4.1.yaml");
}

#[test]
fn drift_in_each_output_format() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), config("flags", "on")]);
    stage.kubectl(EDIT);

    stage.assert_screen("diff_drift", "diff shop-1.4.1.yaml");
    stage.assert_screen("diff_drift_of_the_promoted_release", "diff");
    for format in ["name", "json", "markdown", "junit"] {
        stage.assert_screen(
            &format!("diff_drift_{format}"),
            &format!("diff shop-1.4.1.yaml -o {format}"),
        );
    }
}

#[test]
fn a_limit_for_another_format_and_one_without_room_for_a_headline() {
    let stage = Stage::new();
    stage.release("1.4.1", &[config("settings", "EUR")]);

    stage.assert_screen("diff_max_bytes_of_text", "diff shop-1.4.1.yaml --max-bytes 5000");
    stage.assert_screen(
        "diff_max_bytes_too_small",
        "diff shop-1.4.1.yaml -o markdown --max-bytes 100",
    );
}

#[test]
fn a_patch_of_the_manifests_and_what_it_leaves_out() {
    let stage = Stage::new();
    let objects = [config("settings", "EUR"), config("flags", "on"), web("1.0.0")];
    stage.promoted("1.4.1", &objects);
    stage.assert_screen("diff_patch_in_sync", "diff -o patch");

    stage.kubectl(EDIT);
    stage.kubectl("delete configmap flags");
    let registry = &TestCluster::get().registry;
    stage.kubectl(&format!("set image deployment web web={registry}/shop/web:1.1.0"));
    stage.kubectl("set env deployment web DEBUG=1");
    stage.kubectl("rollout status deployment/web --timeout 20s");

    stage.assert_screen("diff_patch", "diff -o patch");
    stage.assert_screen("diff_patch_only", "diff -o patch --only ConfigMap/flags");
}

#[test]
fn a_choice_for_another_format_and_one_of_an_object_that_is_not_compared() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);

    stage.assert_screen("diff_only_of_text", "diff --only ConfigMap/settings");
    stage.assert_screen("diff_patch_only_unknown", "diff -o patch --only ConfigMap/other");
}

#[test]
fn objects_that_differ_in_the_same_way_as_markdown() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &["a", "b", "c"].map(|name| config(name, "EUR")));
    // Within one second: the server's times have no fractions of it, and a time that is not that of all is left out.
    let edit = EDIT.replace("settings", "a b c");
    let edit_all = || {
        stage.kubectl(&edit.replace("CHF", "EUR"));
        stage.kubectl(&edit);
        let times = ["a", "b", "c"].map(|name| {
            let object = stage.namespace.get("", "ConfigMap", name).unwrap();
            object.at("/metadata/managedFields/1/time").cloned()
        });
        times.iter().all(|time| time.is_some() && *time == times[0])
    };
    assert!(until(20, edit_all));

    stage.assert_screen(
        "diff_markdown_of_equal_changes",
        "diff shop-1.4.1.yaml -o markdown",
    );
}

#[test]
fn recent_changes() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    // The newest comes first, and the server's times have no fractions of a second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    stage.kubectl(EDIT);

    stage.assert_screen("diff_since", "diff shop-1.4.1.yaml --since 10m");
}

#[test]
fn an_object_that_is_missing_and_one_that_is_orphaned() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), config("flags", "on")]);
    let labels = stage
        .namespace
        .get("", "ConfigMap", "flags")
        .unwrap()
        .labels()
        .unwrap()
        .clone();
    stage.kubectl("delete configmap settings");
    let mut orphaned = config("texts", "EUR");
    orphaned["metadata"]["labels"] = labels.into();
    stage.namespace.apply(orphaned);

    stage.assert_screen("diff_missing_and_orphaned", "diff shop-1.4.1.yaml");
}

#[test]
fn a_container_that_runs_another_image() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[web("1.0.0")]);
    stage.release("1.4.2", &[web("1.1.0")]);

    stage.assert_screen("diff_image", "diff shop-1.4.2.yaml");
}

#[test]
fn a_container_whose_image_another_client_set() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[web("1.0.0")]);
    let registry = &TestCluster::get().registry;
    stage.kubectl(&format!("set image deployment web web={registry}/shop/web:1.1.0"));
    stage.kubectl("rollout status deployment/web --timeout 20s");

    stage.assert_screen("diff_image_set", "diff shop-1.4.1.yaml");
}

#[test]
fn manifests_that_were_not_tested_and_those_that_the_environment_expects() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    let manifest = json!({"apiVersion": "v1", "kind": "List", "items": [config("settings", "USD")]});
    stage.write("production.json", &manifest.to_string());
    let rules = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment",
        "metadata": {"name": "production"}, "spec": {"manifests": {"files": ["production.json"]}, "differences": [{
            "target": {"kind": "ConfigMap", "name": "settings"}, "path": "/data/currency",
            "reason": "customers there pay in dollars"}]}});
    stage.write("environment.json", &rules.to_string());

    stage.assert_screen("diff_untested", "diff shop-1.4.1.yaml -f production.json");
    stage.assert_screen(
        "diff_expected",
        "diff shop-1.4.1.yaml -e environment.json --show-expected",
    );
}

#[test]
fn objects_that_a_user_with_few_permissions_cannot_read() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);
    let user = stage.namespace.user("ci");
    let user = user.may(&["get", "list"], "", &["configmaps"]).ready();

    stage.assert_screen_as(&user.kubeconfig(), "diff_unreadable", "diff shop-1.4.1.yaml");
    let line = "diff shop-1.4.1.yaml --waive unreadable=Deployment/web";
    stage.assert_screen_as(&user.kubeconfig(), "diff_unreadable_waived", line);
}

#[test]
fn predictions_of_a_user_who_may_only_read() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    stage.kubectl(EDIT);
    let user = stage.namespace.user("ci").with_role("view").ready();

    let line = "diff shop-1.4.1.yaml --mode readonly";
    stage.assert_screen_as(&user.kubeconfig(), "diff_readonly", line);
}
