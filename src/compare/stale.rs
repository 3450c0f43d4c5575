//! Pods that run with configuration that changed after they started: environment variables are read once.
//!
//! Mounted files are left out: the kubelet renews them (but for a `subPath`, of which nothing is said). Both times are
//! the server's, so that no clock of a node has a part in it; within one second nothing tells which came first, and a
//! pod is given the benefit of the doubt.

use super::images::{Running, running_pods};
use crate::model::finding::StaleFinding;
use crate::model::k8s::pod_references::references;
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::{Object, ObjectId};
use jiff::Timestamp;
use serde_json::Value;

/// Pods of `workloads` (live) that started before a source of theirs changed. `source` gives live ConfigMaps and Secrets.
pub fn stale<'s>(
    workloads: &[&Object],
    running: &Running,
    source: &dyn Fn(&ObjectId) -> Option<&'s Object>,
) -> Vec<StaleFinding> {
    let mut found = Vec::new();
    for workload in workloads {
        let pods = running_pods(workload, running);

        let mut read: Vec<ObjectId> = pod_spec(workload)
            .map(references)
            .unwrap_or_default()
            .into_iter()
            .filter(|reference| reference.at_start)
            .map(|reference| ObjectId::new("", reference.kind, workload.namespace(), &reference.name))
            .collect();
        // One finding for each source, however many variables come from it.
        read.sort();
        read.dedup();

        for id in read {
            // Not at hand, or no entry tells its time: nothing can be said, and nothing is.
            let Some(changed_at) = source(&id).and_then(data_changed_at) else {
                continue;
            };

            let is_old = |created: Option<Timestamp>| created.is_some_and(|created| created < changed_at);
            let pods: Vec<String> = pods
                .iter()
                // A pod on its way out is about to be replaced by one that reads anew.
                .filter(|(pod, _)| is_old(pod.created) && !pod.deleting)
                .map(|(pod, _)| pod.name.clone())
                .collect();

            if !pods.is_empty() {
                found.push(StaleFinding {
                    workload: workload.id(),
                    source: id,
                    changed_at,
                    pods,
                });
            }
        }
    }
    found
}

/// When `data` was last written, as far as managedFields tell: the newest entry that owns any of it.
fn data_changed_at(object: &Object) -> Option<Timestamp> {
    // A new label or annotation changes no variable: only writes of the data count.
    let owns_data = |entry: &&Value| {
        ["f:data", "f:binaryData", "f:stringData"].iter().any(|field| {
            entry
                .pointer("/fieldsV1")
                .and_then(|fields| fields.get(*field))
                .is_some()
        })
    };

    object
        .managed_fields()
        .iter()
        .filter(owns_data)
        .filter_map(|entry| entry.get("time")?.as_str()?.parse().ok())
        .max()
}
