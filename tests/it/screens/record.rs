//! Screens of `record`.

use super::Stage;
use super::stage::{config, web};
use crate::harness::TestCluster;
use serde_json::{Value, json};

const LINE: &str = "record -f manifests.json --name shop --version 1.4.2 -o shop.yaml";

fn stage(objects: &[Value]) -> Stage {
    let stage = Stage::new();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    stage.write("manifests.json", &list.to_string());
    stage
}

#[test]
fn a_release_is_recorded_with_the_digests_of_its_images() {
    let stage = stage(&[config("settings", "EUR"), web("1.0.0")]);

    stage.assert_screen("record", LINE);
    stage.assert_screen(
        "record_to_stdout",
        "record -f manifests.json --name shop --version 1.4.2",
    );
    let line = "record --from shop.yaml --version 1.4.3 --image shop/web=shop/web:1.1.0 -o next.yaml";
    let registry = &TestCluster::get().registry;
    stage.assert_screen(
        "record_from_a_release",
        &line.replace("shop/web", &format!("{registry}/shop/web")),
    );
}

#[test]
fn an_image_that_is_not_in_its_registry() {
    let stage = stage(&[web("9.9.9")]);

    stage.assert_screen("record_missing_image", LINE);
    stage.assert_screen("record_offline", &format!("{LINE} --offline"));
}

#[test]
fn fields_that_a_server_wrote_are_left_out() {
    let mut settings = config("settings", "EUR");
    settings["metadata"]["uid"] = "00000000-1111-2222-3333-444444444444".into();
    settings["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
        "uid": "00000000-1111-2222-3333-444444444444"}]);
    let operator = json!({"apiVersion": "acme.example/v1", "kind": "Farm",
        "metadata": {"name": "shop"}, "spec": {"args": ["--reloader=registry.example/reloader:v3"]}});

    stage(&[settings, operator]).assert_screen("record_notes", LINE);
}

#[test]
fn a_field_that_looks_like_an_image_is_neither_recorded_nor_ignored() {
    let farm = json!({"apiVersion": "acme.example/v1", "kind": "Farm", "metadata": {"name": "shop"},
        "spec": {"image": "registry.example/farm:v3", "workers": [{"image": "registry.example/worker:v3"}]}});

    stage(&[farm]).assert_screen("record_unknown_image", LINE);
}

#[test]
fn the_test_cluster_runs_what_is_recorded_or_does_not() {
    let stage = stage(&[web("1.0.0")]);
    stage.release("1.4.2", &[web("1.0.0")]);
    stage.assert_screen("record_from_cluster_absent", &format!("{LINE} --from-cluster"));

    stage.applied("1.4.2");
    stage.kubectl("rollout status deployment/web --timeout 20s");
    stage.assert_screen("record_from_cluster", &format!("{LINE} --from-cluster"));
}

#[test]
fn a_report_with_failures_is_not_accepted_as_evidence() {
    let stage = stage(&[config("settings", "EUR")]);
    let cases = "<testcase name='pays'/><testcase name='ships'><failure>expected 1</failure></testcase>";
    stage.write("junit.xml", &format!("<testsuite>{cases}</testsuite>"));

    stage.assert_screen(
        "record_failed_tests",
        &format!("{LINE} --evidence integration=junit.xml"),
    );
}
