//! What a sign of failure is, and what a pod is held against to find one.
//!
//! The same trouble keeps its key from look to look, so that its grace runs on while pods are replaced.

use super::policy::RolloutPolicy;
use super::subject::MonitoredObject;
use crate::model::k8s::pod::PodFacts;
use crate::model::occurrence::Occurrence;
use crate::model::verdict::{Cause, CauseKind};

/// A sign that a pod will not come up by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FailureSignal {
    /// What it is, for the memory: the same sign of the same container has the same key.
    pub key: String,
    /// How many seconds it must last.
    pub grace: u32,
    /// What it means if it does.
    pub cause: Cause,
}

/// What a pod is held against.
pub(super) struct SignalContext<'a> {
    pub subject: &'a MonitoredObject,
    pub policy: &'a RolloutPolicy,
    pub occurrences: &'a [&'a Occurrence],
    /// Whether the exit of a main container counts.
    pub must_run: bool,
}

/// A failure to start: its class, the seconds that it must last, and a sentence.
pub(super) struct Explanation {
    pub kind: CauseKind,
    pub grace: u32,
    pub message: String,
}

/// The sign that a pod, or one of its containers, gives.
pub(super) fn signal(pod: &PodFacts, container: Option<&str>, found: Explanation) -> FailureSignal {
    let cause = Cause {
        kind: found.kind,
        message: found.message,
        pod: Some(pod.name.clone()),
        container: container.map(Into::into),
        previous_logs: false,
    };

    // Without the uid: pods that are replaced while they show the same sign do not start its time anew.
    FailureSignal {
        key: format!("{:?}/{}", found.kind, container.unwrap_or_default()),
        grace: found.grace,
        cause,
    }
}
