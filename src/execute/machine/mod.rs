//! The heart: a pure state machine. An input (what has happened) changes the state and gives effects (what to
//! do next); nothing here waits, reads or writes. The journal is the part of the state that outlives the
//! process.
//!
//! - **Which order, and why.** `Forward`: journal, members, then each wave as intended, sent, followed; then the
//!   proof, the soak, the commit (the write of the inventory's history). A deletion deletes in these waves, and not
//!   after the commit as a prune does, since it can be rolled back only before; it follows and proves nothing. Before it a failure or an interrupt
//!   leads to `Rollback`, or stops past a step that cannot be undone; in `Commit` a run only goes forward. What
//!   is sent stands in the head first, and what is deleted is named there until it is gone: so a run that dies
//!   anywhere leaves a journal that another one can finish.
//! - **What it assumes.** Its lock is held; each effect is answered once, with the answers of one batch in any
//!   order; `StopWatching` drops what is in flight. A later run starts at `Stage::Start` with what head and
//!   inventory say, never at the stage that an earlier one had come to.
//! - **What ends it.** One `Finish`: promoted, rolled back, stopped, or left, where nothing can be known (no
//!   answer, the lock lost) or a person leaves at once. What was left has an open journal, and keeps its lock.
//! - **What cannot come.** `CannotContinue` and `Interrupted` come at any time, and nothing that is answered comes late.
//!   Each stage names the one kind of input that it awaits; any other is a bug, told as an internal error that
//!   leaves the journal as it was written last.
//! - **Where a new case goes.** A wait is a variant in `stage.rs`, and the compiler then asks for its arm in
//!   `forward.rs`, `commit.rs` or `rollback.rs`; an answer is an `Input` with its `into_…` in `messages.rs`. What
//!   a failure leads to is in `failure.rs`, what a wave shares in `waves.rs`.

mod commit;
mod failure;
mod forward;
mod messages;
mod namespace;
mod rollback;
mod stage;
mod waves;

pub(super) use messages::{Effect, Input, Moving};

use super::ending;
use super::services::{Interrupt, RunReport};
use super::state_after::Remain;
use crate::model::Operation;
use crate::model::event::{Event, Phase};
use crate::model::inventory::Inventory;
use crate::model::journal::{Failure, Head, HistoryOutcome, JournalPhase};
use crate::model::state_key::ContentKey;
use crate::model::verification::VerificationSummary;
use crate::observe::release_state::Bodies;
use jiff::Timestamp;
use stage::{Rollback, Stage};
use std::sync::Arc;

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Promote, or finish a promotion.
    Promote,
    /// Put back.
    RollBack,
}

/// The state of a run.
#[cfg_attr(test, derive(Clone))]
pub(super) struct Machine {
    pub head: Head,
    pub inventory: Inventory,
    pub bodies: Arc<Bodies>,
    /// For the hashes of what the objects are.
    pub content: ContentKey,
    pub stage: Stage,
    pub direction: Direction,
    /// How many promoted revisions the history keeps.
    pub keep_history: usize,
    /// What a person wants.
    pub wanted: Interrupt,
    /// What is known of the images, once they were looked at.
    pub verification: Option<VerificationSummary>,
    /// What could not be pruned.
    pub unpruned: Vec<String>,
    /// What was restored, was ready before, and is not now.
    pub not_ready: Option<Box<Failure>>,
    /// Whether what was restored and ready before was found ready again.
    pub found_ready: bool,
    /// What is not as it was after a rollback.
    pub remains: Vec<Remain>,
}

impl Machine {
    /// At the start of a run in this direction.
    pub(super) fn new(
        (head, inventory): (Head, Inventory),
        bodies: Arc<Bodies>,
        content: ContentKey,
        direction: Direction,
        keep_history: usize,
    ) -> Self {
        Self {
            head,
            inventory,
            bodies,
            content,
            stage: Stage::Start,
            direction,
            keep_history,
            wanted: Interrupt::None,
            verification: None,
            unpruned: Vec::new(),
            not_ready: None,
            found_ready: false,
            remains: Vec::new(),
        }
    }

    /// What follows from an input.
    pub(super) fn next(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        let input = match (input, &self.stage) {
            // The run is over: the loop takes no more inputs.
            (_, Stage::Ended) => return Vec::new(),
            // The journal that could be gone on with is gone.
            (Input::CannotContinue(_), Stage::Rollback(Rollback::AwaitNamespaceCleanup)) => {
                return self.finish_rollback();
            }
            (Input::CannotContinue(why), _) => return self.leave(&why),
            (Input::Interrupted(wanted), _) => return self.interrupt(wanted),
            (answer, _) => answer,
        };

        let name = self.stage.name();
        // Taken, not copied: a wave may have a thousand steps.
        let effects = match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Start => input.into_begin().map(|()| self.begin()),
            Stage::Forward(stage) => self.advance(stage, input, now),
            Stage::Commit(stage) => self.advance_commit(stage, input, now),
            Stage::Rollback(stage) => self.advance_rollback(stage, input, now),
            Stage::Ended => Ok(Vec::new()),
        };
        effects.unwrap_or_else(|halt| self.leave(&halt.explain(name)))
    }

    fn go(&mut self, stage: impl Into<Stage>, effect: Effect) -> Vec<Effect> {
        self.stage = stage.into();
        vec![effect]
    }

    fn enter(&mut self, phase: JournalPhase, message: &str) {
        self.head.current.phase = phase;
        self.head.current.message = message.into();
    }

    fn close(&mut self, outcome: HistoryOutcome, message: &str, now: Timestamp) {
        self.enter(JournalPhase::Closed, message);
        self.head.current.ending = Some(outcome);
        self.head.current.ended_at = Some(now);
    }

    fn is_deletion(&self) -> bool {
        self.head.current.operation == Operation::Delete
    }

    /// What users are told that goes on; none where nothing begins.
    pub(super) fn phase(&self) -> Option<Phase> {
        match self.stage.phase() {
            // The steps of a deletion apply nothing.
            Some(Phase::Apply) if self.is_deletion() => Some(Phase::Delete),
            Some(Phase::Rollback) if ending::is_revert(&self.head.current) => Some(Phase::Revert),
            phase => phase,
        }
    }

    fn moves_nothing(&self) -> bool {
        self.bodies.promotion.plan.moves.is_empty()
    }

    /// Ends and leaves the journal to a later run, as it was written last.
    fn leave(&mut self, why: &str) -> Vec<Effect> {
        // Not given back: the lock may be another's, and requests may still be on their way.
        self.stage = Stage::Ended;
        vec![Effect::Finish(
            ending::unfinished(&self.head.current, &self.inventory, why),
            false,
        )]
    }

    fn interrupt(&mut self, wanted: Interrupt) -> Vec<Effect> {
        // The same wish once more, as it comes where its sender is gone.
        if wanted <= self.wanted {
            return Vec::new();
        }

        self.wanted = wanted;
        if wanted == Interrupt::Leave {
            return self.leave("aborted by a second Ctrl-C");
        }

        let mut effects = vec![Effect::Emit(Event::Note {
            object: None,
            message: self.interrupt_message().into(),
        })];
        // Where requests are on their way, `stop_if_interrupted` turns once they are answered.
        if matches!(&self.stage, Stage::Forward(stage) if stage.is_watching()) {
            effects.push(Effect::StopWatching);
            effects.extend(self.stop_if_interrupted().unwrap_or_default());
        }
        effects
    }

    /// What an interrupt leads to, for whoever sent it.
    fn interrupt_message(&self) -> &'static str {
        match self.head.current.phase {
            JournalPhase::Reverting => "interrupted: already rolling back; Ctrl-C again aborts the rollback",
            JournalPhase::Committed | JournalPhase::Closed if self.is_deletion() => {
                "interrupted after the commit: the release is deleted; Ctrl-C again aborts"
            }
            JournalPhase::Committed | JournalPhase::Closed => {
                "interrupted after the commit: the release is promoted, and pruning goes on; Ctrl-C again aborts"
            }
            _ if self.find_barrier().is_some() => {
                "interrupted after an irreversible step: stopping without a rollback; Ctrl-C again aborts"
            }
            JournalPhase::Rehearsing
            | JournalPhase::Preparing
            | JournalPhase::Open
            | JournalPhase::Applying => "interrupted: rolling back; Ctrl-C again aborts the rollback",
        }
    }

    /// How it ended, where it has.
    pub(super) fn is_over(effects: &[Effect]) -> Option<(RunReport, bool)> {
        effects.iter().find_map(|effect| match effect {
            Effect::Finish(ended, release) => Some((ended.clone(), *release)),
            _ => None,
        })
    }
}

/// The machine's state when an effect began.
pub(super) struct Now {
    pub head: Head,
    pub inventory: Inventory,
}

impl Now {
    pub(super) fn from_machine(machine: &Machine) -> Self {
        Self {
            head: machine.head.clone(),
            inventory: machine.inventory.clone(),
        }
    }
}

/// Names what is not as it was.
fn note_remain(remain: Remain) -> Effect {
    Effect::Emit(Event::Note {
        object: Some(remain.object),
        message: remain.message,
    })
}

#[cfg(test)]
mod tests;
