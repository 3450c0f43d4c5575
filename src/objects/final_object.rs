//! The object as it will be after a step that takes fields over, for a dry-run PUT.
//!
//! Ownership cannot be changed dry, so that a dry-run apply would still hold what is to go: a leftover strategy or a
//! port of the same name would be refused.
//!
//! What comes out is asked about and never sent for real: the write is an apply. A default that is lost with what the
//! apply takes away is a case of its own: the server works some out only for an object that lacks more than that.

use super::fields_v1::{holds, leaves};
use crate::model::k8s::entries::is_our_apply_entry;
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::{Map, Value};

/// Live after the step: without what the apply takes away, and each field that it changes as the target has it; where
/// there is no target, the body laid over live.
pub fn final_object(
    live: &Object,
    target: Option<&Object>,
    changes: &[FieldPath],
    body: &Object,
    entries: &[Value],
) -> Value {
    let mut value = live.value().clone();

    // What goes is taken away first: the target may have a default in its place.
    for path in fields_to_remove(live, body, entries) {
        path.remove(&mut value);
    }
    if let Some(target) = target {
        changes
            .iter()
            .for_each(|path| follow(&mut value, target.value(), path));
    }

    // The target is of desired as it was compared: the step adds its label and its restart annotation.
    merge(&mut value, body.value(), target.is_some());

    // Status is its controllers', and ownership is written in a request of its own.
    if let Some(object) = value.as_object_mut() {
        object.shift_remove("status");
    }
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
        metadata.shift_remove("resourceVersion");
        // An answer over any other version than the one that was compared would say nothing of this plan.
        metadata.insert("resourceVersion".into(), live.resource_version().into());
        metadata.insert("uid".into(), live.uid().into());
    }
    value
}

/// The body with what an apply of it alone took away and the target has: a default that the server works out only for an
/// object that lacks more than that. None where nothing is lost.
pub fn with_lost_defaults(
    body: &Object,
    target: &Object,
    answer: &Object,
    changes: &[FieldPath],
) -> Option<Object> {
    let mut lost = changes
        .iter()
        .filter(|path| is_lost_default(path, body, target, answer))
        .peekable();
    lost.peek()?;

    // Our entry owns them once they are sent: the next plan lets go of them first,
    // or its apply would take them away.
    let mut whole = body.clone();
    lost.for_each(|path| follow(whole.value_mut(), target.value(), path));
    Some(whole)
}

/// Whether an apply of the body has taken the field away, and the target has it by a default.
pub fn is_lost_default(path: &FieldPath, body: &Object, target: &Object, answer: &Object) -> bool {
    // Not sent, and in the target all the same: the server gives it where the whole object is replaced.
    path.get(answer.value()).is_none()
        && path.get(body.value()).is_none()
        && path.get(target.value()).is_some()
}

/// What a step comes to by the server's answer to its apply alone: the target's defaults that this took away are sent after it.
pub fn with_defaults_after(answer: &Object, body: &Object, target: &Object, changes: &[FieldPath]) -> Object {
    let mut whole = answer.without_managed_fields();

    let lost = changes
        .iter()
        .filter(|path| is_lost_default(path, body, target, answer));
    lost.for_each(|path| follow(whole.value_mut(), target.value(), path));
    whole
}

/// Gives the field the value that it has in the target, or takes it away with the maps that the target lacks too.
fn follow(value: &mut Value, target: &Value, path: &FieldPath) {
    match path.get(target) {
        Some(wanted) => put(value, target, path.steps(), wanted),
        None => {
            path.remove(value);

            // A field that was all of its map leaves none behind, where the target has none either.
            let mut emptied = path.parent();
            while let Some(place) =
                emptied.filter(|place| place.steps().len() > 1 && place.get(target).is_none())
            {
                let is_empty = match place.get(value) {
                    Some(Value::Object(map)) => map.is_empty(),
                    Some(Value::Array(items)) => items.is_empty(),
                    _ => false,
                };
                if !is_empty {
                    break;
                }
                place.remove(value);
                emptied = place.parent();
            }
        }
    }
}

/// Sets a field, making what is missing on the way; an item of a list that is missing comes whole from the target.
fn put(at: &mut Value, target: &Value, steps: &[Step], wanted: &Value) {
    let Some((step, rest)) = steps.split_first() else {
        *at = wanted.clone();
        return;
    };
    // Never so: the value that is wanted was found by this very path.
    let Some(target) = step.get(target) else { return };
    match step {
        Step::Field(name) => {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            if let Some(map) = at.as_object_mut() {
                put(
                    map.entry(name.clone()).or_insert(Value::Null),
                    target,
                    rest,
                    wanted,
                );
            }
        }
        Step::Index(_) | Step::Key(_) | Step::Value(_) => {
            if !at.is_array() {
                *at = Value::Array(Vec::new());
            }
            let Some(items) = at.as_array_mut() else { return };

            let found = match step {
                Step::Index(index) => items.get_mut(*index),
                step => items.iter_mut().find(|item| step.is_item(item)),
            };
            match found {
                Some(item) => put(item, target, rest, wanted),
                // An item without its key fields would be refused, and the path names only one of its fields.
                None => items.push(target.clone()),
            }
        }
    }
}

/// What our entry owns after the take-over, nobody else owns, and the body lacks.
fn fields_to_remove(live: &Object, body: &Object, entries: &[Value]) -> Vec<FieldPath> {
    let Some(ours) = entries.iter().find(|entry| is_our_apply_entry(entry)) else {
        return Vec::new();
    };

    let others: Vec<_> = entries
        .iter()
        .filter(|entry| !is_our_apply_entry(entry))
        .collect();
    let is_others = |path: &FieldPath| others.iter().any(|entry| holds(&entry["fieldsV1"], path));

    let mut found: Vec<FieldPath> = Vec::new();
    for leaf in leaves(&ours["fieldsV1"]) {
        if leaf.get(live.value()).is_none() || leaf.get(body.value()).is_some() {
            continue;
        }

        // The server takes away the whole of what the body lacks, defaults in it included, as far as
        // nobody else owns any of it.
        let steps = leaf.steps();
        let whole = (1..=steps.len())
            .map(|end| FieldPath::from_steps(steps[..end].to_vec()))
            .find(|path| path.get(body.value()).is_none() && !is_others(path));

        if let Some(path) = whole.filter(|path| !found.contains(path)) {
            found.push(path);
        }
    }
    found
}

/// Lays the body over a value: maps key by key, lists of named items by name, everything else as a whole.
/// Lists that the server has merged already are left.
fn merge(value: &mut Value, body: &Value, merged: bool) {
    match (value, body) {
        (Value::Object(map), Value::Object(body)) => {
            for (key, wanted) in body {
                merge(map.entry(key.clone()).or_insert(Value::Null), wanted, merged);
            }
        }
        // The target has the server's own merge of these. A null is how an
        // apply claims a place, and no value.
        (Value::Array(_), Value::Array(_)) | (_, Value::Null) if merged => {}
        // Without an answer of the server's, a name is the one key that most lists have.
        (Value::Array(items), Value::Array(body)) if named(items) && named(body) => {
            for wanted in body {
                match items.iter_mut().find(|item| item["name"] == wanted["name"]) {
                    Some(item) => merge(item, wanted, merged),
                    None => items.push(wanted.clone()),
                }
            }
        }
        (value, body) => *value = body.clone(),
    }
}

fn named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item["name"].is_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::FIELD_MANAGER;
    use serde_json::json;

    fn service(port: i64, extra: &Value) -> Object {
        Object::new(json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "uid": "u", "resourceVersion": "7", "annotations": extra},
            "spec": {"clusterIP": "10.0.0.1", "ports": [{"name": "http", "port": port, "protocol": "TCP"}]}}))
        .unwrap()
    }

    #[test]
    fn a_port_that_another_tool_set_goes_and_what_others_own_stays() {
        let live = service(80, &json!({"theirs": "x", "last": "y"}));
        let body = service(81, &Value::Null);
        let entries = [
            json!({"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {
                "f:metadata": {"f:annotations": {"f:last": {}}},
                "f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}}}}}}),
            json!({"manager": "them", "operation": "Update", "fieldsV1": {"f:metadata": {"f:annotations": {"f:theirs": {}}}}}),
        ];
        let target = service(81, &Value::Null);

        // One port goes and another comes under the same name: both at once, the server would refuse.
        let changes: Vec<FieldPath> = [
            "/spec/ports/[port=80,protocol=TCP]",
            "/spec/ports/[port=81,protocol=TCP]",
            "/metadata/annotations/last",
        ]
        .iter()
        .map(|path| path.parse().unwrap())
        .collect();

        let last = final_object(&live, Some(&target), &changes, &body, &entries);
        assert_eq!(
            last["spec"]["ports"],
            json!([{"name": "http", "port": 81, "protocol": "TCP"}])
        );

        assert_eq!(last["metadata"]["annotations"], json!({"theirs": "x"}));
        assert_eq!(
            (&last["metadata"]["uid"], &last["metadata"]["resourceVersion"]),
            (&json!("u"), &json!("7"))
        );
    }

    #[test]
    fn without_an_answer_of_the_server_the_body_is_laid_over_live() {
        let live = service(80, &json!({"last": "y"}));
        let mut body = service(81, &Value::Null);
        body.value_mut()["metadata"]["annotations"] = json!({});

        let last = final_object(&live, None, &[], &body, &[]);
        assert_eq!(
            last["spec"]["ports"],
            json!([{"name": "http", "port": 81, "protocol": "TCP"}])
        );
        assert_eq!(last["spec"]["clusterIP"], "10.0.0.1");
        assert_eq!(last["metadata"]["annotations"], json!({"last": "y"}));
    }
}
