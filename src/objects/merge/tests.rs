//! Tables of the three-way merge: what was, what a promotion made of it, what it is now.
//!
//! The columns are before, ours, live, what is to come out, and the edits of others that are named.

use super::*;
use crate::model::names::FIELD_MANAGER;
use crate::objects::{differing, merged_ownership, same_ownership};
use rstest::rstest;
use serde_json::json;

fn object(spec: &Value) -> Object {
    Object::new(json!({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": spec}))
        .unwrap()
}

#[rstest]
#[case::untouched(&json!({"a": 1}), &json!({"a": 2}), &json!({"a": 2}), &json!({"a": 1}), &[])]
#[case::put_back_already(&json!({"a": 1}), &json!({"a": 2}), &json!({"a": 1}), &json!({"a": 1}), &[])]
#[case::field_added_by_us(&json!({"a": 1}), &json!({"a": 1, "b": 2}), &json!({"a": 1, "b": 2}), &json!({"a": 1}), &[])]
#[case::field_removed_by_us(&json!({"a": 1, "b": 2}), &json!({"a": 1}), &json!({"a": 1}), &json!({"a": 1, "b": 2}), &[])]
#[case::other_field_edited(&json!({"a": 1, "r": 2}), &json!({"a": 2, "r": 2}), &json!({"a": 2, "r": 9}), &json!({"a": 1, "r": 9}), &[])]
#[case::other_field_added(&json!({"a": 1}), &json!({"a": 2}), &json!({"a": 2, "x": 1}), &json!({"a": 1, "x": 1}), &[])]
// Both sides changed the same place: what was before wins, and the edit is told.
#[case::same_field_edited(&json!({"a": 1}), &json!({"a": 2}), &json!({"a": 3}), &json!({"a": 1}), &["/spec/a"])]
#[case::same_field_removed(&json!({"a": 1}), &json!({"a": 2}), &json!({}), &json!({"a": 1}), &["/spec/a"])]
// Lists with a key are merged item by item: another client's container is no edit of ours.
#[case::container_of_others(
    &json!({"c": [{"name": "web", "image": "1"}]}),
    &json!({"c": [{"name": "web", "image": "2"}]}),
    &json!({"c": [{"name": "web", "image": "2"}, {"name": "debug", "image": "x"}]}),
    &json!({"c": [{"name": "web", "image": "1"}, {"name": "debug", "image": "x"}]}), &[])]
#[case::container_of_ours(
    &json!({"c": [{"name": "web"}]}), &json!({"c": [{"name": "web"}, {"name": "new"}]}),
    &json!({"c": [{"name": "web"}, {"name": "new"}]}), &json!({"c": [{"name": "web"}]}), &[])]
#[case::container_taken_out_by_us(
    &json!({"c": [{"name": "log"}, {"name": "web"}]}), &json!({"c": [{"name": "web"}]}),
    &json!({"c": [{"name": "web", "tty": true}]}), &json!({"c": [{"name": "log"}, {"name": "web", "tty": true}]}), &[])]
// Arguments have no key: one of them cannot be put back without the others.
#[case::plain_list(&json!({"args": ["a"]}), &json!({"args": ["b"]}), &json!({"args": ["c"]}), &json!({"args": ["a"]}), &["/spec/args"])]
fn edits_by_others_stay_where_the_promotion_changed_nothing(
    #[case] before: &Value,
    #[case] ours: &Value,
    #[case] live: &Value,
    #[case] expected: &Value,
    #[case] foreign: &[&str],
) {
    let merged = merge(&object(before), &object(ours), &object(live), false);
    assert_eq!(&merged.object.value()["spec"], expected);
    assert_eq!(
        merged.foreign.iter().map(ToString::to_string).collect::<Vec<_>>(),
        foreign
    );
}

#[test]
fn an_edit_on_the_same_field_wins_only_where_it_is_asked_to() {
    let (before, ours, live) = (
        object(&json!({"a": 1})),
        object(&json!({"a": 2})),
        object(&json!({"a": 3})),
    );

    let merged = merge(&before, &ours, &live, true);
    assert_eq!(merged.object.value()["spec"]["a"], 3);
    assert_eq!(merged.foreign.len(), 1, "named all the same");
}

#[test]
fn identity_status_and_controllers_annotations_are_lives() {
    let version = |rv: &str, revision: &str, mine: &str| {
        Object::new(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "status": {"n": rv},
            "metadata": {"name": "a", "uid": "u", "resourceVersion": rv, "annotations":
                {"deployment.kubernetes.io/revision": revision, "mine": mine}}}),
        )
        .unwrap()
    };

    // The controller counted on while the promotion ran: no edit that a revert would have to name.
    let merged = merge(
        &version("1", "1", "old"),
        &version("2", "1", "new"),
        &version("9", "4", "new"),
        false,
    );

    assert_eq!(merged.object, version("9", "4", "old"));
}

fn owned(entries: Value, spec: &Value) -> Object {
    let mut object = object(spec);
    object.value_mut()["metadata"]["managedFields"] = entries;
    object
}

fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields})
}

#[test]
fn ownership_is_what_it_was_and_what_others_made_theirs_since() {
    let before = owned(
        json!([entry(
            "helm",
            "Update",
            &json!({"f:spec": {"f:a": {}, "f:r": {}}})
        )]),
        &json!({"a": 1, "r": 2}),
    );

    // Ours took `a` from helm, a person scaled `r` since, and a controller wrote status.
    let mut status = entry("controller", "Update", &json!({"f:status": {}}));
    status["subresource"] = "status".into();
    let ours = entry(FIELD_MANAGER, "Apply", &json!({"f:spec": {"f:a": {}}}));
    let scaled = entry("kubectl-scale", "Update", &json!({"f:spec": {"f:r": {}}}));
    let live = owned(json!([ours, scaled, status]), &json!({"a": 2, "r": 9}));

    let merged = object(&json!({"a": 1, "r": 9}));
    let entries = merged_ownership(&before, &live, &merged);

    // `a` is put back and is helm's again; `r` keeps the edit, and with it its new owner.
    let expected = [
        entry("helm", "Update", &json!({"f:spec": {"f:a": {}}})),
        scaled,
        status,
    ];
    assert_eq!(entries, expected);
}

#[test]
fn an_annotation_that_the_server_counts_up_stays_with_who_had_it() {
    // The server writes this annotation under the name of whoever sent the template.
    let key = "deprecated.daemonset.template.generation";
    let version = |count: &str, entries: Value| {
        let mut object = owned(entries, &json!({"a": 1}));
        object.value_mut()["metadata"]["annotations"] = json!({key: count});
        object
    };
    let theirs = entry(
        "kubectl",
        "Update",
        &json!({"f:metadata": {"f:annotations": {format!("f:{key}"): {}}}}),
    );

    let before = version("1", json!([theirs]));
    let live = version(
        "2",
        json!([entry(FIELD_MANAGER, "Apply", &json!({"f:spec": {"f:a": {}}}))]),
    );
    let merged = version("2", json!([]));

    assert_eq!(merged_ownership(&before, &live, &merged), [theirs]);
}

#[test]
fn ownership_without_any_entry_is_one_empty_entry() {
    let entries = merged_ownership(&object(&json!({})), &object(&json!({})), &object(&json!({})));

    // What is read back has no entry: the two must not be taken for a difference.
    assert_eq!(entries, [json!({})]);
    assert!(same_ownership(&entries, &[]));
}

#[test]
fn two_lists_of_owners_are_the_same_in_any_order_and_at_any_time() {
    let (a, b) = (
        entry("a", "Apply", &json!({"f:x": {}})),
        entry("b", "Update", &json!({"f:y": {}})),
    );

    let mut later = a.clone();
    later["time"] = "2026-01-01T00:00:00Z".into();

    assert!(same_ownership(&[a.clone(), b.clone()], &[b.clone(), later]));
    assert!(!same_ownership(std::slice::from_ref(&a), &[b]));
    assert!(!same_ownership(&[a], &[]));
}

#[test]
fn what_differs_is_named_by_its_paths() {
    let one = object(&json!({"c": [{"name": "web", "image": "1"}], "args": ["a"]}));
    let other = object(&json!({"c": [{"name": "web", "image": "2"}], "args": ["b"]}));

    let paths: Vec<_> = differing(&one, &other).iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["/spec/args", "/spec/c/[name=web]/image"]);
    assert!(differing(&one, &one).is_empty());
}

#[test]
fn a_port_has_the_address_that_the_comparison_gives_it() {
    let ports = |target: u32| {
        object(
            &json!({"ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": target}],
            "volumeMounts": [{"name": "data", "mountPath": "/data", "subPath": target.to_string()}]}),
        )
    };
    let (before, ours, live) = (ports(8080), ports(8081), ports(8082));

    // A revert and a diff have to call one port by one path, or a person looks for two.
    let named = [
        "/spec/ports/[port=80,protocol=TCP]/targetPort",
        "/spec/volumeMounts/[mountPath=~1data]/subPath",
    ];

    let foreign = merge(&before, &ours, &live, false).foreign;
    assert_eq!(foreign.iter().map(ToString::to_string).collect::<Vec<_>>(), named);

    let differing = differing(&before, &live);
    assert_eq!(
        differing.iter().map(ToString::to_string).collect::<Vec<_>>(),
        named
    );

    let compared = crate::compare::differences(before.value(), live.value(), &|_, _, _| false);
    assert_eq!(
        compared
            .iter()
            .map(|one| one.path.to_string())
            .collect::<Vec<_>>(),
        named
    );
}
