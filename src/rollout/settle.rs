//! A container without a readiness probe is ready the moment it starts: it must live a while to count.

use super::policy::RolloutPolicy;
use super::subject::{Memory, MonitoredObject};
use crate::model::k8s::pod::{ContainerState, PodFacts};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// When the last of the containers without a readiness probe has lived long enough; none where all have.
///
/// Counted from when this process saw it running, so that a node's clock does not matter; a container that ran
/// before our step, and was not restarted since, has lived long enough.
pub(super) fn settled_at(
    pods: &[&PodFacts],
    subject: &MonitoredObject,
    policy: &RolloutPolicy,
    memory: &mut Memory,
    now: Timestamp,
) -> Option<Timestamp> {
    let mut seen = BTreeMap::new();
    for pod in pods.iter().filter(|pod| pod.ready) {
        for container in pod.lasting().filter(|one| !one.probed) {
            let is_running = matches!(container.state, ContainerState::Running { .. });
            let before = subject.baseline.restarts_of(pod, &container.name);
            if is_running && before != Some(container.restarts) {
                // With its restarts: each new instance has to live for the whole time.
                let key = format!("{}/{}/{}", pod.uid, container.name, container.restarts);
                let first = memory.settling.get(&key).copied().unwrap_or(now);
                seen.insert(key, first);
            }
        }
    }

    // One that is missing now has ended, or its pod is not ready: if it comes back, its time begins anew.
    memory.settling = seen;

    let last = memory.settling.values().max()?;
    last.checked_add(SignedDuration::from_secs(policy.settle.into()))
        .ok()
        .filter(|at| *at > now)
}
