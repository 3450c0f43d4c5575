//! What is said of a pod: why it failed, how a container ended, what it hangs on.
//!
//! These phrases are for people alone. Nothing is decided by them, so that they may name what is not
//! understood as well: an unknown reason of a kubelet is quoted.

use crate::model::finding::ContainerRole;
use crate::model::k8s::pod::{ContainerFacts, ContainerState, Exit, PodFacts};

/// `container web of pod web-1`.
pub(super) fn describe(pod: &PodFacts, container: &ContainerFacts) -> String {
    let role = if container.role == ContainerRole::Init {
        "init container"
    } else {
        "container"
    };
    format!("{role} {} of pod {}", container.name, pod.name)
}

/// `exit code 137 (OOMKilled: memory limit exceeded)`.
pub(super) fn exit_text(exit: &Exit) -> String {
    // Few runtimes report the signal itself: the exit code is then 128 and its number.
    let signal = exit
        .signal
        .or_else(|| (exit.code > 128 && exit.code < 160).then_some(exit.code - 128));
    let signal = signal.map(|signal| format!("signal {signal}"));

    let about = match exit.reason.as_str() {
        "OOMKilled" => Some("OOMKilled: memory limit exceeded".to_owned()),
        "Completed" => Some("must keep running".to_owned()),
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

/// Why a pod failed.
pub(super) fn failed_pod(pod: &PodFacts) -> String {
    let exit = pod.containers.iter().find_map(|one| match &one.state {
        ContainerState::Terminated { exit } if exit.code != 0 => {
            Some(format!("container {} exited with {}", one.name, exit_text(exit)))
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
                return Some(format!(
                    "container {} exited with {}",
                    container.name,
                    exit_text(exit)
                ));
            }
            ContainerState::Running { .. } if !container.ready && container.role == ContainerRole::Main => {
                return Some(format!("container {} is running but not ready", container.name));
            }
            _ => {}
        }
    }

    let (reason, message) = pod.unscheduled.as_ref()?;
    Some(format!("{reason}: {message}"))
}
