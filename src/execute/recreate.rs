//! A pre-image as it can be created again: without what only a server writes.
//!
//! Several candidates, the most exact first: what may have been given to another object meanwhile is asked for
//! first, and let go only where that is refused.

use crate::model::Object;
use crate::model::k8s::writers::{JOB_LABELS, drop_server_written};
use crate::objects::differing;
use serde_json::Value;

/// What to create, the most exact first: an address may have been given to another meanwhile.
pub(super) fn candidates(before: &Object) -> Vec<Value> {
    let mut body = before.value().clone();
    if let Some(map) = body.as_object_mut() {
        map.shift_remove("status");
    }

    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        drop_server_written(metadata);
    }
    if before.gvk().group == "batch" && before.kind() == "Job" {
        forget_job(&mut body);
    }

    let mut candidates = vec![body.clone()];
    // A headless Service has no address that another could have.
    if before.gvk().group.is_empty() && before.kind() == "Service" && before.text("/spec/clusterIP") != "None"
    {
        if let Some(spec) = body.get_mut("spec").and_then(Value::as_object_mut) {
            spec.shift_remove("clusterIP");
            spec.shift_remove("clusterIPs");
            for port in spec
                .get_mut("ports")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                if let Some(port) = port.as_object_mut() {
                    port.shift_remove("nodePort");
                }
            }
        }
        candidates.push(body);
    }

    candidates
}

/// The server gives a Job its selector and labels by its uid; another Job's are refused.
fn forget_job(body: &mut Value) {
    // One with a selector of its own has none of the server's.
    if body.pointer("/spec/manualSelector") == Some(&Value::Bool(true)) {
        return;
    }

    if let Some(spec) = body.get_mut("spec").and_then(Value::as_object_mut) {
        spec.shift_remove("selector");
    }
    for pointer in ["/metadata/labels", "/spec/template/metadata/labels"] {
        if let Some(labels) = body.pointer_mut(pointer).and_then(Value::as_object_mut) {
            labels.retain(|key, _| !JOB_LABELS.contains(&&**key));
        }
    }
}

/// Whether `live` is what an earlier try created again from this pre-image, its ownership not written yet.
pub(super) fn is_recreation_of(before: &Object, live: &Object) -> bool {
    // What the server gives anew: by a Job's uid its labels and its selector, a Service's address and ports.
    let aside = |path: &crate::model::FieldPath| {
        let text = path.to_string();
        JOB_LABELS
            .iter()
            .any(|label| text.ends_with(&label.replace('/', "~1")))
            || text.starts_with("/spec/selector/matchLabels")
            || text.starts_with("/spec/clusterIP")
            || text.ends_with("/nodePort")
    };

    differing(before, live).iter().all(aside)
}
