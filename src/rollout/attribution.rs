//! What the end of a pod is to be blamed on: its own containers, or what surrounds them. Only the first
//! counts against a release, which is then refused the next time ([`CauseKind::is_inside_release`]).
//!
//! A Job says that it failed, and not why: one whose pods were evicted fails like one whose command is wrong.
//! Its pods tell the two apart, for as long as they are there. The API has no codes for much of this, so that
//! reasons and texts of kubelets and runtimes are matched; what matches nothing is taken for the release's
//! own fault.

use super::pod_text::{failed_pod, trouble};
use super::refused;
use super::waiting::StartFailure;
use crate::model::k8s::pod::{ContainerFacts, ContainerState, PodFacts};
use crate::model::occurrence::Occurrence;
use crate::model::verdict::CauseKind;

/// Reasons of a failed pod by which a node, or what watches over nodes, says that it ended the pod or never took it.
const ENDED_FROM_OUTSIDE: &[&str] = &[
    "Evicted",
    "Preempting",
    "Terminated",
    "Shutdown",
    "NodeShutdown",
    "NodeLost",
    "NodeAffinity",
    "UnexpectedAdmissionError",
    "OutOfcpu",
    "OutOfmemory",
    "OutOfpods",
    "OutOfephemeral-storage",
];

/// Whether a pod was ended from outside: evicted, preempted, or its node drained or shut down. A pod that outgrew a
/// limit of its own was not.
pub(super) fn is_disrupted(pod: &PodFacts) -> bool {
    // Both words: when the node runs out, an older kubelet says of a container that it "exceeds its request".
    let outgrew = pod.message.contains("exceed") && pod.message.contains("limit");
    let is_ended = ENDED_FROM_OUTSIDE.contains(&pod.reason.as_str()) || pod.disruption.is_some();
    is_ended && !outgrew
}

/// Whether a container of the pod was ever started.
pub(super) fn has_run(pod: &PodFacts) -> bool {
    let started = |one: &ContainerFacts| {
        let has_state = matches!(
            one.state,
            ContainerState::Running { .. } | ContainerState::Terminated { .. }
        );
        has_state || one.restarts > 0 || one.last_exit.is_some()
    };

    pod.containers.iter().any(started)
}

/// Whether an Event says that a volume could not be attached or mounted.
pub(super) fn is_mount_failure(event: &Occurrence) -> bool {
    ["FailedMount", "FailedAttachVolume", "FailedMapVolume"].contains(&event.reason.as_str())
}

/// What ended these pods of something that failed, where it was not their own containers, and how that shows.
pub(super) fn external_cause(
    pods: &[&PodFacts],
    creator: &str,
    occurrences: &[&Occurrence],
) -> Option<(CauseKind, String)> {
    // One that ran and failed by itself says what the others would have done.
    if pods
        .iter()
        .any(|pod| pod.phase == "Failed" && has_run(pod) && !is_disrupted(pod))
    {
        return None;
    }

    // No pod shows anything: whoever should have made one may have been refused.
    if pods.is_empty() {
        return refused::creation(creator, occurrences);
    }

    let shown = |pod: &&PodFacts| {
        let kind = external_cause_of_pod(pod, occurrences)?;
        let ended = || format!("pod {} never started", pod.name);
        let message = match kind {
            CauseKind::Evicted => failed_pod(pod),
            _ => trouble(pod).map_or_else(ended, |what| format!("pod {}: {what}", pod.name)),
        };
        Some((kind, message))
    };

    // The newest first: after that try the Job was given up.
    pods.iter().rev().find_map(shown)
}

fn external_cause_of_pod(pod: &PodFacts, occurrences: &[&Occurrence]) -> Option<CauseKind> {
    if is_disrupted(pod) {
        return Some(CauseKind::Evicted);
    }
    // It came as far as its own containers, and those ended it.
    if has_run(pod) {
        return None;
    }

    let waiting = pod
        .containers
        .iter()
        .find_map(|container| match &container.state {
            ContainerState::Waiting { reason, message } => {
                StartFailure::parse(reason)?.external_cause(container, message)
            }
            _ => None,
        });
    let mut events = occurrences.iter().filter(|one| one.about == pod.uid);

    // The latest first: a node is found before volumes are mounted, and these before a container is made.
    waiting
        .or_else(|| pod.unscheduled.as_ref().map(|_| CauseKind::Unschedulable))
        .or_else(|| {
            events
                .any(|one| is_mount_failure(one))
                .then_some(CauseKind::VolumeNotMounted)
        })
}

#[cfg(test)]
mod tests {
    use super::super::{Memory, MonitoredObject, RolloutContext, RolloutPolicy, assess};
    use super::*;
    use crate::model::k8s::kinds::built_in;
    use crate::model::verdict::Health;
    use crate::model::{Object, Target};
    use rstest::rstest;
    use serde_json::{Value, json};

    fn pod(status: &Value) -> PodFacts {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "uid": "p"}, "status": status,
            "spec": {"containers": [{"name": "main", "image": "r.example/app:1"}]}});
        PodFacts::reduce(&Object::new(pod).unwrap())
    }

    fn container(state: &Value) -> Value {
        json!({"phase": "Pending", "containerStatuses": [{"name": "main", "state": state}]})
    }

    fn failed(reason: &str, message: &str) -> Value {
        let ended = json!({"terminated": {"exitCode": 137}});
        json!({"phase": "Failed", "reason": reason, "message": message,
            "containerStatuses": [{"name": "main", "state": ended}]})
    }

    fn waiting(reason: &str, message: &str) -> Value {
        container(&json!({"waiting": {"reason": reason, "message": message}}))
    }

    fn disrupted() -> Value {
        let condition =
            json!({"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"});
        json!({"phase": "Failed", "conditions": [condition]})
    }

    fn unscheduled() -> Value {
        let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable"});
        json!({"phase": "Pending", "conditions": [condition]})
    }

    #[rstest]
    #[case::its_own_exit(&failed("", ""), None)]
    // The pod's own activeDeadlineSeconds, and no node's doing.
    #[case::its_own_time_limit(&failed("DeadlineExceeded", ""), None)]
    // The kubelet evicts for this one too, though its node is not in need.
    #[case::its_own_limit(
        &failed("Evicted", "Usage of EmptyDir volume \"tmp\" exceeds the limit \"1Mi\"."),
        None
    )]
    #[case::memory_of_the_node(
        &failed("Evicted", "The node was low on resource: memory."),
        Some(CauseKind::Evicted)
    )]
    #[case::shutdown(
        &failed("Terminated", "in response to imminent node shutdown"),
        Some(CauseKind::Evicted)
    )]
    #[case::preempted(&disrupted(), Some(CauseKind::Evicted))]
    #[case::no_node(&unscheduled(), Some(CauseKind::Unschedulable))]
    #[case::registry_down(
        &waiting("ErrImagePull", "connection refused"),
        Some(CauseKind::ImageUnavailable)
    )]
    #[case::no_image(
        &waiting("ErrImagePull", "r.example/app:1: not found"),
        Some(CauseKind::ImageNotFound)
    )]
    #[case::runtime(
        &waiting("RunContainerError", "context deadline exceeded"),
        Some(CauseKind::NodeError)
    )]
    #[case::starting(&waiting("ContainerCreating", ""), None)]
    fn a_pod_says_whether_it_was_ended_from_outside(
        #[case] status: &Value,
        #[case] blamed: Option<CauseKind>,
    ) {
        assert_eq!(
            external_cause(&[&pod(status)], "job", &[]).map(|(kind, _)| kind),
            blamed
        );
    }

    #[test]
    fn one_that_failed_by_itself_outweighs_one_that_was_evicted() {
        let (own, evicted) = (pod(&failed("", "")), pod(&failed("Evicted", "node was low")));

        assert_eq!(external_cause(&[&own, &evicted], "job", &[]), None);
    }

    #[rstest]
    #[case::never_started(&waiting("ContainerCreating", ""), CauseKind::Stalled)]
    #[case::runs(&container(&json!({"running": {}})), CauseKind::DeadlineExceeded)]
    fn a_deadline_counts_against_the_release_only_where_its_containers_ran(
        #[case] status: &Value,
        #[case] kind: CauseKind,
    ) {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "uid": "p"}, "status": status});
        let object = Object::new(object).unwrap();
        let pod = pod(status);

        let target = Target::new(&built_in("", "Pod").unwrap(), Some("shop"), "p");
        let start = jiff::Timestamp::from_second(1_800_000_000).unwrap();
        let subject = MonitoredObject::new(target, &object, start);

        let context = RolloutContext {
            object: Some(&object),
            pods: vec![&pod],
            ..RolloutContext::default()
        };
        let mut memory = Memory::default();

        let mut look = |seconds| {
            let now = start + jiff::SignedDuration::from_secs(seconds);
            assess(&subject, &context, &RolloutPolicy::default(), &mut memory, now).verdict
        };

        // The time without progress runs from the first look; nothing has moved when it is over.
        look(0);
        let Health::Failed { cause } = look(601) else {
            panic!("it is still waited for")
        };

        assert_eq!(cause.kind, kind, "{cause:?}");
    }
}
