//! Back: what was changed or deleted is put back, then what was created is deleted.
//!
//! The head says `Reverting` before the first undo, and closed after the last one. In between it is not
//! written: an undo looks at the object as it is, so that a run that takes this over undoes everything once
//! more and finds it done. What could not be put back keeps its pre-images, and a later revert tries it
//! again.

use super::messages::{Effect, Halt, Input, Moving, RolloutAnswer};
use super::stage::{Rollback, Stage};
use super::{Machine, note_remain};
use crate::execute::order::{Group, restore_then_delete};
use crate::execute::state_after::{Remain, RolledBackState};
use crate::execute::{ending, history};
use crate::model::StepId;
use crate::model::bundle::PartBundle;
use crate::model::journal::{
    Failure, HistoryOutcome, JournalPhase, Reverting, RollbackReason, StepProgress, UndoState,
};
use crate::model::verdict::CauseKind;
use jiff::Timestamp;
use std::collections::{BTreeSet, VecDeque};

impl Machine {
    pub(super) fn begin_rollback(&mut self, why: RollbackReason) -> Vec<Effect> {
        let journal = &mut self.head.current;

        let was_promoted = journal.ending.is_some_and(HistoryOutcome::is_committed);
        // What is there already stays: `revert` was asked for just that, or an earlier run began with it.
        journal.reverting.get_or_insert(Reverting {
            keep_foreign: false,
            why,
            was_promoted,
        });
        // What was closed as promoted is open again: a run that dies here leaves something to go on with.
        journal.ending = None;
        journal.ended_at = None;
        let message = if ending::is_revert(journal) {
            "reverting"
        } else {
            "rolling back"
        };
        self.enter(JournalPhase::Reverting, message);

        self.stage = Rollback::AwaitRollbackMark.into();
        vec![Effect::WriteHead]
    }

    pub(super) fn advance_rollback(
        &mut self,
        stage: Rollback,
        input: Input,
        now: Timestamp,
    ) -> Result<Vec<Effect>, Halt> {
        Ok(match stage {
            Rollback::AwaitRollbackMark => {
                input.into_written()?;
                // Worked out once the mark is written: from here on every run undoes, in this order.
                let groups = restore_then_delete(&self.head.current, &self.bodies);
                self.undo_next(groups.into(), now)
            }
            Rollback::AwaitUndos { in_flight, rest } => {
                let (step, state) = input.into_undo()?;
                self.take_undo(in_flight, rest, step, state, now)?
            }
            Rollback::AwaitRestored { rest } => {
                self.take_restored(input.into_rollout()?);
                self.undo_next(rest, now)
            }
            Rollback::AwaitRestoreCheck => self.take_remains(input.into_remains()?, now),
            Rollback::AwaitUndoneMark => {
                input.into_written()?;
                self.go(Rollback::AwaitReturn, Effect::WriteSources(Moving::TakenBack))
            }
            Rollback::AwaitReturn => {
                input.into_written()?;
                self.delete_own_namespace(now)
            }
            Rollback::AwaitNamespaceDeletion { step } => match input.into_namespace_deletion()? {
                Ok(()) => self.forget_outside_parts(),
                Err(why) => self.leave_namespace(step, &why, now),
            },
            Rollback::AwaitNamespaceCleanup => {
                // Written or not: the journal that named these parts is gone.
                drop(input.into_write_result()?);
                self.finish_rollback()
            }
            Rollback::AwaitHistory => {
                input.into_written()?;
                self.close_rollback(now)
            }
            Rollback::AwaitClose => {
                input.into_written()?;
                self.forget_rolled_back()
            }
            Rollback::AwaitCleanup => {
                input.into_written()?;
                self.finish_rollback()
            }
        })
    }

    fn undo_next(&mut self, mut groups: VecDeque<Group>, now: Timestamp) -> Vec<Effect> {
        if let Some(Group { steps, follow }) = groups.pop_front() {
            let rest = groups;
            // Before what was created goes: until these are well,
            // pods that are being replaced may still use that.
            if follow {
                return self.go(Rollback::AwaitRestored { rest }, Effect::FollowRestored(steps));
            }

            let effects = steps.iter().map(|id| Effect::Undo(*id)).collect();
            let in_flight = steps.into_iter().collect();
            self.stage = Rollback::AwaitUndos { in_flight, rest }.into();
            return effects;
        }

        let is_undone = |step: &StepProgress| matches!(step.undo, UndoState::Done { .. });
        // A promotion that failed before its first request has undone nothing, and reads nothing again.
        if self.head.current.steps.iter().any(is_undone) {
            return self.go(Rollback::AwaitRestoreCheck, Effect::RereadReverted);
        }
        self.return_members(now)
    }

    fn take_undo(
        &mut self,
        mut in_flight: BTreeSet<StepId>,
        rest: VecDeque<Group>,
        id: StepId,
        state: UndoState,
        now: Timestamp,
    ) -> Result<Vec<Effect>, Halt> {
        if !in_flight.remove(&id) {
            return Err(Halt::Misfit {
                awaited: "the end of an undo in flight",
                found: "that of another",
            });
        }
        if let Some(step) = self.head.current.step_mut(id) {
            step.undo = state;
        }

        if !in_flight.is_empty() {
            self.stage = Rollback::AwaitUndos { in_flight, rest }.into();
            return Ok(Vec::new());
        }
        Ok(self.undo_next(rest, now))
    }

    /// Whether what was restored is ready again. It is said at the end: what else is to be undone does not wait for it.
    fn take_restored(&mut self, answer: RolloutAnswer) {
        self.found_ready = matches!(answer, RolloutAnswer::Ready);
        self.not_ready = match answer {
            RolloutAnswer::Ready => None,
            RolloutAnswer::Failed(failure) => Some(failure),
            RolloutAnswer::Absent(ids) => self.first_gone(&ids),
        };
    }

    /// What was restored is not there any more.
    fn first_gone(&self, ids: &[StepId]) -> Option<Box<Failure>> {
        let object = self.head.current.step(*ids.first()?)?.target.id();
        let message = "deleted by another client".to_owned();
        Some(Box::new(Failure::new(
            Some(object),
            CauseKind::Disappeared,
            message,
        )))
    }

    fn take_remains(&mut self, remains: Vec<Remain>, now: Timestamp) -> Vec<Effect> {
        let mut effects: Vec<Effect> = remains.iter().cloned().map(note_remain).collect();
        // Kept beside the journal: what was seen once is for this run's report, and a later one looks for itself.
        self.remains = remains;
        effects.extend(self.return_members(now));
        effects
    }

    /// Releases whose members had moved have them again, and may go on. From then on nothing is undone once more that they may
    /// have changed: the journal says first what was undone.
    fn return_members(&mut self, now: Timestamp) -> Vec<Effect> {
        if self.moves_nothing() {
            return self.delete_own_namespace(now);
        }
        self.go(Rollback::AwaitUndoneMark, Effect::WriteHead)
    }

    pub(super) fn record_rollback(&mut self, now: Timestamp) -> Vec<Effect> {
        // Before the journal is closed: a run that dies in between takes it up, and writes the same entry again.
        history::record_rollback(&mut self.inventory, &self.head.current, &self.bodies, now);
        let trimmed = history::trim(&mut self.inventory, self.keep_history);
        self.head.current.forget.extend(trimmed);
        self.go(Rollback::AwaitHistory, Effect::WriteInventory)
    }

    /// The journal is closed before what it names is deleted: an open one can always be read.
    fn close_rollback(&mut self, now: Timestamp) -> Vec<Effect> {
        let complete = ending::left_behind(&self.head.current).is_empty();
        let (outcome, message) = match (complete, ending::is_revert(&self.head.current)) {
            (true, false) => (HistoryOutcome::RolledBack, "rolled back"),
            (true, true) => (HistoryOutcome::RolledBack, "reverted"),
            (false, false) => (HistoryOutcome::RollbackIncomplete, "rollback incomplete"),
            (false, true) => (HistoryOutcome::RollbackIncomplete, "revert incomplete"),
        };

        self.close(outcome, message, now);
        self.name_needless_parts(complete);
        self.go(Rollback::AwaitClose, Effect::WriteHead)
    }

    /// What nobody needs any more is named until it is deleted.
    fn name_needless_parts(&mut self, is_complete: bool) {
        let journal = &mut self.head.current;
        // Else the pre-images stay: a later revert needs them.
        if is_complete {
            journal.forget.append(&mut journal.parts);
        }
        // The history keeps what was promoted once: it can be promoted again.
        let was_promoted = journal.reverting.as_ref().is_some_and(|one| one.was_promoted);
        if !was_promoted {
            journal.forget.append(&mut journal.record);
        }

        // The promotion before may need the same.
        let previous = self
            .head
            .previous
            .iter()
            .flat_map(|one| one.parts.iter().chain(&one.bundle));
        // A repair stores what its revision has stored already.
        let stored = self.inventory.history.iter().flat_map(|entry| &entry.record);
        let needed = previous.chain(&journal.parts).chain(stored);
        journal.forget = PartBundle::without_shared(std::mem::take(&mut journal.forget), needed);
    }

    /// What is left over here goes with the next promotion.
    fn forget_rolled_back(&mut self) -> Vec<Effect> {
        let parts = self.head.current.forget.clone();
        if parts.is_empty() {
            return self.finish_rollback();
        }
        self.go(Rollback::AwaitCleanup, Effect::Forget(parts))
    }

    pub(super) fn finish_rollback(&mut self) -> Vec<Effect> {
        self.stage = Stage::Ended;
        let report = ending::rolled_back(&RolledBackState {
            journal: &self.head.current,
            inventory: &self.inventory,
            bodies: &self.bodies,
            not_ready: self.not_ready.as_deref(),
            remains: &self.remains,
            found_ready: self.found_ready,
        });
        vec![Effect::Finish(report, true)]
    }
}
