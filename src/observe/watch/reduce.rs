//! What of an object no verdict reads.

use crate::model::Object;
use crate::model::k8s::controller::Controller;
use serde_json::{Value, json};

/// The object without what no verdict reads: ownership (but for when a status was written), the last-applied copy, the
/// templates of old revisions.
pub(super) fn reduce(mut object: Object) -> Object {
    let kind = object.kind().to_owned();
    let value = object.value_mut();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        let written = metadata.get("managedFields").map(status_writes);
        metadata.remove("managedFields");
        if let Some(written) = written.filter(|written| !written.is_empty()) {
            metadata.insert("managedFields".into(), written.into());
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }

    let (parent, heavy) = match kind.as_str() {
        "ReplicaSet" => ("/spec", "template"),
        "ControllerRevision" => ("", "data"),
        // That it is there is all that a verdict asks.
        "ConfigMap" | "Secret" => ("", "data"),
        _ => return object,
    };

    // A ReplicaSet that nobody controls is judged itself, and its template holds its probes.
    if kind == "ReplicaSet" && value.pointer("/metadata/ownerReferences").is_none() {
        return object;
    }

    if let Some(parent) = value.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(heavy);
    }
    object
}

/// The same of what a controller made, and others as they are: what a release may hold is compared in full.
pub(in crate::observe) fn reduce_controlled(object: Object) -> Object {
    let is_made = matches!(object.kind(), "Pod" | "ReplicaSet" | "ControllerRevision" | "Job");
    if is_made && Controller::from_object(object.value()).is_some() {
        reduce(object)
    } else {
        object
    }
}

/// Who wrote the status when, without the fields.
fn status_writes(managed_fields: &Value) -> Vec<Value> {
    let entries = managed_fields.as_array().into_iter().flatten();
    let of_status = entries.filter(|entry| entry["subresource"] == "status");
    let write =
        |entry: &Value| json!({"manager": entry["manager"], "subresource": "status", "time": entry["time"]});
    of_status.map(write).collect()
}

/// A pod as an object: its identity and its generations, without spec and status.
pub(super) fn stub(pod: &Object) -> Object {
    let mut stub = reduce(pod.clone());

    if let Some(top) = stub.value_mut().as_object_mut() {
        top.remove("spec");
        top.remove("status");
    }
    stub
}
