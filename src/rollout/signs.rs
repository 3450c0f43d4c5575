//! Signs that a pod will not come up by itself, with the time that each must last.
//!
//! Most of what a kubelet or the scheduler says of a pod may pass: a Secret comes a second later, a registry
//! is down for a minute. So each sign has a grace, and none only where the answer is clear (the registry says
//! that the image does not exist). A sign is no verdict: the judge keeps the time, and lets one good pod
//! outweigh them all. Whatever is not recognized here is no sign, and is left to the deadline.

use super::blame::{cannot_start, is_disrupted};
use super::policy::Policy;
use super::pull;
use super::subject::Subject;
use crate::model::finding::ContainerRole;
use crate::model::k8s::pod::{ContainerFacts, ContainerState, Exit, PodFacts};
use crate::model::occurrence::Occurrence;
use crate::model::verdict::{Cause, CauseKind};

/// A sign that a pod will not come up by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sign {
    /// What it is, for the memory: the same sign of the same container has the same key.
    pub key: String,
    /// How many seconds it must last.
    pub grace: u32,
    /// What it means if it does.
    pub cause: Cause,
}

/// What a container's exits are counted against.
pub(super) struct Look<'a> {
    pub subject: &'a Subject,
    pub policy: &'a Policy,
    pub occurrences: &'a [&'a Occurrence],
    /// Whether the exit of a main container counts.
    pub must_run: bool,
}

/// Whether a pod is ready and none of its lasting containers has exited since the baseline.
pub(super) fn is_good(pod: &PodFacts, subject: &Subject) -> bool {
    // Ready is not enough: without a probe a container that crashes is ready between two exits.
    pod.ready && !pod.deleting && pod.lasting().all(|container| exits(pod, container, subject) == 0)
}

/// The signs that a pod shows.
pub(super) fn signs(pod: &PodFacts, look: &Look<'_>) -> Vec<Sign> {
    // Its containers are being stopped: how they end says nothing.
    if pod.deleting {
        return Vec::new();
    }

    let mut found = Vec::new();
    // A controller replaces such a pod; one without a controller stays failed.
    if pod.phase == "Failed" && look.must_run && pod.controller.is_none() {
        found.push(sign(pod, None, of_failed(pod), 0, failed_pod(pod)));
    }

    for container in &pod.containers {
        found.extend(of_container(pod, container, look));
    }

    found.extend(unscheduled(pod, look));
    found.extend(volume(pod, look));
    found
}

fn sign(pod: &PodFacts, container: Option<&str>, kind: CauseKind, grace: u32, message: String) -> Sign {
    let cause = Cause {
        kind,
        message,
        pod: Some(pod.name.clone()),
        container: container.map(Into::into),
        previous_logs: false,
    };

    // Without the uid: pods that are replaced while they show the same sign do not start its time anew.
    Sign {
        key: format!("{kind:?}/{}", container.unwrap_or_default()),
        grace,
        cause,
    }
}

fn of_container(pod: &PodFacts, container: &ContainerFacts, look: &Look<'_>) -> Option<Sign> {
    // Somebody debugs the pod, and such a container ends when that person is done.
    if container.role == ContainerRole::Ephemeral {
        return None;
    }

    // CrashLoopBackOff is a waiting state too, and no sign by itself: the exits behind it are counted below.
    if let ContainerState::Waiting { reason, message } = &container.state
        && let Some(found) = waiting(pod, container, reason, message, look)
    {
        return Some(found);
    }

    crash(pod, container, look)
}

fn waiting(
    pod: &PodFacts,
    container: &ContainerFacts,
    reason: &str,
    message: &str,
    look: &Look<'_>,
) -> Option<Sign> {
    let graces = &look.policy.graces;
    let named = |kind, grace, text: String| Some(sign(pod, Some(&container.name), kind, grace, text));
    let what = describe(pod, container);

    match reason {
        // The kubelet finds this one and the next out by itself, with no registry that may be slow: no grace.
        "InvalidImageName" => named(
            CauseKind::InvalidImageName,
            0,
            format!(
                "{what} needs an image, and {:?} is not an image's name",
                container.image
            ),
        ),
        "ErrImageNeverPull" => named(
            CauseKind::ImageUnavailable,
            0,
            format!(
                "{what} needs image {} on its node (imagePullPolicy: Never), and it is not there",
                container.image
            ),
        ),
        "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" => {
            let (kind, grace, text) = pull_failure(pod, container, message, look);
            named(
                kind,
                grace,
                format!("{what} cannot pull {}: {text}", container.image),
            )
        }
        "CreateContainerConfigError" => {
            // What is not missing is refused for what the image is (root, under `runAsNonRoot`).
            let kind = if is_missing_configuration(message) {
                CauseKind::MissingConfiguration
            } else {
                CauseKind::CannotStart
            };
            named(
                kind,
                graces.configuration,
                format!("{what} cannot be configured: {}", or(message, reason)),
            )
        }
        "CreateContainerError" | "RunContainerError" | "ContainerCannotRun" | "ImageInspectError" => {
            let text = format!("{what} cannot start: {}", or(message, reason));
            named(cannot_start(message), graces.start, text)
        }
        "PostStartHookError" | "PreStartHookError" | "SignatureValidationFailed" => named(
            CauseKind::CannotStart,
            graces.start,
            format!("{what} cannot start: {}", or(message, reason)),
        ),
        // Every pod passes through ContainerCreating; a reason that nobody knows is left to the deadline.
        _ => None,
    }
}

fn pull_failure(
    pod: &PodFacts,
    container: &ContainerFacts,
    message: &str,
    look: &Look<'_>,
) -> (CauseKind, u32, String) {
    let graces = &look.policy.graces;

    // Older kubelets say why in an Event only.
    let told = look
        .occurrences
        .iter()
        .filter(|one| one.about == pod.uid && one.reason == "Failed");
    let texts = [message].into_iter().chain(told.map(|one| one.message.as_str()));
    let known = texts
        .filter_map(|text| Some((pull::classify(text, &container.image)?, text)))
        .next();

    match known {
        // The preflight saw it in its registry: that it is missing now is not the doing of the release.
        Some((CauseKind::ImageNotFound, _)) if look.subject.seen_images.contains(&container.image) => (
            CauseKind::ImageUnavailable,
            graces.seen_image,
            "the registry says that it does not exist, though it was there before the promotion".into(),
        ),
        // The image is there, and has no part for this node: no wait changes that either.
        Some((CauseKind::ImageNotFound, text)) if text.to_lowercase().contains("no match for platform") => (
            CauseKind::ImageNotFound,
            0,
            "it does not exist for the platform of the node".into(),
        ),
        Some((CauseKind::ImageNotFound, _)) => (
            CauseKind::ImageNotFound,
            0,
            "the registry says that it does not exist".into(),
        ),
        Some((CauseKind::ImageUnauthorized, text)) => (
            CauseKind::ImageUnauthorized,
            0,
            format!("the registry refuses: {}", last_words(text)),
        ),
        Some((_, text)) => (CauseKind::ImageUnavailable, graces.registry, last_words(text)),
        // A back-off that quotes no reason: the registry may merely be slow.
        None => (
            CauseKind::ImageUnavailable,
            graces.registry,
            or(message, "no reason given").to_owned(),
        ),
    }
}

/// The end of a chain of wrapped errors, which is where the reason stands.
fn last_words(text: &str) -> String {
    let parts: Vec<&str> = text.split(": ").collect();
    parts[parts.len().saturating_sub(3)..].join(": ")
}

pub(super) fn is_missing_configuration(message: &str) -> bool {
    // The kubelet's words for an object that is missing, a key of it, and a key of a volume.
    ["not found", "couldn't find key", "non-existent"]
        .iter()
        .any(|word| message.contains(word))
}

/// How often a container has ended since the baseline.
pub(super) fn exits(pod: &PodFacts, container: &ContainerFacts, subject: &Subject) -> u32 {
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

fn crash(pod: &PodFacts, container: &ContainerFacts, look: &Look<'_>) -> Option<Sign> {
    let is_init = container.role == ContainerRole::Init && !container.sidecar;

    if !is_init && !look.must_run {
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

    let times = exits(pod, container, look.subject);
    if times < look.policy.crash_exits {
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
        "{what} {} of pod {} ended {times} times, last with {}",
        container.name,
        pod.name,
        ended(exit)
    );

    let mut found = sign(pod, Some(&container.name), kind, 0, message);
    // Unless it has ended just now, the log that shows the exit is that of the instance before.
    found.cause.previous_logs = !matches!(container.state, ContainerState::Terminated { .. });
    Some(found)
}

/// `container web of pod web-1`.
pub(super) fn describe(pod: &PodFacts, container: &ContainerFacts) -> String {
    let role = if container.role == ContainerRole::Init {
        "init container"
    } else {
        "container"
    };
    format!("{role} {} of pod {}", container.name, pod.name)
}

/// `exit code 137 (OOMKilled: it used more memory than its limit)`.
pub(super) fn ended(exit: &Exit) -> String {
    // Few runtimes report the signal itself: the exit code is then 128 and its number.
    let signal = exit
        .signal
        .or_else(|| (exit.code > 128 && exit.code < 160).then_some(exit.code - 128));
    let signal = signal.map(|signal| format!("signal {signal}"));

    let about = match exit.reason.as_str() {
        "OOMKilled" => Some("OOMKilled: it used more memory than its limit".to_owned()),
        "Completed" => Some("a container that must keep running".to_owned()),
        "Error" | "" => signal,
        other if exit.message.is_empty() => Some(other.to_owned()),
        other => Some(format!(
            "{other}: {}",
            exit.message.lines().next().unwrap_or_default()
        )),
    };

    match about {
        Some(about) => format!("exit code {} ({about})", exit.code),
        None => format!("exit code {}", exit.code),
    }
}

fn unscheduled(pod: &PodFacts, look: &Look<'_>) -> Option<Sign> {
    let (reason, message) = pod.unscheduled.as_ref()?;
    // The cluster autoscaler and Karpenter say so of a pod that they make a node for.
    let helped = ["TriggeredScaleUp", "Nominated"];
    let is_helped = |one: &&&Occurrence| one.about == pod.uid && helped.contains(&one.reason.as_str());
    // Behind a scheduling gate the reason is another one: nobody has looked for a node yet.
    if reason != "Unschedulable" || look.occurrences.iter().any(|one| is_helped(&one)) {
        return None;
    }

    let text = format!("no node takes pod {}: {message}", pod.name);
    Some(sign(
        pod,
        None,
        CauseKind::Unschedulable,
        look.policy.graces.unschedulable,
        text,
    ))
}

fn volume(pod: &PodFacts, look: &Look<'_>) -> Option<Sign> {
    let reasons = ["FailedMount", "FailedAttachVolume", "FailedMapVolume"];

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

    let of_pod = look.occurrences.iter().filter(|one| one.about == pod.uid);
    let last = of_pod
        .filter(|one| reasons.contains(&one.reason.as_str()))
        .max_by_key(|one| one.last)?;

    let missing = is_missing_configuration(&last.message);
    let graces = &look.policy.graces;
    let (kind, grace) = if missing {
        (CauseKind::MissingConfiguration, graces.configuration)
    } else {
        (CauseKind::VolumeNotMounted, graces.volume)
    };

    Some(sign(
        pod,
        None,
        kind,
        grace,
        format!("a volume of pod {} does not mount: {}", pod.name, last.message),
    ))
}

/// The class of a pod's failure.
pub(super) fn of_failed(pod: &PodFacts) -> CauseKind {
    if is_disrupted(pod) {
        CauseKind::Evicted
    } else {
        CauseKind::PodFailed
    }
}

/// Why a pod failed.
pub(super) fn failed_pod(pod: &PodFacts) -> String {
    let exit = pod.containers.iter().find_map(|one| match &one.state {
        ContainerState::Terminated { exit } if exit.code != 0 => {
            Some(format!("container {} ended with {}", one.name, ended(exit)))
        }
        _ => None,
    });

    let why = [pod.message.clone(), pod.reason.clone(), exit.unwrap_or_default()];
    let why = why
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| "no reason given".into());
    format!("pod {} failed: {why}", pod.name)
}

/// What is the matter with a pod, in a phrase, whether it will pass or not.
pub(super) fn trouble(pod: &PodFacts) -> Option<String> {
    if pod.ready || pod.phase == "Succeeded" || pod.deleting {
        return None;
    }

    for container in &pod.containers {
        match &container.state {
            ContainerState::Waiting { reason, message } if !reason.is_empty() => {
                // Every pod passes through these.
                if matches!(reason.as_str(), "ContainerCreating" | "PodInitializing") {
                    continue;
                }
                let first = message.lines().next().filter(|line| !line.is_empty());
                let tail = first.map(|line| format!(": {line}")).unwrap_or_default();
                return Some(format!("container {} is in {reason}{tail}", container.name));
            }
            ContainerState::Terminated { exit } if exit.code != 0 => {
                return Some(format!("container {} ended with {}", container.name, ended(exit)));
            }
            ContainerState::Running { .. } if !container.ready && container.role == ContainerRole::Main => {
                return Some(format!("container {} runs and is not ready", container.name));
            }
            _ => {}
        }
    }

    let (reason, message) = pod.unscheduled.as_ref()?;
    Some(format!("{reason}: {message}"))
}

fn or<'t>(text: &'t str, other: &'t str) -> &'t str {
    if text.is_empty() { other } else { text }
}
