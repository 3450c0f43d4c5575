//! Whether a workload was well before a promotion: a revert waits only for what was.

use crate::model::Object;
use serde_json::Value;

/// Whether an object, as its own status says, was as it should be; false for what has no rollout.
pub(super) fn is_well(object: &Object) -> bool {
    let number = |pointer: &str| object.at(pointer).and_then(Value::as_i64);
    // A status of an older generation says nothing of this one.
    if number("/status/observedGeneration").unwrap_or(0) < object.generation() {
        return false;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(seen: i64, ready: u32) -> Object {
        Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "generation": 2},
            "spec": {"replicas": 2}, "status": {"observedGeneration": seen, "readyReplicas": ready, "updatedReplicas": 2}}))
        .unwrap()
    }

    #[test]
    fn a_workload_was_well_where_its_status_is_of_its_generation_and_all_were_ready() {
        assert!(is_well(&deployment(2, 2)));
        assert!(!is_well(&deployment(2, 1)));
        assert!(!is_well(&deployment(1, 2)), "what its controller has not seen is not known to be well");
    }
}
