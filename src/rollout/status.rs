//! What the rule of one kind says of an object, before any clock is asked.

use super::deadline::Budget;
use super::judgement::StuckPod;
use crate::model::k8s::pod::PodFacts;
use crate::model::verdict::{Cause, CauseKind, Health};

/// What the rule of one kind says.
#[derive(Debug)]
pub(super) struct KindStatus<'a> {
    /// By the object's own status.
    pub verdict: Health,
    /// Pods of the new revision.
    pub pods: Vec<&'a PodFacts>,
    /// How many of them there should be.
    pub wanted: u32,
    /// Uids of what creates the pods: Events about a refused creation are about these.
    pub creators: Vec<String>,
    /// Conditions of what creates the pods that say that creation is refused.
    pub refusal: Option<String>,
    /// Figures that rise while there is progress.
    pub figures: Vec<u32>,
    /// How long it may be without progress.
    pub budget: Budget,
    /// Whether the exit of a main container is a failure (it is not in a Job, which counts its own).
    pub must_run: bool,
    /// Whether what it waits for is brought about by something outside of the release.
    pub is_outside: bool,
    /// When its health counts as unknown, where its controller says nothing of what was written; none where it is waited
    /// for like everything else.
    pub unknown_after: Option<UnknownAfter>,
    /// Whether the verdict is its status' alone, as its controller has written it last.
    pub is_by_status: bool,
    /// The class of a failure that it reports, and that its controller may still mend.
    pub reported: Option<CauseKind>,
    /// Whether it is done because there is no pod that it should run.
    pub is_empty: bool,
    /// Whether containers without a readiness probe must live a while before it is done.
    pub settles: bool,
    /// What would help it on.
    pub stuck_pods: Vec<StuckPod>,
}

impl<'a> KindStatus<'a> {
    /// A verdict on an object that has no pods.
    pub fn without_pods(verdict: Health) -> Self {
        Self {
            verdict,
            pods: Vec::new(),
            wanted: 0,
            creators: Vec::new(),
            refusal: None,
            figures: Vec::new(),
            budget: Budget::default(),
            must_run: false,
            is_outside: false,
            unknown_after: None,
            is_by_status: false,
            reported: None,
            is_empty: false,
            settles: false,
            stuck_pods: Vec::new(),
        }
    }

    /// An object that waits for something outside of the release.
    pub fn waits_outside(why: impl Into<String>) -> Self {
        Self {
            is_outside: true,
            ..Self::without_pods(Health::progressing(0, 1, why))
        }
    }

    /// An object of which its controller says nothing.
    pub fn unknown_after(after: UnknownAfter, why: impl Into<String>) -> Self {
        Self {
            unknown_after: Some(after),
            ..Self::without_pods(Health::progressing(0, 1, why))
        }
    }

    /// An object that reports a failure, which its controller may still mend: it has the time that any progress has.
    pub fn may_mend(kind: CauseKind, why: impl Into<String>) -> Self {
        Self {
            reported: Some(kind),
            ..Self::without_pods(Health::progressing(0, 1, why))
        }
    }

    /// A verdict on an object that runs pods.
    pub fn with_pods(verdict: Health, pods: Vec<&'a PodFacts>, wanted: u32) -> Self {
        Self {
            pods,
            wanted,
            must_run: true,
            settles: true,
            ..Self::without_pods(verdict)
        }
    }

    /// Done, for it should run no pod: why.
    pub fn empty(note: impl Into<String>) -> Self {
        Self {
            is_empty: true,
            ..Self::noted(note)
        }
    }

    /// Done, with a remark.
    pub fn noted(note: impl Into<String>) -> Self {
        Self::without_pods(Health::Ready {
            message: Some(note.into()),
        })
    }
}

/// When the health of an object counts as unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnknownAfter {
    /// After so many seconds, however patient the user is: nothing is to come.
    Seconds(u32),
    /// After so many seconds, unless the user is strict: its controller was behind before.
    Outside(u32),
    /// At the deadline, unless the user is strict: its controller may merely be slow.
    Deadline,
}

/// A failure that the object reports itself.
pub(super) fn reported(kind: CauseKind, message: impl Into<String>) -> Health {
    Health::Failed {
        cause: Cause {
            kind,
            message: message.into(),
            pod: None,
            container: None,
            previous_logs: false,
        },
    }
}
