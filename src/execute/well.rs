//! Whether a workload was well before a promotion: a revert waits only for what was.

use crate::model::Object;
use serde_json::Value;

/// Whether an object, as its own status says, was as it should be; false for what has no rollout.
pub(super) fn is_well(object: &Object) -> bool {
    let number = |pointer: &str| object.at(pointer).and_then(Value::as_i64);
    let wanted = number("/spec/replicas").unwrap_or(1);
    match (&*object.gvk().group, object.kind()) {
        ("apps", "Deployment") => {
            number("/status/readyReplicas").unwrap_or(0) >= wanted
                && number("/status/updatedReplicas").unwrap_or(0) >= wanted
        }
        ("apps", "StatefulSet") => number("/status/readyReplicas").unwrap_or(0) >= wanted,
        ("apps", "DaemonSet") => {
            let desired = number("/status/desiredNumberScheduled");
            desired.is_some() && number("/status/numberReady") >= desired
        }
        _ => false,
    }
}
