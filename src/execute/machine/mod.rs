//! The heart: a pure state machine. An input (what has happened) changes the state and gives effects (what to
//! do next); nothing here waits, reads or writes. The journal is the part of the state that outlives the
//! process.
//!
//! A step stands in the head as `Intended` before its request is asked for, and the commit is the write of
//! the inventory's history. Before it a failure or an interrupt turns back, or stops past a step that cannot
//! be undone; after it a run only goes forward. Where nothing can be known (no answer, the lock lost) the run
//! ends and leaves the journal open. A later run starts at `Stage::Start` with what head and inventory say,
//! never at the stage that this one had come to.
//!
//! An input that does not fit the stage changes nothing: it answers what was given up.

mod back;
mod forward;

use super::ending;
use super::moving::Moving;
use super::order::Group;
use super::reread::Remain;
use super::services::{Ended, Interrupt};
use super::steps::Outcome;
use crate::model::bundle::Bundle;
use crate::model::event::{Event, Outcome as End};
use crate::model::inventory::Inventory;
use crate::model::journal::{Failure, Head, JournalPhase, Previous, RevertReason, StepProgress, UndoState};
use crate::model::state_key::ContentKey;
use crate::model::verdict::CauseKind;
use crate::observe::home::Bodies;
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
    /// That write failed for good, and why.
    NotWritten(String),
    /// A step was answered.
    Answered(u32, Outcome),
    /// What was followed, proved or watched is well, or why not.
    Judged(Result<(), Box<Failure>>),
    /// The objects of these steps, which are to be judged, are not there.
    Absent(Vec<u32>),
    /// What was restored or deleted was read again: what is not as it was.
    Reread(Vec<Remain>),
    /// A step's undo has ended.
    Undone(u32, UndoState),
    /// The namespace in which the journal lies is gone, or why it stays.
    HomeLeft(Result<(), String>),
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
    /// Write the inventories of the releases whose members move.
    WriteSources(Moving),
    /// Delete parts.
    Forget(Vec<Bundle>),
    /// Do a step.
    Send(u32),
    /// Judge the rollout of these steps' objects.
    Follow(Vec<u32>),
    /// Judge what runs, and the gates.
    Prove,
    /// Watch that the objects of these steps stay well.
    Soak(Vec<u32>),
    /// Stop judging: the answer no longer matters.
    StopJudging,
    /// Undo a step.
    Undo(u32),
    /// Wait for what was put back, as far as it was well before.
    FollowPutBack(Vec<u32>),
    /// Read once more what was deleted after the commit.
    RereadPruned,
    /// Read once more what was restored or deleted.
    RereadReverted,
    /// Delete the namespace in which the journal lies.
    DeleteHome,
    /// Say something.
    Emit(Event),
    /// End; give the lock back, or leave it to expire.
    Finish(Ended, bool),
}

/// Where in its course a run is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stage {
    // Only the phase and the states of the steps are in the journal: the stage dies with the process.
    Start,

    // Forward, up to the commit. Nothing is sent before `Sending`.
    Preparing,
    WritingParts,
    Opening,
    Widening,
    Announcing,
    Intending(usize),
    Sending(usize, BTreeSet<u32>),
    Watching(usize),
    CatchingUp,
    Proving,
    Soaking,
    Committing,
    Marking,

    // Past the commit: the deletions go through `Intending` and `Sending` once more.
    HandingOver,
    RereadingPruned,
    Narrowing,
    Forgetting,
    Closing,

    // A failure that is left standing.
    Stopping(Option<String>),

    // Back. The stages of the home are for a release that brings its own namespace.
    Turning,
    Undoing(usize, BTreeSet<u32>),
    Settling(usize),
    RereadingReverted,
    LeavingHome(u32),
    HomeLeft,
    WritingOff,
    Undone,
    TakingBack,
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
    /// For the hashes of what the objects are.
    pub content: ContentKey,
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
    /// What is not as it was after a revert.
    pub remains: Vec<Remain>,
}

impl Machine {
    /// What follows from an input.
    pub(super) fn next(&mut self, mut input: Input, now: Timestamp) -> Vec<Effect> {
        match input {
            // The journal that could be gone on with is gone.
            Input::CutOff(_) if self.stage == Stage::HomeLeft => return self.finish_reverted(),
            Input::CutOff(why) => return self.leave(why),
            Input::NotWritten(why) => return self.not_written(why, now),
            Input::Interrupted(wanted) => return self.interrupted(wanted, now),
            _ => {}
        }

        // Taken, not copied: a wave may have a thousand steps.
        match (&mut self.stage, input) {
            (Stage::Sending(wave, left), Input::Answered(step, outcome)) => {
                let (wave, left) = (*wave, std::mem::take(left));
                return self.answered(wave, left, step, outcome, now);
            }
            (Stage::Undoing(group, left), Input::Undone(step, state)) => {
                let (group, left) = (*group, std::mem::take(left));
                return self.undone(group, left, step, state, now);
            }
            (_, other) => input = other,
        }

        match (self.stage.clone(), input) {
            (Stage::Start, Input::Begin) => self.begin(now),
            (Stage::Preparing, Input::Written) => self.go(Stage::WritingParts, Effect::WriteParts),
            (Stage::WritingParts, Input::Written) => {
                // Its bundle is certainly there by now: the head need
                // not hold the journal of the promotion before itself.
                self.head.previous.iter_mut().for_each(Previous::is_kept);
                self.enter(
                    JournalPhase::Open,
                    "its journal is written; nothing was changed yet",
                );
                self.go(Stage::Opening, Effect::WriteHead)
            }
            (Stage::Opening, Input::Written) => self.widen(now),
            (Stage::Widening, Input::Written) => self.announce(now),
            (Stage::Announcing, Input::Written) => self.next_wave(0, now),
            (Stage::Intending(wave), Input::Written) => self.send(wave, now),
            (Stage::Watching(wave), Input::Judged(Ok(()))) => {
                let steps = self.waves().into_iter().nth(wave).unwrap_or_default();
                // The next write of the head carries it: a Job that has run is not looked for again.
                self.well(|step| steps.contains(&step.id));
                self.next_wave(wave + 1, now)
            }
            (Stage::CatchingUp, Input::Judged(Ok(()))) => {
                // Every step that was done was followed, whatever its wave; the deletions are not due yet.
                self.well(|step| !step.prune);
                self.next_wave(0, now)
            }
            (Stage::Watching(_) | Stage::CatchingUp | Stage::Soaking, Input::Absent(ids)) => {
                self.absent(&ids, now)
            }
            (Stage::Proving, Input::Judged(Ok(()))) => self.soak_or_commit(now),
            (Stage::Soaking, Input::Judged(Ok(()))) => self.commit(now),
            (
                Stage::Watching(_) | Stage::CatchingUp | Stage::Proving | Stage::Soaking,
                Input::Judged(Err(failure)),
            ) => self.fail(*failure, now),
            (Stage::Committing, Input::Written) => {
                // The history says so already: a run that dies before this write is taken up as committed.
                self.enter(
                    JournalPhase::Committed,
                    "promoted; what is no longer desired is being deleted",
                );
                self.go(Stage::Marking, Effect::WriteHead)
            }
            (Stage::Marking, Input::Written) => self.hand_over(now),
            // In this phase the waves are those of the deletions.
            (Stage::HandingOver, Input::Written) => self.next_wave(0, now),
            (Stage::RereadingPruned, Input::Reread(remains)) => {
                // What somebody made again is said, and fails nothing: nothing is put back past the commit.
                let mut effects: Vec<Effect> = remains.into_iter().map(say).collect();
                effects.extend(self.narrow(now));
                effects
            }
            (Stage::Narrowing, Input::Written) => self.forget_previous(now),
            (Stage::Forgetting, Input::Written) => self.close_promoted(now),
            (Stage::Closing, Input::Written) => self.finish_promoted(),
            (Stage::Stopping(barrier), Input::Written) => {
                self.stage = Stage::Ended;
                let journal = &self.head.current;
                let ended = match barrier {
                    Some(barrier) => ending::past_barrier(journal, &barrier),
                    None => ending::stopped(journal),
                };
                // Nothing is on its way, so that the lock can be given back although the journal stays open.
                vec![Effect::Finish(ended, true)]
            }
            (Stage::Turning, Input::Written) => self.undo_group(0, now),
            (Stage::Settling(group), Input::Judged(judged)) => {
                // It is told at the end: what else is to be undone does not wait for it.
                self.unwell = judged.err();
                self.undo_group(group, now)
            }
            (Stage::Settling(group), Input::Absent(ids)) => {
                self.unwell = ids
                    .first()
                    .and_then(|id| self.head.current.step(*id))
                    .map(gone_again);
                self.undo_group(group, now)
            }
            (Stage::RereadingReverted, Input::Reread(remains)) => {
                let mut effects: Vec<Effect> = remains.iter().cloned().map(say).collect();
                self.remains = remains;
                effects.extend(self.take_back(now));
                effects
            }
            (Stage::LeavingHome(_), Input::HomeLeft(Ok(()))) => self.home_left(),
            (Stage::HomeLeft, Input::Written) => self.finish_reverted(),
            (Stage::LeavingHome(step), Input::HomeLeft(Err(why))) => self.home_stays(step, why, now),
            (Stage::Undone, Input::Written) => {
                self.go(Stage::TakingBack, Effect::WriteSources(Moving::TakenBack))
            }
            (Stage::TakingBack, Input::Written) => self.leave_home(now),
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

    fn leave(&mut self, why: String) -> Vec<Effect> {
        if self.stage == Stage::Ended {
            return Vec::new();
        }
        // Not given back: the lock may be another's, and requests may still be on their way.
        self.stage = Stage::Ended;
        vec![Effect::Finish(ending::left(&self.head.current, &why), false)]
    }

    fn not_written(&mut self, why: String, now: Timestamp) -> Vec<Effect> {
        match self.stage {
            // Its parts may be there in part: the head names them.
            Stage::WritingParts | Stage::Opening | Stage::Widening | Stage::Announcing => {
                let message = format!("the journal cannot be written: {why}");
                self.fail(Failure::of(None, CauseKind::Refused, message), now)
            }
            // The journal that named them is gone.
            Stage::HomeLeft => self.finish_reverted(),
            // A later run goes on with the journal as it was written last.
            _ => self.leave(why),
        }
    }

    fn interrupted(&mut self, wanted: Interrupt, now: Timestamp) -> Vec<Effect> {
        if wanted <= self.wanted || self.stage == Stage::Ended {
            return Vec::new();
        }

        self.wanted = wanted;
        if wanted == Interrupt::Leave {
            return self.leave("left at once".into());
        }

        let message = match self.head.current.phase {
            JournalPhase::Reverting => {
                "interrupted: everything is being put back already; once more leaves at once"
            }
            JournalPhase::Committed | JournalPhase::Closed => {
                "interrupted: the release is promoted, and what is no longer desired still goes; once more leaves at once"
            }
            _ if self.barrier().is_some() => {
                "interrupted past a step that cannot be undone: it stops as it is; once more leaves at once"
            }
            JournalPhase::Preparing | JournalPhase::Open | JournalPhase::Applying => {
                "interrupted: putting everything back; once more leaves at once"
            }
        };

        let mut effects = vec![Effect::Emit(Event::Note {
            object: None,
            message: message.into(),
        })];
        // Where requests are on their way, `stop_here` turns once they are answered.
        if let Stage::Watching(_) | Stage::CatchingUp | Stage::Proving | Stage::Soaking = self.stage {
            effects.push(Effect::StopJudging);
            effects.extend(self.stop_here(now).unwrap_or_default());
        }
        effects
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

/// Names what is not as it was.
fn say(remain: Remain) -> Effect {
    Effect::Emit(Event::Note {
        object: Some(remain.object),
        message: remain.message,
    })
}

/// What was put back is not there any more.
fn gone_again(step: &StepProgress) -> Box<Failure> {
    let object = step.target.id();
    let message = format!("{object}: expected it as it was put back, found it deleted by somebody");
    Box::new(Failure::of(Some(object), CauseKind::Disappeared, message))
}

/// The end that stands for a refusal before anything was touched.
pub(super) fn refused(message: String, next: Vec<String>) -> Ended {
    Ended {
        outcome: End::Refused,
        message,
        next,
    }
}

#[cfg(test)]
mod tests;
