//! Items of a list whose key has a default: one name in all modes, the one that the server's own entries give.

use super::Scene;
use crate::harness::{Run, TestCluster};
use crate::readiness::{Definition, definition, group};
use rstest::rstest;
use serde_json::{Value, json};

/// A list keyed by `key` and `kind`, where the server gives `kind` a value.
fn defined(group: &str) -> Definition {
    let mut crd = definition(group, "Route");
    let item = json!({"type": "object", "required": ["key"], "properties": {"key": {"type": "string"},
        "value": {"type": "integer"}, "kind": {"type": "string", "default": "plain"}}});
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = json!({"type": "object",
        "properties": {"map": {"type": "array", "items": item, "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["key", "kind"]}}});
    TestCluster::get()
        .kubectl()
        .args(["create", "-f", "-"])
        .run_with(&crd.to_string())
        .ok();
    let name = format!("routes.{group}");
    let established = [
        "wait",
        "--for=condition=Established",
        "--timeout=20s",
        "crd",
        &name,
    ];
    TestCluster::get().kubectl().args(established).run().ok();
    Definition(name)
}

#[rstest]
#[case::an_item_more(
    &json!([{"key": "one", "value": 1}]),
    &json!([{"key": "one", "value": 1}, {"key": "two"}]),
    &["[key=two,kind=plain]"]
)]
#[case::an_item_fewer(
    &json!([{"key": "one", "value": 1}, {"key": "two"}]),
    &json!([{"key": "one", "value": 1}]),
    &["[key=two,kind=plain]"]
)]
#[case::a_field_of_an_item(
    &json!([{"key": "one", "value": 1}, {"key": "two"}]),
    &json!([{"key": "one", "value": 2}, {"key": "two"}]),
    &["[key=one,kind=plain]/value"]
)]
#[case::another_key(
    &json!([{"key": "one", "value": 1}, {"key": "two"}]),
    &json!([{"key": "one", "kind": "other", "value": 1}, {"key": "two"}]),
    &["[key=one,kind=other]", "[key=one,kind=plain]"]
)]
#[case::all_keys_said(
    &json!([{"key": "one", "kind": "plain"}, {"key": "one", "kind": "other"}]),
    &json!([{"key": "one", "kind": "other"}, {"key": "one", "kind": "plain"}, {"key": "two"}]),
    &["[key=two,kind=plain]"]
)]
fn an_item_has_one_name_in_all_modes(
    #[case] desired: &Value,
    #[case] edited: &Value,
    #[case] expected: &[&str],
) {
    let group = group();
    let definition = defined(&group);
    let scene = Scene::new();
    let file = scene.write(
        &json!({"apiVersion": format!("{group}/v1"), "kind": "Route", "metadata": {"name": "a"},
            "spec": {"map": desired}})
        .to_string(),
    );
    let apply = [
        "apply",
        "--server-side",
        "--field-manager=kubectl-delivery",
        "-f",
        file.to_str().unwrap(),
    ];
    scene.kubectl(&apply);
    for mode in ["auto", "server", "readonly"] {
        scene.is_quiet(&["--mode", mode]);
    }

    let patch = json!([{"op": "replace", "path": "/spec/map", "value": edited}]).to_string();
    scene.kubectl(&[
        "patch",
        &definition.0,
        "a",
        "--type=json",
        "--field-manager=kubectl-edit",
        "-p",
        &patch,
    ]);
    let expected: Vec<String> = expected.iter().map(|at| format!("/spec/map/{at}")).collect();
    for mode in ["auto", "server", "readonly"] {
        let view = scene.diff(&["--mode", mode, "-o", "json"]).exits(1).json();
        let changes = view["objects"][0]["changes"].as_array().unwrap();
        let mut found: Vec<&str> = changes
            .iter()
            .map(|change| change["path"].as_str().unwrap())
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{mode}: {view:#}");
    }
}

/// What is left of a list that another hand replaced.
enum Left {
    Owned,
    Unowned,
    Nothing,
}

#[rstest]
#[case::where_another_owns_the_list(Left::Owned)]
#[case::where_nobody_owns_the_list(Left::Unowned)]
#[case::where_the_list_is_gone(Left::Nothing)]
fn a_port_without_a_protocol_has_one_name_in_all_modes(#[case] left: Left) {
    let scene = Scene::new();
    let port = |more: Value| {
        let mut port = json!({"name": "dns", "port": 53});
        port.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        port
    };
    let file = scene.write(
        &json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"selector": {"app": "a"},
            "clusterIP": "None", "ports": [port(json!({"name": "dns-tcp"})), port(json!({"protocol": "UDP"}))]}})
        .to_string(),
    );
    let apply = [
        "apply",
        "--server-side",
        "--field-manager=kubectl-delivery",
        "-f",
        file.to_str().unwrap(),
    ];
    scene.kubectl(&apply);
    let patch = |patch: Value| {
        scene.kubectl(&[
            "patch",
            "service",
            "a",
            "--type=json",
            "--field-manager=kubectl-edit",
            "-p",
            &patch.to_string(),
        ]);
    };
    let others = match left {
        Left::Owned | Left::Unowned => json!([{"port": 81, "protocol": "TCP"}]),
        Left::Nothing => json!([]),
    };
    patch(json!([{"op": "replace", "path": "/spec/ports", "value": others}]));
    if matches!(left, Left::Unowned) {
        let live = scene.namespace.get("", "Service", "a").unwrap();
        let mut entries = live.managed_fields().to_vec();
        entries.retain(|entry| entry["manager"] != "kubectl-edit");
        patch(json!([{"op": "replace", "path": "/metadata/managedFields", "value": entries}]));
    }

    for mode in ["auto", "server", "readonly"] {
        let view = scene.diff(&["--mode", mode, "-o", "json"]).exits(1).json();
        let changes = view["objects"][0]["changes"].as_array().unwrap().iter();
        let changes: Vec<String> = changes
            .map(|change| change["path"].as_str().unwrap().to_owned())
            .collect();
        for expected in [
            "/spec/ports/[port=53,protocol=TCP]",
            "/spec/ports/[port=53,protocol=UDP]",
        ] {
            assert!(changes.contains(&expected.to_owned()), "{mode}: {changes:?}");
        }
        assert!(
            changes.iter().all(|path| !path.contains("[]")),
            "{mode}: {changes:?}"
        );
    }
}
