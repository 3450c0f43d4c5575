//! Tables: our entry, desired and live in, whether the apply's outcome is computed.

use super::*;
use crate::model::names::FIELD_MANAGER;
use rstest::rstest;
use serde_json::json;

fn object(spec: &Value) -> Object {
    Object::new(json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "a"}, "spec": spec})).unwrap()
}

fn proved(owned: &Value, wanted: &Value, held: &Value) -> bool {
    let mut live = object(held);
    live.value_mut()["metadata"]["managedFields"] = json!([
        {"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": owned}}]);
    compute_apply(&object(wanted), &live) == Some(ComputedApply::Unchanged)
}

#[rstest]
#[case::equal(&json!({"f:a": {}}), &json!({"a": 1}), &json!({"a": 1, "default": 2}), true)]
#[case::another_value(&json!({"f:a": {}}), &json!({"a": 2}), &json!({"a": 1}), false)]
// One number in two spellings: what the server makes of it is its own to say.
#[case::another_number(&json!({"f:a": {}}), &json!({"a": 1.0}), &json!({"a": 1}), false)]
#[case::one_that_went(&json!({"f:a": {}, "f:b": {}}), &json!({"a": 1}), &json!({"a": 1, "b": 1}), false)]
#[case::one_that_came(&json!({"f:a": {}}), &json!({"a": 1, "b": 1}), &json!({"a": 1, "b": 1}), false)]
// A null is an instruction to an apply, and empty values are kept, dropped or filled in by their kind.
#[case::null(&json!({"f:a": {}}), &json!({"a": null}), &json!({"a": null}), false)]
#[case::empty_map(&json!({"f:a": {}}), &json!({"a": {}}), &json!({"a": {}}), false)]
#[case::empty_list(&json!({"f:a": {}}), &json!({"a": []}), &json!({"a": []}), false)]
#[case::atomic_map(&json!({"f:a": {}}), &json!({"a": {"x": 1}}), &json!({"a": {"x": 1}}), true)]
#[case::atomic_map_with_more(&json!({"f:a": {}}), &json!({"a": {"x": 1}}), &json!({"a": {"x": 1, "y": 1}}), false)]
#[case::atomic_list_with_defaults(&json!({"f:a": {}}), &json!({"a": [{"x": 1}]}), &json!({"a": [{"x": 1, "d": 0}]}), false)]
// The server itself wrote the empty value, so that it stays.
#[case::atomic_list_with_something_empty(&json!({"f:a": {}}), &json!({"a": [{"x": {}}]}), &json!({"a": [{"x": {}}]}), true)]
#[case::atomic_list_with_a_null(&json!({"f:a": {}}), &json!({"a": [{"x": null}]}), &json!({"a": [{"x": null}]}), false)]
#[case::granular_map_with_more(&json!({"f:a": {"f:x": {}}}), &json!({"a": {"x": 1}}), &json!({"a": {"x": 1, "y": 1}}), true)]
fn maps(#[case] owned: &Value, #[case] wanted: &Value, #[case] held: &Value, #[case] expected: bool) {
    assert_eq!(proved(owned, wanted, held), expected);
}

fn port(number: u16, protocol: &str, written: bool) -> (String, Value) {
    let mut fields = json!({".": {}, "f:port": {}});
    if written {
        fields["f:protocol"] = json!({});
    }
    (
        format!("k:{{\"port\":{number},\"protocol\":\"{protocol}\"}}"),
        fields,
    )
}

#[test]
fn an_item_without_the_default_key_is_the_one_whose_key_was_not_written() {
    let owned: Map<_, _> = [port(53, "UDP", true), port(53, "TCP", false)]
        .into_iter()
        .collect();
    let owned = json!({"f:ports": owned});

    let held = json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]});
    let wanted = json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}]});

    assert!(proved(&owned, &wanted, &held));

    let other_order = json!({"ports": [{"port": 53}, {"port": 53, "protocol": "UDP"}]});
    assert!(!proved(&owned, &other_order, &held), "another order");
    let written = json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]});
    assert!(
        !proved(&owned, &written, &held),
        "an apply would own the key's field"
    );

    // The item that our entry names is gone from live: somebody replaced it by another.
    let live_moved = json!({"ports": [{"port": 53, "protocol": "SCTP"}, {"port": 53, "protocol": "TCP"}]});
    assert!(!proved(&owned, &wanted, &live_moved));

    let twice = json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "UDP"}]});
    assert!(!proved(&owned, &twice, &held), "duplicates");
}

#[test]
fn a_set_has_each_value_once_and_in_order() {
    let owned = json!({"f:set": {"v:\"a\"": {}, "v:\"b\"": {}}});
    let set = |items: &[&str]| json!({"set": items});

    // Another client's item in between moves none of ours.
    assert!(proved(&owned, &set(&["a", "b"]), &set(&["x", "a", "b"])));
    assert!(!proved(&owned, &set(&["b", "a"]), &set(&["a", "b"])));
    assert!(!proved(&owned, &set(&["a", "a"]), &set(&["a", "b"])));
    assert!(
        !proved(&owned, &set(&["a", "b"]), &set(&["a", "b", "a"])),
        "live holds one twice"
    );
}

#[test]
fn other_entries_of_ours_another_version_other_metadata_and_deletion_are_not_proved() {
    let entry = |version: &str| {
        json!({"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": version,
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:a": {}}}})
    };
    let live = |entries: Value| {
        let mut live = object(&json!({"a": 1}));
        live.value_mut()["metadata"]["managedFields"] = entries;
        live
    };

    let wanted = object(&json!({"a": 1}));
    assert_eq!(
        compute_apply(&wanted, &live(json!([entry("v1")]))),
        Some(ComputedApply::Unchanged)
    );

    // Two entries, another version, none that is ours: what an apply would take away is not known.
    assert_eq!(
        compute_apply(&wanted, &live(json!([entry("v1"), entry("v1")]))),
        None
    );
    assert_eq!(compute_apply(&wanted, &live(json!([entry("v2")]))), None);
    assert_eq!(compute_apply(&wanted, &live(json!([{}]))), None);

    let mut with_finalizer = wanted.clone();
    with_finalizer.value_mut()["metadata"]["finalizers"] = json!(["x"]);
    assert_eq!(compute_apply(&with_finalizer, &live(json!([entry("v1")]))), None);

    let mut going = live(json!([entry("v1")]));
    going.value_mut()["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(compute_apply(&wanted, &going), None);

    let mut labelled = wanted.clone();
    labelled.value_mut()["metadata"]["labels"] = json!({"a": "b"});
    assert_eq!(
        compute_apply(&labelled, &live(json!([entry("v1")]))),
        None,
        "a label that is not there"
    );
}
