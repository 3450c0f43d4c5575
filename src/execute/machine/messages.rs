//! What goes in and what comes out: the inputs that tell what has happened, and the effects that ask for something.
//!
//! Each effect of the first group of [`Effect`] is answered by exactly one input; `Interrupted` and `CannotContinue` come by
//! themselves, at any time before the end. A stage takes an answer by its kind (`into_…`): any other input cannot
//! come there, and is told as an internal error.

use super::super::outcome::StepOutcome;
use super::super::services::{Interrupt, RunReport};
use super::super::state_after::Remain;
use crate::model::StepId;
use crate::model::bundle::PartBundle;
use crate::model::event::Event;
use crate::model::journal::{Failure, UndoState};
use crate::model::verification::VerificationSummary;

/// What has happened.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::execute) enum Input {
    /// The lock is held: begin, or go on where the journal stands.
    Begin,
    /// The write that the last effect asked for is done.
    Written,
    /// That write failed for good, and why.
    NotWritten(String),
    /// A step was answered.
    Answered(StepId, StepOutcome),
    /// What was followed, proved or watched is well, or why not.
    Judged(Result<(), Box<Failure>>),
    /// What runs was looked at: what is known of the images, where any were tested.
    Verified(Option<VerificationSummary>),
    /// The objects of these steps, which are to be judged, are not there.
    Absent(Vec<StepId>),
    /// What was restored or deleted was read again: what is not as it was.
    Reread(Vec<Remain>),
    /// A step's undo has ended.
    Undone(StepId, UndoState),
    /// The namespace in which the journal lies is gone, or why it stays.
    HomeLeft(Result<(), String>),
    /// The API server did not answer for too long, or the lock is another's.
    CannotContinue(String),
    /// A person wants to stop.
    Interrupted(Interrupt),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::execute) enum Effect {
    /// Write the head.
    WriteHead,
    /// Write the parts and the record that the journal names.
    WriteParts,
    /// Write the inventory.
    WriteInventory,
    /// Write the inventories of the releases whose members move.
    WriteSources(Moving),
    /// Delete parts.
    Forget(Vec<PartBundle>),
    /// Do a step.
    Send(StepId),
    /// Judge the rollout of these steps' objects.
    Follow(Vec<StepId>),
    /// Judge what runs, and the gates.
    Prove,
    /// Watch that the objects of these steps stay well.
    Soak(Vec<StepId>),
    /// Undo a step.
    Undo(StepId),
    /// Wait for what was restored, as far as it was ready before.
    FollowRestored(Vec<StepId>),
    /// Read once more what was deleted.
    RereadDeleted,
    /// Read once more what was restored or deleted.
    RereadReverted,
    /// Delete the namespace in which the journal lies.
    DeleteHome,

    // These are not answered.
    /// Drop what is in flight, which is one judgement: its answer never comes.
    StopWatching,
    /// Say something.
    Emit(Event),
    /// End; give the lock back, or leave it to expire.
    Finish(RunReport, bool),
}

/// What the inventory that loses members is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::execute) enum Moving {
    /// They are about to move.
    Announced,
    /// They have moved.
    HandedOver,
    /// They are back.
    TakenBack,
}

/// How the rollout of objects went.
pub(super) enum RolloutAnswer {
    Ready,
    Failed(Box<Failure>),
    /// The objects of these steps are not there.
    Absent(Vec<StepId>),
}

/// Why a run cannot go on in its stage: its journal stays as it was written last, and a later run goes on with that.
pub(super) enum Halt {
    /// What it needs cannot be written.
    NotWritten(String),
    /// No answer says what was done.
    Unknown(String),
    /// An input that cannot come in this stage.
    Misfit {
        awaited: &'static str,
        found: &'static str,
    },
}

impl Halt {
    /// Why it ended, in a stage of this name.
    pub(super) fn explain(self, stage: &str) -> String {
        match self {
            Halt::NotWritten(why) | Halt::Unknown(why) => why,
            Halt::Misfit { awaited, found } => format!(
                "internal error at {stage}: expected {awaited}, found {found}; this is a bug in kubectl-delivery"
            ),
        }
    }
}

impl Input {
    pub(super) fn into_begin(self) -> Result<(), Halt> {
        match self {
            Input::Begin => Ok(()),
            other => Err(other.misfit("the beginning")),
        }
    }

    /// A write that has to be done for the run to go on.
    pub(super) fn into_written(self) -> Result<(), Halt> {
        self.into_write_result()?.map_err(Halt::NotWritten)
    }

    /// A write whose refusal the stage can deal with.
    pub(super) fn into_write_result(self) -> Result<Result<(), String>, Halt> {
        match self {
            Input::Written => Ok(Ok(())),
            Input::NotWritten(why) => Ok(Err(why)),
            other => Err(other.misfit("the answer to a write")),
        }
    }

    pub(super) fn into_outcome(self) -> Result<(StepId, StepOutcome), Halt> {
        match self {
            Input::Answered(step, outcome) => Ok((step, outcome)),
            other => Err(other.misfit("the outcome of a step")),
        }
    }

    pub(super) fn into_rollout(self) -> Result<RolloutAnswer, Halt> {
        match self {
            Input::Absent(steps) => Ok(RolloutAnswer::Absent(steps)),
            other => Ok(other
                .into_judgement()?
                .map_or_else(RolloutAnswer::Failed, |()| RolloutAnswer::Ready)),
        }
    }

    pub(super) fn into_judgement(self) -> Result<Result<(), Box<Failure>>, Halt> {
        match self {
            Input::Judged(judged) => Ok(judged),
            other => Err(other.misfit("a health check")),
        }
    }

    pub(super) fn into_verification(self) -> Result<Result<Option<VerificationSummary>, Box<Failure>>, Halt> {
        match self {
            Input::Verified(summary) => Ok(Ok(summary)),
            Input::Judged(Err(failure)) => Ok(Err(failure)),
            other => Err(other.misfit("what was verified")),
        }
    }

    pub(super) fn into_remains(self) -> Result<Vec<Remain>, Halt> {
        match self {
            Input::Reread(remains) => Ok(remains),
            other => Err(other.misfit("what was read again")),
        }
    }

    pub(super) fn into_undo(self) -> Result<(StepId, UndoState), Halt> {
        match self {
            Input::Undone(step, state) => Ok((step, state)),
            other => Err(other.misfit("the end of an undo")),
        }
    }

    pub(super) fn into_namespace_deletion(self) -> Result<Result<(), String>, Halt> {
        match self {
            Input::HomeLeft(deleted) => Ok(deleted),
            other => Err(other.misfit("the end of the namespace's deletion")),
        }
    }

    fn misfit(&self, awaited: &'static str) -> Halt {
        Halt::Misfit {
            awaited,
            found: self.name(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Input::Begin => "Begin",
            Input::Written => "Written",
            Input::NotWritten(_) => "NotWritten",
            Input::Answered(..) => "Answered",
            Input::Judged(_) => "Judged",
            Input::Verified(_) => "Verified",
            Input::Absent(_) => "Absent",
            Input::Reread(_) => "Reread",
            Input::Undone(..) => "Undone",
            Input::HomeLeft(_) => "HomeLeft",
            Input::CannotContinue(_) => "CannotContinue",
            Input::Interrupted(_) => "Interrupted",
        }
    }
}
