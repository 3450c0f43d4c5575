//! Whether a workload was well before a promotion: a revert waits only for what was.
//!
//! A pre-image is all that there is, so that its own status has to tell: no pods, no events, no clock. What
//! was broken before comes back as broken as it was, and to wait for it might never end.

use crate::model::Object;
use serde_json::Value;

/// Whether an object is of a kind whose rollout a revert waits for.
pub(super) fn has_rollout(object: &Object) -> bool {
    object.gvk().group == "apps" && matches!(object.kind(), "Deployment" | "StatefulSet" | "DaemonSet")
}

/// Whether an object, as its own status says, was as it should be; false for what has no rollout.
pub(super) fn is_ready(object: &Object) -> bool {
    let number = |pointer: &str| object.at(pointer).and_then(Value::as_i64);
    // A status of an older generation says nothing of this one.
    if number("/status/observedGeneration").unwrap_or(0) < object.generation() {
        return false;
    }

    let wanted = number("/spec/replicas").unwrap_or(1);
    let count = |field: &str| number(&format!("/status/{field}")).unwrap_or(0);

    match (&*object.gvk().group, object.kind()) {
        // Old pods that are ready do not make up for new ones that are not.
        ("apps", "Deployment") => {
            let updated = count("updatedReplicas");
            updated >= wanted && count("replicas") <= updated && count("readyReplicas") >= wanted
        }
        ("apps", "StatefulSet") => {
            // With a partition the two revisions stay apart although nothing is left to do.
            let held_back = number("/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
            let is_rolled_out = object.at("/status/updateRevision") == object.at("/status/currentRevision")
                || count("updatedReplicas") >= wanted - held_back;
            is_rolled_out && count("readyReplicas") >= wanted
        }
        ("apps", "DaemonSet") => {
            // A status without it was never written by the controller.
            let desired = number("/status/desiredNumberScheduled");
            desired.is_some_and(|desired| {
                count("updatedNumberScheduled") >= desired
                    && count("numberReady") >= desired
                    && count("numberUnavailable") == 0
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn applied(kind: &str, spec: &Value, mut status: Value) -> Object {
        if status.get("observedGeneration").is_none() {
            status["observedGeneration"] = 2.into();
        }
        Object::new(
            json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web", "generation": 2},
            "spec": spec, "status": status}),
        )
        .unwrap()
    }

    fn deployment(seen: i64, ready: u32) -> Object {
        let status =
            json!({"observedGeneration": seen, "replicas": 2, "readyReplicas": ready, "updatedReplicas": 2});
        applied("Deployment", &json!({"replicas": 2}), status)
    }

    #[test]
    fn a_workload_was_well_where_its_status_is_of_its_generation_and_all_were_ready() {
        assert!(is_ready(&deployment(2, 2)));
        assert!(!is_ready(&deployment(2, 1)));
        assert!(
            !is_ready(&deployment(1, 2)),
            "what its controller has not seen is not known to be well"
        );
    }

    #[test]
    fn a_rollout_that_stands_half_way_is_not_well_though_its_old_pods_are_ready() {
        let one = || json!({"replicas": 1});
        let status =
            json!({"replicas": 2, "updatedReplicas": 1, "readyReplicas": 1, "unavailableReplicas": 1});
        assert!(!is_ready(&applied("Deployment", &one(), status)));

        let status = |updated: u32| json!({"readyReplicas": 2, "updatedReplicas": updated, "updateRevision": "b", "currentRevision": "a"});
        assert!(!is_ready(&applied(
            "StatefulSet",
            &json!({"replicas": 2}),
            status(1)
        )));
        assert!(is_ready(&applied(
            "StatefulSet",
            &json!({"replicas": 2}),
            status(2)
        )));

        let held_back = json!({"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}});
        assert!(is_ready(&applied("StatefulSet", &held_back, status(1))));

        let status = |updated: u32| json!({"desiredNumberScheduled": 2, "numberReady": 2, "updatedNumberScheduled": updated});
        assert!(!is_ready(&applied("DaemonSet", &json!({}), status(1))));
        assert!(is_ready(&applied("DaemonSet", &json!({}), status(2))));
    }
}
