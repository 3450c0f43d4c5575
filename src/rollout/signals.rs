//! Signs that a pod will not come up by itself, with the time that each must last.
//!
//! Most of what a kubelet or the scheduler says of a pod may pass: a Secret comes a second later, a registry
//! is down for a minute. So each sign has a grace, and none only where the answer is clear (the registry says
//! that the image does not exist). A sign is no verdict: the judge keeps the time, and lets one good pod
//! outweigh them all. Whatever is not recognized here is no sign, and is left to the deadline.

use super::attribution::{is_disrupted, is_mount_failure};
use super::failure_signal::{Explanation, FailureSignal, SignalContext, signal};
use super::pod_text::{exit_text, failed_pod};
use super::subject::MonitoredObject;
use super::waiting::{cannot_start, explain_waiting, is_missing_configuration};
use crate::model::finding::ContainerRole;
use crate::model::k8s::pod::{ContainerFacts, ContainerState, PodFacts};
use crate::model::occurrence::Occurrence;
use crate::model::verdict::CauseKind;

/// Whether a pod is ready and none of its lasting containers has exited since the baseline.
pub(super) fn is_good(pod: &PodFacts, subject: &MonitoredObject) -> bool {
    // Ready is not enough: without a probe a container that crashes is ready between two exits.
    pod.ready && !pod.deleting && pod.lasting().all(|container| exits(pod, container, subject) == 0)
}

/// The signs that a pod shows.
pub(super) fn find_signals(pod: &PodFacts, context: &SignalContext<'_>) -> Vec<FailureSignal> {
    // Its containers are being stopped: how they end says nothing.
    if pod.deleting {
        return Vec::new();
    }

    let mut found = Vec::new();
    // A controller replaces such a pod; one without a controller stays failed.
    if pod.phase == "Failed" && context.must_run && pod.controller.is_none() {
        let failed = Explanation {
            kind: failed_kind(pod),
            grace: 0,
            message: failed_pod(pod),
        };
        found.push(signal(pod, None, failed));
    }

    for container in &pod.containers {
        found.extend(container_signal(pod, container, context));
    }

    found.extend(unscheduled_signal(pod, context));
    found.extend(volume_signal(pod, context));
    found
}

fn container_signal(
    pod: &PodFacts,
    container: &ContainerFacts,
    context: &SignalContext<'_>,
) -> Option<FailureSignal> {
    // Somebody debugs the pod, and such a container ends when that person is done.
    if container.role == ContainerRole::Ephemeral {
        return None;
    }

    // CrashLoopBackOff is a waiting state too, and no sign by itself: the exits behind it are counted below.
    if let ContainerState::Waiting { reason, message } = &container.state
        && let Some(found) = explain_waiting(pod, container, (reason, message), context)
    {
        return Some(signal(pod, Some(&container.name), found));
    }

    crash_signal(pod, container, context)
}

/// How often a container has ended since the baseline.
pub(super) fn exits(pod: &PodFacts, container: &ContainerFacts, subject: &MonitoredObject) -> u32 {
    let ended_now = match &container.state {
        ContainerState::Terminated { .. } => true,
        // The restart counter moves when the next instance starts.
        ContainerState::Waiting { reason, .. } => reason == "CrashLoopBackOff",
        _ => false,
    };

    let before = subject.baseline.restarts_of(pod, &container.name);
    let restarts = container.restarts.saturating_sub(before.unwrap_or(0));

    // What had ended before our step, and has not run since, is not counted.
    let old = before.is_some() && restarts == 0 && !matches!(container.state, ContainerState::Running { .. });
    if old { 0 } else { restarts + u32::from(ended_now) }
}

fn crash_signal(
    pod: &PodFacts,
    container: &ContainerFacts,
    context: &SignalContext<'_>,
) -> Option<FailureSignal> {
    let is_init = container.role == ContainerRole::Init && !container.sidecar;

    if !is_init && !context.must_run {
        return None;
    }

    let exit = match &container.state {
        ContainerState::Terminated { exit } => exit,
        _ => container.last_exit.as_ref()?,
    };
    // An init container is meant to end.
    if is_init && exit.code == 0 && exit.signal.is_none() {
        return None;
    }

    let times = exits(pod, container, context.subject);
    if times < context.policy.crash_exits {
        return None;
    }

    // A command that cannot be started shows as an exit too: the runtime's words say whose fault that is.
    let was_not_started = matches!(exit.reason.as_str(), "StartError" | "ContainerCannotRun");
    let (kind, what) = match (was_not_started, is_init) {
        (true, _) => (cannot_start(&exit.message), "container"),
        (false, true) => (CauseKind::InitFailed, "init container"),
        (false, false) => (CauseKind::CrashLoop, "container"),
    };

    let message = format!(
        "{what} {} of pod {} exited {times} times, last with {}",
        container.name,
        pod.name,
        exit_text(exit)
    );

    let found = Explanation {
        kind,
        grace: 0,
        message,
    };
    let mut found = signal(pod, Some(&container.name), found);
    // Unless it has ended just now, the log that shows the exit is that of the instance before.
    found.cause.previous_logs = !matches!(container.state, ContainerState::Terminated { .. });
    Some(found)
}

fn unscheduled_signal(pod: &PodFacts, context: &SignalContext<'_>) -> Option<FailureSignal> {
    let (reason, message) = pod.unscheduled.as_ref()?;
    // The cluster autoscaler and Karpenter say so of a pod that they make a node for.
    let helped = ["TriggeredScaleUp", "Nominated"];
    let is_helped = |one: &&&Occurrence| one.about == pod.uid && helped.contains(&one.reason.as_str());
    // Behind a scheduling gate the reason is another one: nobody has looked for a node yet.
    if reason != "Unschedulable" || context.occurrences.iter().any(|one| is_helped(&one)) {
        return None;
    }

    let found = Explanation {
        kind: CauseKind::Unschedulable,
        grace: context.policy.graces.unschedulable,
        message: format!("pod {} cannot be scheduled: {message}", pod.name),
    };
    Some(signal(pod, None, found))
}

fn volume_signal(pod: &PodFacts, context: &SignalContext<'_>) -> Option<FailureSignal> {
    let started = pod.containers.iter().any(|one| {
        matches!(
            one.state,
            ContainerState::Running { .. } | ContainerState::Terminated { .. }
        )
    });
    // Its volumes are mounted: what Events say of them is over.
    if started {
        return None;
    }

    let of_pod = context.occurrences.iter().filter(|one| one.about == pod.uid);
    let last = of_pod
        .filter(|one| is_mount_failure(one))
        .max_by_key(|one| one.last)?;

    let missing = is_missing_configuration(&last.message);
    let graces = &context.policy.graces;
    let (kind, grace) = if missing {
        (CauseKind::MissingConfiguration, graces.configuration)
    } else {
        (CauseKind::VolumeNotMounted, graces.volume)
    };

    let message = format!("a volume of pod {} cannot be mounted: {}", pod.name, last.message);
    Some(signal(pod, None, Explanation { kind, grace, message }))
}

/// The class of a pod's failure.
pub(super) fn failed_kind(pod: &PodFacts) -> CauseKind {
    if is_disrupted(pod) {
        CauseKind::Evicted
    } else {
        CauseKind::PodFailed
    }
}
