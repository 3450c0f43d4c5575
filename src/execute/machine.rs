//! The heart: a pure state machine. An input (what has happened) changes the state and gives effects (what to do
//! next); nothing here waits, reads or writes. The journal is the part of the state that outlives the process.

use super::ending;
use super::order::{Group, put_back_then_delete, waves};
use super::services::{Ended, Interrupt};
use super::steps::Outcome;
use crate::model::bundle::Bundle;
use crate::model::event::{Event, Outcome as End, Phase};
use crate::model::inventory::Inventory;
use crate::model::journal::{
    Ending, Failure, Head, JournalPhase, RevertReason, Reverting, StepState, UndoState,
};
use crate::model::plan::Undo;
use crate::model::verdict::{Cause, CauseKind};
use crate::observe::home::Bodies;
use crate::plan::content_hash;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What has happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Input {
    /// The lock is held: begin, or go on where the journal stands.
    Begin,
    /// The write that the last effect asked for is done.
    Written,
    /// That write failed for good: why, and whether a later run may find it possible.
    NotWritten(String),
    /// A step was answered.
    Answered(u32, Outcome),
    /// What was followed, proved or watched is well, or why not.
    Judged(Result<(), Box<Failure>>),
    /// A step's undo has ended.
    Undone(u32, UndoState),
    /// The API server did not answer for too long, or the lock is another's.
    CutOff(String),
    /// A person wants to stop.
    Interrupted(Interrupt),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// Write the head.
    WriteHead,
    /// Write the parts and the record that the journal names.
    WriteParts,
    /// Write the inventory.
    WriteInventory,
    /// Delete parts.
    Forget(Vec<Bundle>),
    /// Do a step.
    Send(u32),
    /// Judge the rollout of these steps' objects.
    Follow(Vec<u32>),
    /// Judge what runs, and the gates.
    Prove,
    /// Watch that it stays well.
    Soak,
    /// Stop judging: the answer no longer matters.
    StopJudging,
    /// Undo a step.
    Undo(u32),
    /// Wait for what was put back, as far as it was well before.
    FollowPutBack(Vec<u32>),
    /// Say something.
    Emit(Event),
    /// End; give the lock back, or leave it to expire.
    Finish(Ended, bool),
}

/// Where in its course a run is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stage {
    Start,
    Preparing,
    WritingParts,
    Opening,
    Widening,
    Intending(usize),
    Sending(usize, BTreeSet<u32>),
    Watching(usize),
    CatchingUp,
    Proving,
    Soaking,
    Committing,
    Marking,
    Narrowing,
    Forgetting,
    Closing,
    Stopping(String),
    Turning,
    Undoing(usize, BTreeSet<u32>),
    Settling(usize),
    WritingOff,
    ForgettingParts,
    ClosingReverted,
    Ended,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// Promote, or finish a promotion.
    Forward,
    /// Put back.
    Back,
}

/// The state of a run.
pub(super) struct Machine {
    pub head: Head,
    pub inventory: Inventory,
    pub bodies: Arc<Bodies>,
    pub stage: Stage,
    pub intent: Intent,
    /// How many promoted revisions the history keeps.
    pub keep_history: usize,
    /// What a person wants.
    pub wanted: Interrupt,
    /// Groups of undos.
    pub undo: Vec<Group>,
    /// What could not be pruned.
    pub unpruned: Vec<String>,
    /// Whether what was put back is not as well as it was.
    pub unwell: Option<Box<Failure>>,
}

/// `(wave, prune)` groups, in order.
type Waves = Vec<Vec<u32>>;

impl Machine {
    /// What follows from an input.
    pub(super) fn next(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        match input {
            Input::CutOff(why) => return self.leave(why),
            Input::NotWritten(why) => return self.not_written(why, now),
            Input::Interrupted(wanted) => return self.interrupted(wanted, now),
            _ => {}
        }
        match (self.stage.clone(), input) {
            (Stage::Start, Input::Begin) => self.begin(now),
            (Stage::Preparing, Input::Written) => self.go(Stage::WritingParts, Effect::WriteParts),
            (Stage::WritingParts, Input::Written) => {
                self.enter(JournalPhase::Open, "its journal is written; nothing was changed yet");
                self.go(Stage::Opening, Effect::WriteHead)
            }
            (Stage::Opening, Input::Written) => {
                ending::widen(&mut self.inventory, &self.bodies.promotion.plan.members);
                self.go(Stage::Widening, Effect::WriteInventory)
            }
            (Stage::Widening, Input::Written) => self.next_wave(0, now),
            (Stage::Intending(wave), Input::Written) => self.send(wave, now),
            (Stage::Sending(wave, left), Input::Answered(step, outcome)) => {
                self.answered(wave, left, step, outcome, now)
            }
            (Stage::Watching(wave), Input::Judged(Ok(()))) => self.next_wave(wave + 1, now),
            (Stage::CatchingUp, Input::Judged(Ok(()))) => self.next_wave(0, now),
            (Stage::Proving, Input::Judged(Ok(()))) => self.soak_or_commit(now),
            (Stage::Soaking, Input::Judged(Ok(()))) => self.commit(now),
            (
                Stage::Watching(_) | Stage::CatchingUp | Stage::Proving | Stage::Soaking,
                Input::Judged(Err(failure)),
            ) => self.fail(*failure, now),
            (Stage::Committing, Input::Written) => {
                self.enter(JournalPhase::Committed, "promoted; what is no longer desired is being deleted");
                self.go(Stage::Marking, Effect::WriteHead)
            }
            (Stage::Marking, Input::Written) => self.next_wave(0, now),
            (Stage::Narrowing, Input::Written) => self.forget_previous(now),
            (Stage::Forgetting, Input::Written) => self.close_promoted(now),
            (Stage::Closing, Input::Written) => self.finish_promoted(),
            (Stage::Stopping(barrier), Input::Written) => {
                self.stage = Stage::Ended;
                vec![Effect::Finish(ending::past_barrier(&self.head.current, &barrier), true)]
            }
            (Stage::Turning, Input::Written) => self.undo_group(0, now),
            (Stage::Undoing(group, left), Input::Undone(step, state)) => {
                self.undone(group, left, step, state, now)
            }
            (Stage::Settling(group), Input::Judged(judged)) => {
                self.unwell = judged.err();
                self.undo_group(group, now)
            }
            (Stage::WritingOff, Input::Written) => self.close_reverted(now),
            (Stage::ClosingReverted, Input::Written) => self.forget_reverted(),
            (Stage::ForgettingParts, Input::Written) => self.finish_reverted(),
            // A late answer to what was given up.
            _ => Vec::new(),
        }
    }

    fn go(&mut self, stage: Stage, effect: Effect) -> Vec<Effect> {
        self.stage = stage;
        vec![effect]
    }

    pub(super) fn enter(&mut self, phase: JournalPhase, message: &str) {
        self.head.current.phase = phase;
        self.head.current.message = message.into();
    }

    fn begin(&mut self, now: Timestamp) -> Vec<Effect> {
        let journal = &mut self.head.current;
        // The history is written before the head says so.
        let committed = self.inventory.history.iter().any(|e| e.id == journal.id && e.ending.is_promoted());
        if committed && journal.is_open() && journal.phase != JournalPhase::Reverting {
            journal.phase = JournalPhase::Committed;
        }
        match (journal.phase, self.intent) {
            (JournalPhase::Preparing, Intent::Forward) if journal.serial == 0 => {
                self.go(Stage::Preparing, Effect::WriteHead)
            }
            (JournalPhase::Committed, _) => self.go(Stage::Marking, Effect::WriteHead),
            (JournalPhase::Preparing, _) | (_, Intent::Back) => self.turn(RevertReason::Asked, now),
            (JournalPhase::Reverting, _) => {
                let why = journal.reverting.as_ref().map_or(RevertReason::Asked, |reverting| reverting.why);
                self.turn(why, now)
            }
            (JournalPhase::Open, Intent::Forward) => {
                ending::widen(&mut self.inventory, &self.bodies.promotion.plan.members);
                self.go(Stage::Widening, Effect::WriteInventory)
            }
            (JournalPhase::Applying, Intent::Forward) => {
                journal.failure = None;
                self.catch_up(now)
            }
            (JournalPhase::Closed, Intent::Forward) => self.finish_promoted(),
        }
    }

    /// What an earlier run did is judged again: its rollouts may have gone on or failed since.
    fn catch_up(&mut self, now: Timestamp) -> Vec<Effect> {
        let done = |step: &&crate::model::journal::StepProgress| {
            !step.prune && matches!(step.state, StepState::Done { .. })
        };
        let steps: Vec<u32> = self.head.current.steps.iter().filter(done).map(|step| step.id).collect();
        if steps.is_empty() {
            return self.next_wave(0, now);
        }
        self.go(Stage::CatchingUp, Effect::Follow(steps))
    }

    fn waves(&self) -> Waves {
        waves(&self.head.current, self.head.current.phase == JournalPhase::Committed)
    }

    /// The next wave with something to do, from `from` on; what follows the last one.
    fn next_wave(&mut self, from: usize, now: Timestamp) -> Vec<Effect> {
        if let Some(effects) = self.stop_here(now) {
            return effects;
        }
        let waves = self.waves();
        let journal = &self.head.current;
        let open = |id: &u32| {
            journal
                .step(*id)
                .is_some_and(|step| matches!(step.state, StepState::Pending | StepState::Intended))
        };
        for (wave, steps) in waves.iter().enumerate().skip(from) {
            let todo: Vec<u32> = steps.iter().copied().filter(open).collect();
            if todo.is_empty() {
                continue;
            }
            for id in todo {
                if let Some(step) = self.head.current.step_mut(id) {
                    step.state = StepState::Intended;
                }
            }
            if self.head.current.phase != JournalPhase::Committed {
                let message = format!("wave {} of {} is being applied", wave + 1, waves.len());
                self.enter(JournalPhase::Applying, &message);
            }
            return self.go(Stage::Intending(wave), Effect::WriteHead);
        }
        if self.head.current.phase == JournalPhase::Committed {
            return self.narrow(now);
        }
        self.stage = Stage::Proving;
        vec![Effect::Prove]
    }

    fn send(&mut self, wave: usize, now: Timestamp) -> Vec<Effect> {
        if let Some(effects) = self.stop_here(now) {
            return effects;
        }
        let steps = self.waves().into_iter().nth(wave).unwrap_or_default();
        let sent =
            |id: &u32| self.head.current.step(*id).is_some_and(|step| step.state == StepState::Intended);
        let left: BTreeSet<u32> = steps.into_iter().filter(sent).collect();
        let effects = left.iter().map(|id| Effect::Send(*id)).collect();
        self.stage = Stage::Sending(wave, left);
        effects
    }

    fn answered(
        &mut self,
        wave: usize,
        mut left: BTreeSet<u32>,
        id: u32,
        outcome: Outcome,
        now: Timestamp,
    ) -> Vec<Effect> {
        if let Outcome::Unknown(problem) = &outcome {
            return self.leave(ending::problem(*problem));
        }
        let failure = self.record(id, outcome);
        left.remove(&id);
        let prunes = self.head.current.phase == JournalPhase::Committed;
        if let Some(failure) = failure {
            if prunes {
                self.unpruned.push(failure.cause.message);
            } else if self.head.current.failure.is_none() {
                // The others of the wave are on their way: their answers are waited for.
                self.head.current.failure = Some(failure);
            }
        }
        if !left.is_empty() {
            self.stage = Stage::Sending(wave, left);
            return Vec::new();
        }
        if prunes {
            return self.next_wave(wave + 1, now);
        }
        if let Some(failure) = self.head.current.failure.clone() {
            return self.fail(failure, now);
        }
        if let Some(effects) = self.stop_here(now) {
            return effects;
        }
        let steps = self.waves().into_iter().nth(wave).unwrap_or_default();
        self.go(Stage::Watching(wave), Effect::Follow(steps))
    }

    /// Writes an outcome into the journal; the failure where it is one.
    fn record(&mut self, id: u32, outcome: Outcome) -> Option<Failure> {
        let step = self.head.current.step_mut(id)?;
        let state = |object: Option<&crate::model::Object>| StepState::Done {
            uid: object.map(|object| object.uid().to_owned()).unwrap_or_default(),
            content: object.map(content_hash).unwrap_or_default(),
        };
        let (state, why) = match outcome {
            Outcome::Done(object) => (state(object.as_deref()), None),
            Outcome::Otherwise(object, why) => (state(Some(&object)), Some((CauseKind::Refused, why))),
            Outcome::Conflict(why) => {
                (StepState::NotDone { why: why.clone() }, Some((CauseKind::Conflict, why)))
            }
            Outcome::Refused(error) => {
                let why = format!("the server refuses: {error}");
                (StepState::NotDone { why: why.clone() }, Some((CauseKind::Refused, why)))
            }
            Outcome::Unknown(_) => return None,
        };
        step.state = state;
        let (kind, why) = why?;
        let object = step.target.id();
        let message = format!("{object}: {why}");
        let cause = Cause { kind, message, pod: None, container: None, previous_logs: false };
        Some(Failure { object: Some(object), cause })
    }

    fn soak_or_commit(&mut self, now: Timestamp) -> Vec<Effect> {
        if let Some(effects) = self.stop_here(now) {
            return effects;
        }
        if self.bodies.promotion.plan.settings.soak_seconds > 0 {
            return self.go(Stage::Soaking, Effect::Soak);
        }
        self.commit(now)
    }

    fn commit(&mut self, now: Timestamp) -> Vec<Effect> {
        if let Some(effects) = self.stop_here(now) {
            return effects;
        }
        ending::commit(&mut self.inventory, &self.head.current, &self.bodies.promotion.plan, now);
        let trimmed = ending::trim(&mut self.inventory, self.keep_history);
        self.head.current.forget.extend(trimmed);
        self.go(Stage::Committing, Effect::WriteInventory)
    }

    fn narrow(&mut self, now: Timestamp) -> Vec<Effect> {
        let had = self.inventory.clone();
        let ended = if self.unpruned.is_empty() { Ending::Promoted } else { Ending::PromotedPruneIncomplete };
        ending::narrow(&mut self.inventory, &self.head.current, &self.bodies.promotion.plan, ended);
        if had == self.inventory {
            return self.forget_previous(now);
        }
        self.go(Stage::Narrowing, Effect::WriteInventory)
    }

    fn forget_previous(&mut self, now: Timestamp) -> Vec<Effect> {
        let mut old = self.head.previous.take().map(|previous| previous.parts).unwrap_or_default();
        old.append(&mut self.head.current.forget);
        let journal = &self.head.current;
        old.retain(|bundle| !journal.parts.contains(bundle) && !journal.record.contains(bundle));
        if old.is_empty() {
            return self.close_promoted(now);
        }
        self.go(Stage::Forgetting, Effect::Forget(old))
    }

    fn close_promoted(&mut self, now: Timestamp) -> Vec<Effect> {
        let ended = if self.unpruned.is_empty() { Ending::Promoted } else { Ending::PromotedPruneIncomplete };
        self.close(ended, "promoted", now);
        self.go(Stage::Closing, Effect::WriteHead)
    }

    fn close(&mut self, ended: Ending, message: &str, now: Timestamp) {
        self.enter(JournalPhase::Closed, message);
        self.head.current.ending = Some(ended);
        self.head.current.ended_at = Some(now);
    }

    fn finish_promoted(&mut self) -> Vec<Effect> {
        self.stage = Stage::Ended;
        vec![Effect::Finish(ending::promoted(&self.head.current, &self.unpruned), true)]
    }

    // From here on: back.

    /// A failure: everything is put back, unless something done cannot be.
    fn fail(&mut self, failure: Failure, now: Timestamp) -> Vec<Effect> {
        self.head.current.failure = Some(failure);
        if let Some(barrier) = self.barrier() {
            return self.stop_past(barrier);
        }
        let why =
            if self.wanted == Interrupt::None { RevertReason::Failed } else { RevertReason::Interrupted };
        self.turn(why, now)
    }

    /// Stops where it is, with the cause in the journal. What failed is tried again by a later run.
    fn stop_past(&mut self, barrier: String) -> Vec<Effect> {
        let failed = self.head.current.failure.as_ref().and_then(|failure| failure.object.clone());
        for step in &mut self.head.current.steps {
            if Some(step.target.id()) == failed && matches!(step.state, StepState::Done { .. }) {
                step.state = StepState::Intended;
            }
        }
        self.head.current.message = "it stopped past a step that cannot be undone".into();
        self.go(Stage::Stopping(barrier), Effect::WriteHead)
    }

    /// A step that was done and that cannot be undone.
    fn barrier(&self) -> Option<String> {
        let done = |id: &u32| {
            let state = self.head.current.step(*id).map(|step| &step.state);
            matches!(state, Some(StepState::Done { .. } | StepState::Intended))
        };
        self.bodies.steps.iter().find_map(|(id, part)| match &part.step.undo {
            Undo::Impossible { why } if done(id) => Some(format!("{}: {why}", part.step.target)),
            _ => None,
        })
    }

    /// Begins to put back.
    fn turn(&mut self, why: RevertReason, _now: Timestamp) -> Vec<Effect> {
        let journal = &mut self.head.current;
        let was_promoted = journal.ending.is_some_and(Ending::is_promoted);
        journal.reverting.get_or_insert(Reverting { keep_foreign: false, why, was_promoted });
        journal.ending = None;
        journal.ended_at = None;
        self.enter(JournalPhase::Reverting, "everything is being put back");
        self.undo = put_back_then_delete(&self.head.current, &self.bodies);
        self.stage = Stage::Turning;
        vec![Effect::Emit(Event::PhaseStarted { phase: Phase::Revert }), Effect::WriteHead]
    }

    fn undo_group(&mut self, group: usize, now: Timestamp) -> Vec<Effect> {
        if let Some(Group { steps, follow }) = self.undo.get(group).cloned() {
            if follow {
                return self.go(Stage::Settling(group + 1), Effect::FollowPutBack(steps));
            }
            let effects = steps.iter().map(|id| Effect::Undo(*id)).collect();
            self.stage = Stage::Undoing(group, steps.into_iter().collect());
            return effects;
        }
        ending::write_off(&mut self.inventory, &self.head.current, &self.bodies, now);
        self.go(Stage::WritingOff, Effect::WriteInventory)
    }

    fn undone(
        &mut self,
        group: usize,
        mut left: BTreeSet<u32>,
        id: u32,
        state: UndoState,
        now: Timestamp,
    ) -> Vec<Effect> {
        if let Some(step) = self.head.current.step_mut(id) {
            step.undo = state;
        }
        left.remove(&id);
        if !left.is_empty() {
            self.stage = Stage::Undoing(group, left);
            return Vec::new();
        }
        self.undo_group(group + 1, now)
    }

    /// The journal is closed before what it names is deleted: an open one can always be read.
    fn close_reverted(&mut self, now: Timestamp) -> Vec<Effect> {
        let complete = ending::left_behind(&self.head.current).is_empty();
        let (ended, message) = if complete {
            (Ending::Reverted, "everything is as before")
        } else {
            (Ending::NotFullyReverted, "not everything is as before")
        };
        self.close(ended, message, now);
        let journal = &mut self.head.current;
        if complete {
            journal.forget.append(&mut journal.parts);
        }
        if !journal.reverting.as_ref().is_some_and(|reverting| reverting.was_promoted) {
            journal.forget.append(&mut journal.record);
        }
        if let Some(previous) = &self.head.previous {
            journal.forget.retain(|bundle| !previous.parts.contains(bundle));
        }
        self.go(Stage::ClosingReverted, Effect::WriteHead)
    }

    /// What is left over here goes with the next promotion.
    fn forget_reverted(&mut self) -> Vec<Effect> {
        let parts = self.head.current.forget.clone();
        if parts.is_empty() {
            return self.finish_reverted();
        }
        self.go(Stage::ForgettingParts, Effect::Forget(parts))
    }

    fn finish_reverted(&mut self) -> Vec<Effect> {
        self.stage = Stage::Ended;
        vec![Effect::Finish(ending::reverted(&self.head.current, self.unwell.as_deref()), true)]
    }

    // What comes from outside.

    fn leave(&mut self, why: String) -> Vec<Effect> {
        if self.stage == Stage::Ended {
            return Vec::new();
        }
        self.stage = Stage::Ended;
        vec![Effect::Finish(ending::left(&self.head.current, &why), false)]
    }

    fn not_written(&mut self, why: String, now: Timestamp) -> Vec<Effect> {
        match self.stage {
            // Its parts may be there in part: the head names them.
            Stage::WritingParts | Stage::Opening | Stage::Widening => {
                let cause = Cause {
                    kind: CauseKind::Refused,
                    message: format!("the journal cannot be written: {why}"),
                    pod: None,
                    container: None,
                    previous_logs: false,
                };
                self.fail(Failure { object: None, cause }, now)
            }
            _ => self.leave(why),
        }
    }

    fn interrupted(&mut self, wanted: Interrupt, now: Timestamp) -> Vec<Effect> {
        if wanted <= self.wanted {
            return Vec::new();
        }
        self.wanted = wanted;
        if wanted == Interrupt::Leave {
            return self.leave("left at once".into());
        }
        match self.stage {
            Stage::Watching(_) | Stage::CatchingUp | Stage::Proving | Stage::Soaking => {
                let mut effects = vec![Effect::StopJudging];
                effects.extend(self.stop_here(now).unwrap_or_default());
                effects
            }
            _ => Vec::new(),
        }
    }

    /// Turns back where a person wants that and it is still possible.
    fn stop_here(&mut self, now: Timestamp) -> Option<Vec<Effect>> {
        if self.wanted == Interrupt::None || self.head.current.phase == JournalPhase::Committed {
            return None;
        }
        if let Some(barrier) = self.barrier() {
            return Some(self.stop_past(barrier));
        }
        Some(self.turn(RevertReason::Interrupted, now))
    }

    /// How it ended, where it has.
    pub(super) fn is_over(effects: &[Effect]) -> Option<(Ended, bool)> {
        effects.iter().find_map(|effect| match effect {
            Effect::Finish(ended, release) => Some((ended.clone(), *release)),
            _ => None,
        })
    }
}

/// The end that stands for a refusal before anything was touched.
pub(super) fn refused(message: String, next: Vec<String>) -> Ended {
    Ended { outcome: End::Refused, message, next }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
