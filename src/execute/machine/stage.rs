//! Where in its course a run is: each stage is named by what it awaits, and carries what it needs when that comes.
//!
//! Only the phase and the states of the steps are in the journal: a stage dies with its process. A promotion
//! goes `Forward`, then `Commit`; `Rollback` begins from `Forward`, or at the start of a run, and nothing
//! leads back from it.

use super::super::order::Group;
use crate::model::event::Phase;
use crate::model::{StepId, WaveIndex};
use std::collections::{BTreeSet, VecDeque};

#[derive(Clone, Debug, PartialEq)]
pub(in crate::execute) enum Stage {
    Start,
    Forward(Forward),
    Commit(Commit),
    Rollback(Rollback),
    Ended,
}

/// Up to the commit. Nothing is sent before `AwaitSteps`.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::enum_variant_names, reason = "a stage is named by what it awaits")]
pub(in crate::execute) enum Forward {
    /// The write of the first head.
    AwaitJournal,
    /// The write of parts and record.
    AwaitParts,
    /// The write of the head that says that they are there.
    AwaitOpenMark,
    /// The write of the inventory with the members to come.
    AwaitMembers,
    /// The write of the inventories whose members are about to move.
    AwaitAnnouncement,
    /// The write of the head that says what the wave may send.
    AwaitIntent { wave: WaveIndex },
    /// The answers of the steps in flight.
    AwaitSteps {
        wave: WaveIndex,
        in_flight: BTreeSet<StepId>,
    },
    /// The judgement of the wave's rollouts.
    AwaitRollout { wave: WaveIndex },
    /// The judgement of what an earlier run did.
    AwaitEarlierRollouts,
    /// The judgement of what runs, and of the gates.
    AwaitVerification,
    /// The end of the soak.
    AwaitSoak,
    /// Whether what a deletion deleted stays gone.
    AwaitDeletionCheck,
    /// The write of the inventory whose history says that the release is promoted.
    AwaitCommit,
    /// The write of the head that says why it stopped; past this step, where one cannot be undone.
    AwaitStopMark { barrier: Option<String> },
}

/// Past the commit.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::enum_variant_names, reason = "a stage is named by what it awaits")]
pub(in crate::execute) enum Commit {
    /// The write of the head that says so.
    AwaitCommitMark,
    /// The write of the inventories that lose their members.
    AwaitHandOver,
    /// The write of the head that says what the wave may delete.
    AwaitPruneIntent { wave: WaveIndex },
    /// The answers of the deletions in flight.
    AwaitPrunes {
        wave: WaveIndex,
        in_flight: BTreeSet<StepId>,
    },
    /// Whether what was deleted stays gone.
    AwaitPruneCheck,
    /// The write of the inventory without what was deleted.
    AwaitPrunedMembers,
    /// The deletion of parts that nobody needs any more.
    AwaitCleanup,
    /// The write of the closed head.
    AwaitClose,
}

/// Back. The stages of the namespace are for a release that brings its own.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::enum_variant_names, reason = "a stage is named by what it awaits")]
pub(in crate::execute) enum Rollback {
    /// The write of the head that says that everything goes back.
    AwaitRollbackMark,
    /// The undos in flight, of the first group of these.
    AwaitUndos {
        in_flight: BTreeSet<StepId>,
        rest: VecDeque<Group>,
    },
    /// The judgement of what was put back; these groups follow.
    AwaitRestored { rest: VecDeque<Group> },
    /// Whether what was put back or deleted is as it was.
    AwaitRestoreCheck,
    /// The write of the head that says what was undone.
    AwaitUndoneMark,
    /// The write of the inventories that have their members back.
    AwaitReturn,
    /// The deletion of the namespace that this step had created.
    AwaitNamespaceDeletion { step: StepId },
    /// The deletion of parts in other namespaces.
    AwaitNamespaceCleanup,
    /// The write of the inventory with the rollback in its history.
    AwaitHistory,
    /// The write of the closed head.
    AwaitClose,
    /// The deletion of parts that nobody needs any more.
    AwaitCleanup,
}

impl From<Forward> for Stage {
    fn from(stage: Forward) -> Self {
        Stage::Forward(stage)
    }
}

impl From<Commit> for Stage {
    fn from(stage: Commit) -> Self {
        Stage::Commit(stage)
    }
}

impl From<Rollback> for Stage {
    fn from(stage: Rollback) -> Self {
        Stage::Rollback(stage)
    }
}

impl Stage {
    /// What people are told that goes on; none where nothing begins.
    pub(in crate::execute) fn phase(&self) -> Option<Phase> {
        match self {
            Stage::Start | Stage::Forward(Forward::AwaitStopMark { .. }) | Stage::Ended => None,
            Stage::Forward(stage) => stage.phase(),
            Stage::Commit(stage) => Some(stage.phase()),
            Stage::Rollback(_) => Some(Phase::Rollback),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Stage::Start => "Start",
            Stage::Forward(stage) => stage.name(),
            Stage::Commit(stage) => stage.name(),
            Stage::Rollback(stage) => stage.name(),
            Stage::Ended => "Ended",
        }
    }
}

impl Forward {
    /// Whether nothing but one judgement is in flight, which may be dropped.
    pub(super) fn is_watching(&self) -> bool {
        match self {
            Self::AwaitRollout { .. }
            | Self::AwaitEarlierRollouts
            | Self::AwaitVerification
            | Self::AwaitSoak => true,
            Self::AwaitJournal | Self::AwaitParts | Self::AwaitOpenMark | Self::AwaitMembers => false,
            Self::AwaitAnnouncement | Self::AwaitIntent { .. } | Self::AwaitSteps { .. } => false,
            Self::AwaitDeletionCheck | Self::AwaitCommit | Self::AwaitStopMark { .. } => false,
        }
    }

    fn phase(&self) -> Option<Phase> {
        Some(match self {
            Self::AwaitJournal | Self::AwaitParts | Self::AwaitOpenMark => Phase::Journal,
            Self::AwaitMembers | Self::AwaitAnnouncement => Phase::Journal,
            Self::AwaitIntent { .. } | Self::AwaitSteps { .. } => Phase::Apply,
            Self::AwaitRollout { .. } | Self::AwaitEarlierRollouts => Phase::Apply,
            Self::AwaitVerification => Phase::Verify,
            Self::AwaitSoak => Phase::Soak,
            Self::AwaitDeletionCheck => Phase::Delete,
            Self::AwaitCommit => Phase::Commit,
            Self::AwaitStopMark { .. } => return None,
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::AwaitJournal => "AwaitJournal",
            Self::AwaitParts => "AwaitParts",
            Self::AwaitOpenMark => "AwaitOpenMark",
            Self::AwaitMembers => "AwaitMembers",
            Self::AwaitAnnouncement => "AwaitAnnouncement",
            Self::AwaitIntent { .. } => "AwaitIntent",
            Self::AwaitSteps { .. } => "AwaitSteps",
            Self::AwaitRollout { .. } => "AwaitRollout",
            Self::AwaitEarlierRollouts => "AwaitEarlierRollouts",
            Self::AwaitVerification => "AwaitVerification",
            Self::AwaitSoak => "AwaitSoak",
            Self::AwaitDeletionCheck => "AwaitDeletionCheck",
            Self::AwaitCommit => "AwaitCommit",
            Self::AwaitStopMark { .. } => "AwaitStopMark",
        }
    }
}

impl Commit {
    fn phase(&self) -> Phase {
        match self {
            Self::AwaitPruneIntent { .. } | Self::AwaitPrunes { .. } | Self::AwaitPruneCheck => Phase::Prune,
            Self::AwaitCommitMark | Self::AwaitHandOver => Phase::Commit,
            Self::AwaitPrunedMembers | Self::AwaitCleanup | Self::AwaitClose => Phase::Commit,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::AwaitCommitMark => "AwaitCommitMark",
            Self::AwaitHandOver => "AwaitHandOver",
            Self::AwaitPruneIntent { .. } => "AwaitPruneIntent",
            Self::AwaitPrunes { .. } => "AwaitPrunes",
            Self::AwaitPruneCheck => "AwaitPruneCheck",
            Self::AwaitPrunedMembers => "AwaitPrunedMembers",
            Self::AwaitCleanup => "AwaitCommitCleanup",
            Self::AwaitClose => "AwaitCommitClose",
        }
    }
}

impl Rollback {
    fn name(&self) -> &'static str {
        match self {
            Self::AwaitRollbackMark => "AwaitRollbackMark",
            Self::AwaitUndos { .. } => "AwaitUndos",
            Self::AwaitRestored { .. } => "AwaitRestored",
            Self::AwaitRestoreCheck => "AwaitRestoreCheck",
            Self::AwaitUndoneMark => "AwaitUndoneMark",
            Self::AwaitReturn => "AwaitReturn",
            Self::AwaitNamespaceDeletion { .. } => "AwaitNamespaceDeletion",
            Self::AwaitNamespaceCleanup => "AwaitNamespaceCleanup",
            Self::AwaitHistory => "AwaitHistory",
            Self::AwaitClose => "AwaitRollbackClose",
            Self::AwaitCleanup => "AwaitRollbackCleanup",
        }
    }
}
