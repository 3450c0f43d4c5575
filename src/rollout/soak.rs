//! What must not get worse once a rollout is done: restarts and readiness.
//!
//! Each pod is held against itself as it was when the soak began, so that nothing of the rollout before is
//! counted again. It is stricter than the rollout: there two exits make a crash loop and a good pod outweighs
//! a bad one, here one exit of one pod is enough.

use super::attribution::is_disrupted;
use super::failure_signal::FailureSignal;
use super::pod_text::{describe, exit_text, trouble};
use super::policy::Graces;
use super::subject::Baseline;
use crate::model::finding::ContainerRole;
use crate::model::k8s::pod::{ContainerState, PodFacts};
use crate::model::phrase::format_seconds;
use crate::model::verdict::{Cause, CauseKind};

/// What is worse than when the soak began. Pods that are new since are judged like any rollout.
pub(super) fn worse<'p>(
    pods: &'p [&'p PodFacts],
    soak: &'p Baseline,
    graces: &'p Graces,
) -> impl Iterator<Item = FailureSignal> + 'p {
    // One sign a pod: an exit explains why it is not ready.
    pods.iter()
        .flat_map(move |pod| exits(pod, soak).or_else(|| unready(pod, soak, graces)))
}

fn exits(pod: &PodFacts, soak: &Baseline) -> Option<FailureSignal> {
    let lasting = pod
        .containers
        .iter()
        .filter(|one| one.role == ContainerRole::Main || one.sidecar);

    let mut ended_since = lasting.filter(|one| {
        let ended = matches!(one.state, ContainerState::Terminated { .. });
        // The counter moves when the next instance starts: until then the state alone tells.
        soak.restarts_of(pod, &one.name)
            .is_some_and(|before| one.restarts > before || ended)
    });

    let container = ended_since.next()?;
    let exit = match &container.state {
        ContainerState::Terminated { exit } => Some(exit),
        _ => container.last_exit.as_ref(),
    };
    let how = exit
        .map(|exit| format!(" with {}", exit_text(exit)))
        .unwrap_or_default();

    let message = format!("{} exited during the soak{how}", describe(pod, container));
    let previous_logs = !matches!(container.state, ContainerState::Terminated { .. });

    let cause = Cause {
        kind: kind(pod),
        message,
        pod: Some(pod.name.clone()),
        container: Some(container.name.clone()),
        previous_logs,
    };
    Some(FailureSignal {
        key: format!("soak/{}/{}", pod.uid, container.name),
        // One exit is enough: it had come up, and ended all the same.
        grace: 0,
        cause,
    })
}

/// A pod that was ended from outside says nothing of the release.
fn kind(pod: &PodFacts) -> CauseKind {
    if is_disrupted(pod) {
        CauseKind::Evicted
    } else {
        CauseKind::Soak
    }
}

fn unready(pod: &PodFacts, soak: &Baseline, graces: &Graces) -> Option<FailureSignal> {
    let was_there = pod
        .containers
        .iter()
        .any(|one| soak.restarts_of(pod, &one.name).is_some());

    if pod.ready || pod.deleting || !was_there {
        return None;
    }

    let why = trouble(pod).map(|what| format!(": {what}")).unwrap_or_default();
    let cause = Cause {
        kind: kind(pod),
        message: format!(
            "pod {} was ready when the soak began and has not been ready for {}{why}",
            pod.name,
            format_seconds(graces.readiness.into())
        ),
        pod: Some(pod.name.clone()),
        container: pod
            .containers
            .iter()
            .find(|one| !one.ready)
            .map(|one| one.name.clone()),
        previous_logs: false,
    };

    Some(FailureSignal {
        key: format!("soak/{}", pod.uid),
        grace: graces.readiness,
        cause,
    })
}
