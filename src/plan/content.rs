//! Whether an object is still what the plan saw: a hash of everything but what controllers write.
//!
//! A Deployment's resourceVersion moves with every status update, so that it cannot be the precondition of a plan.

use crate::compare::is_controllers_annotation;
use crate::model::plan::{Action, Expect, PlanStep};
use crate::model::{Object, Sha256Digest};
use serde_json::{Map, Value};

/// Fields of `metadata` that are not content.
const NOT_CONTENT: &[&str] =
    &["resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink", "uid"];

/// The hash of an object's content: everything but status, counters, times and controllers' annotations, and the
/// ownership of everything but status.
pub fn content_hash(object: &Object) -> String {
    hash(&content(object), object, false)
}

/// What a step expects of the object that the plan saw.
pub fn expect_present(action: &Action, live: &Object) -> Expect {
    Expect::Present { uid: live.uid().into(), content: step_hash(action, live) }
}

/// Whether what a step expects holds of a fresh read.
pub fn expect_holds(step: &PlanStep, live: Option<&Object>) -> bool {
    match (&step.expect, live) {
        (Expect::Absent, None) => true,
        (Expect::Present { uid, content }, Some(live)) => {
            live.uid() == uid && step_hash(&step.action, live) == *content
        }
        _ => false,
    }
}

/// Whether two versions of an object have the same content, whoever owns it.
pub fn same_content(one: &Object, other: &Object) -> bool {
    canonical(&content(one)) == canonical(&content(other))
}

/// A step that leaves `replicas` to an autoscaler does not mind when they move.
fn step_hash(action: &Action, live: &Object) -> String {
    let leaves_replicas = match action {
        Action::Apply { object, .. } => object.at("/spec/replicas").is_none(),
        _ => false,
    };
    let mut content = content(live);
    if leaves_replicas && let Some(spec) = content.get_mut("spec").and_then(Value::as_object_mut) {
        spec.shift_remove("replicas");
    }
    hash(&content, live, leaves_replicas)
}

fn hash(content: &Value, object: &Object, without_scale: bool) -> String {
    let mut entries: Vec<String> = object
        .managed_fields()
        .iter()
        .filter(|entry| {
            let subresource = entry["subresource"].as_str().unwrap_or_default();
            subresource != "status" && !(without_scale && subresource == "scale")
        })
        .map(|entry| canonical(&without_time(entry)))
        .collect();
    entries.sort();
    let text = format!("{}\n{}", canonical(content), entries.join("\n"));
    Sha256Digest::of(text.as_bytes()).hex().to_owned()
}

fn without_time(entry: &Value) -> Value {
    let mut entry = entry.clone();
    if let Some(entry) = entry.as_object_mut() {
        entry.shift_remove("time");
    }
    entry
}

/// The object without what is not content.
fn content(object: &Object) -> Value {
    let mut value = object.value().clone();
    let Some(map) = value.as_object_mut() else { return value };
    map.shift_remove("status");
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !NOT_CONTENT.contains(&&**key));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| !is_controllers_annotation(key));
            if annotations.is_empty() {
                metadata.shift_remove("annotations");
            }
        }
    }
    value
}

/// JSON with every map's keys in order.
fn canonical(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                let map: Map<_, _> = entries.into_iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
                Value::Object(map)
            }
            Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
            other => other.clone(),
        }
    }
    sorted(value).to_string()
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
            ("/metadata/annotations", json!({"deployment.kubernetes.io/revision": "4"})),
            ("/metadata/managedFields/0/time", json!("2027-01-01T00:00:00Z")),
            ("/metadata/managedFields/1/fieldsV1", json!({"f:status": {}})),
        ] {
            assert_eq!(content_hash(&changed(pointer, value)), content_hash(&live()), "{pointer}");
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
            assert_ne!(content_hash(&changed(pointer, value)), content_hash(&live()), "{pointer}");
        }
    }

    #[test]
    fn a_step_that_leaves_replicas_to_an_autoscaler_still_holds_after_it_scaled() {
        let body = |spec: Value| {
            Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}))
                .unwrap()
        };
        let apply = |object| Action::Apply { object, take_over: None, expected: Box::new(live()) };
        let scaled = changed("/spec/replicas", json!(9));
        let left = apply(body(json!({})));
        assert_eq!(expect_present(&left, &live()), expect_present(&left, &scaled));
        let set = apply(body(json!({"replicas": 2})));
        assert_ne!(expect_present(&set, &live()), expect_present(&set, &scaled));
    }
}
