//! Whether an object is still what the plan saw: a hash of everything but what controllers write.
//!
//! A Deployment's resourceVersion moves with every status update, so that it cannot be the precondition of a plan.
//!
//! A hash counts ownership too: a field that changed hands is one that an apply treats in another way. Whether two
//! versions are the same ([`same_content`]) is asked of what they hold alone. Both leave out the same fields.

use crate::model::k8s::marks::is_controllers_annotation;
use crate::model::k8s::writers::BOOKKEEPING;
use crate::model::plan::{Action, Expect, PlanStep};
use crate::model::state_key::ContentKey;
use crate::model::{Object, Sha256Digest};
use serde_json::Value;

/// The hash of an object's content: everything but status, counters, times and controllers' annotations, and the
/// ownership of everything but status.
pub fn content_hash(object: &Object, key: &ContentKey) -> String {
    // Keyed, unlike a step's: it is kept in the cluster, where the value behind a bare hash could be guessed.
    key.hash(&content(object, false))
}

/// What a step expects of the object that the plan saw.
pub fn expect_present(action: &Action, live: &Object) -> Expect {
    Expect::Present {
        uid: live.uid().into(),
        content: step_hash(action, live),
    }
}

/// Whether what a step expects holds of a fresh read.
pub fn expect_holds(step: &PlanStep, live: Option<&Object>) -> bool {
    match (&step.expect, live) {
        (Expect::Absent, None) => true,
        // The uid first of all: an object that was made anew with the same content is another one.
        (Expect::Present { uid, content }, Some(live)) => {
            live.uid() == uid && step_hash(&step.action, live) == *content
        }
        // What another step of the plan makes (`Made`) has no content to expect: its uid
        // is all that is asked, elsewhere.
        _ => false,
    }
}

/// Whether two versions of an object have the same content, whoever owns it.
pub fn same_content(one: &Object, other: &Object) -> bool {
    same_maps(
        one.value(),
        other.value(),
        is_no_content,
        |key, one, other| match key {
            "metadata" => same_maps(
                one,
                other,
                is_no_content_of_metadata,
                |key, one, other| match key {
                    "annotations" => same_maps(
                        one,
                        other,
                        |key, _| is_controllers_annotation(key),
                        |_, one, other| one == other,
                    ),
                    _ => one == other,
                },
            ),
            _ => one == other,
        },
    )
}

/// Whether two maps hold the same apart from what is left out, each value as told; anything but maps as it is.
fn same_maps(
    one: &Value,
    other: &Value,
    is_left_out: impl Fn(&str, &Value) -> bool,
    is_same: impl Fn(&str, &Value, &Value) -> bool,
) -> bool {
    let (Value::Object(one), Value::Object(other)) = (one, other) else {
        return one == other;
    };

    let count = |map: &serde_json::Map<String, Value>| {
        map.iter().filter(|(key, value)| !is_left_out(key, value)).count()
    };
    let is_there = |(key, value): (&String, &Value)| {
        is_left_out(key, value)
            || other
                .get(key)
                .is_some_and(|known| !is_left_out(key, known) && is_same(key, value, known))
    };

    // As many keys, and each of one in other: then other holds no more than one does.
    count(one) == count(other) && one.iter().all(is_there)
}

fn is_no_content(key: &str, _: &Value) -> bool {
    key == "status"
}

fn is_no_content_of_metadata(key: &str, value: &Value) -> bool {
    let holds_nothing = |value: &Value| {
        value
            .as_object()
            .is_some_and(|map| map.keys().all(|key| is_controllers_annotation(key)))
    };

    // A controller's first annotation brings the map along: with its keys alone it is as good as none.
    BOOKKEEPING.contains(&key) || key == "annotations" && holds_nothing(value)
}

/// A step that leaves `replicas` to an autoscaler does not mind when they move.
fn step_hash(action: &Action, live: &Object) -> String {
    // A plan is kept in files, and a hash of a short value tells it. Nobody but its users writes a Secret.
    if live.is_secret() {
        return format!("resourceVersion {}", live.resource_version());
    }

    let leaves_replicas = match action {
        Action::Apply { object, .. } => object.at("/spec/replicas").is_none(),
        _ => false,
    };

    Sha256Digest::compute(&content(live, leaves_replicas))
        .hex()
        .to_owned()
}

/// What the hash of an object is worked out from.
fn content(object: &Object, without_scale: bool) -> Vec<u8> {
    let mut entries: Vec<Vec<u8>> = object
        .managed_fields()
        .iter()
        .filter(|entry| {
            // An autoscaler comes to own `replicas` with its first write: its entry
            // may appear between plan and step.
            let subresource = entry["subresource"].as_str().unwrap_or_default();
            subresource != "status" && !(without_scale && subresource == "scale")
        })
        .map(|entry| {
            let mut text = Vec::new();
            write_without(&mut text, entry, |key, _| key == "time");
            text
        })
        .collect();
    // The server orders entries by their times, among others, and times are left out here.
    entries.sort();
    let mut text = Vec::new();
    write_content(&mut text, object, without_scale);
    text.push(b'\n');
    text.extend(entries.join(&b'\n'));
    text
}

/// Writes the object without what is not content.
pub(super) fn write_content(text: &mut Vec<u8>, object: &Object, without_replicas: bool) {
    write_map(
        text,
        object.value(),
        is_no_content,
        &|text, key, value| match key {
            "metadata" => write_metadata(text, value),
            "spec" if without_replicas => write_without(text, value, |key, _| key == "replicas"),
            _ => write(text, value),
        },
    );
}

fn write_metadata(text: &mut Vec<u8>, metadata: &Value) {
    write_map(
        text,
        metadata,
        is_no_content_of_metadata,
        &|text, key, value| match key {
            "annotations" => write_without(text, value, |key, _| is_controllers_annotation(key)),
            _ => write(text, value),
        },
    );
}

/// Writes JSON with every map's keys in order.
fn write(text: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Object(_) => write_without(text, value, |_, _| false),
        Value::Array(items) => {
            text.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(b',');
                }
                write(text, item);
            }
            text.push(b']');
        }
        scalar => write_scalar(text, scalar),
    }
}

fn write_without(text: &mut Vec<u8>, value: &Value, is_left_out: impl Fn(&str, &Value) -> bool) {
    write_map(text, value, is_left_out, &|text, _, value| write(text, value));
}

/// Writes what a map holds apart from some of it, each value as told; anything but a map as it is.
fn write_map(
    text: &mut Vec<u8>,
    value: &Value,
    is_left_out: impl Fn(&str, &Value) -> bool,
    write_value: &dyn Fn(&mut Vec<u8>, &str, &Value),
) {
    let Value::Object(map) = value else {
        return write(text, value);
    };
    let mut entries: Vec<(&str, &Value)> = map
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .filter(|(key, value)| !is_left_out(key, value))
        .collect();
    // A map keeps the order in which it was read, which says nothing of its content.
    entries.sort_unstable_by_key(|(key, _)| *key);

    text.push(b'{');
    for (at, (key, value)) in entries.into_iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        write_scalar(text, key);
        text.push(b':');
        write_value(text, key, value);
    }
    text.push(b'}');
}

fn write_scalar(text: &mut Vec<u8>, scalar: &(impl serde::Serialize + ?Sized)) {
    // A Vec takes every write, and scalars have no keys that could be no text.
    serde_json::to_writer(text, scalar).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live() -> Object {
        Object::new(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "7", "generation": 2,
                "annotations": {"deployment.kubernetes.io/revision": "1"},
                "managedFields": [
                    {"manager": "kubectl", "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {}}},
                    {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "fieldsV1": {}}]},
            "spec": {"replicas": 2}, "status": {"replicas": 1}
        }))
        .unwrap()
    }

    fn changed(pointer: &str, value: Value) -> Object {
        let mut object = live();
        *object.value_mut().pointer_mut(pointer).unwrap() = value;
        object
    }

    #[test]
    fn what_controllers_write_is_not_content() {
        for (pointer, value) in [
            ("/status", json!({"replicas": 9})),
            ("/metadata/resourceVersion", json!("8")),
            ("/metadata/generation", json!(3)),
            (
                "/metadata/annotations",
                json!({"deployment.kubernetes.io/revision": "4"}),
            ),
            ("/metadata/managedFields/0/time", json!("2027-01-01T00:00:00Z")),
            ("/metadata/managedFields/1/fieldsV1", json!({"f:status": {}})),
        ] {
            let changed = changed(pointer, value);
            assert_eq!(
                content_hash(&changed, &ContentKey::default()),
                content_hash(&live(), &ContentKey::default()),
                "{pointer}"
            );
            assert!(same_content(&changed, &live()), "{pointer}");
        }
    }

    #[test]
    fn contents_are_the_same_whatever_the_order_of_their_keys_and_differ_by_any_of_them() {
        let reordered = Object::new(json!({
            "spec": {"replicas": 2}, "kind": "Deployment", "apiVersion": "apps/v1",
            "metadata": {"namespace": "shop", "name": "web"}
        }))
        .unwrap();

        // Both ways round: a key that only the second version has must be seen as well.
        assert!(same_content(&reordered, &live()) && same_content(&live(), &reordered));

        for (pointer, value) in [
            ("/spec/replicas", json!(3)),
            ("/spec", json!({})),
            ("/spec", json!({"replicas": 2, "paused": true})),
            ("/metadata/annotations", json!({"mine": "4"})),
            ("/metadata/name", json!("other")),
        ] {
            let changed = changed(pointer, value);
            assert!(
                !same_content(&changed, &live()) && !same_content(&live(), &changed),
                "{pointer}"
            );
        }
    }

    #[test]
    fn a_change_of_spec_annotations_or_ownership_is_seen() {
        for (pointer, value) in [
            ("/spec/replicas", json!(3)),
            ("/metadata/annotations", json!({"mine": "4"})),
            ("/metadata/managedFields/0/manager", json!("helm")),
            ("/metadata/managedFields/0/fieldsV1", json!({"f:data": {}})),
        ] {
            assert_ne!(
                content_hash(&changed(pointer, value), &ContentKey::default()),
                content_hash(&live(), &ContentKey::default()),
                "{pointer}"
            );
        }
    }

    #[test]
    fn a_step_that_leaves_replicas_to_an_autoscaler_still_holds_after_it_scaled() {
        let body = |spec: Value| {
            Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}))
                .unwrap()
        };
        let apply = |object| Action::Apply {
            object,
            take_over: None,
            expected: Box::new(live()),
        };

        // The step sends no replicas, so that whatever an autoscaler makes of them is no change.
        let scaled = changed("/spec/replicas", json!(9));
        let left = apply(body(json!({})));
        assert_eq!(expect_present(&left, &live()), expect_present(&left, &scaled));

        let set = apply(body(json!({"replicas": 2})));
        assert_ne!(expect_present(&set, &live()), expect_present(&set, &scaled));
    }
}
