//! Back: what was changed or deleted is put back, then what was created is deleted; past a barrier it stops.
//!
//! The head says `Reverting` before the first undo, and closed after the last one. In between it is not
//! written: an undo looks at the object as it is, so that a run that takes this over undoes everything once
//! more and finds it done. What could not be put back keeps its pre-images, and a later revert tries it
//! again.

use super::{Effect, Intent, Machine, Stage};
use crate::execute::ending;
use crate::execute::order::{Group, put_back_then_delete};
use crate::execute::own_namespace::creates_home;
use crate::execute::services::Interrupt;
use crate::model::bundle::Bundle;
use crate::model::event::{Event, Phase};
use crate::model::journal::{
    Ending, Failure, JournalPhase, RevertReason, Reverting, StepProgress, StepState, UndoState,
};
use crate::model::plan::{OnFailure, Undo};
use jiff::Timestamp;
use std::collections::BTreeSet;

impl Machine {
    /// A failure: everything is put back, unless something done cannot be, or it is to be looked at first.
    pub(super) fn fail(&mut self, failure: Failure, now: Timestamp) -> Vec<Effect> {
        self.head.current.failure = Some(failure);

        if let Some(barrier) = self.barrier() {
            return self.stop_past(barrier);
        }
        if self.stops_on_failure() {
            self.head.current.message = "it failed, and stopped there as it was told to".into();
            return self.stop(None);
        }

        let why = if self.wanted == Interrupt::None {
            RevertReason::Failed
        } else {
            RevertReason::Interrupted
        };
        self.turn(why, now)
    }

    /// Whether a failure is left standing. Whoever interrupts wants it to end; and where nothing was sent, nothing stands.
    fn stops_on_failure(&self) -> bool {
        let is_sent =
            |step: &StepProgress| matches!(step.state, StepState::Done { .. } | StepState::Intended);
        self.bodies.promotion.plan.settings.on_failure == OnFailure::Stop
            && self.intent == Intent::Forward
            && self.wanted == Interrupt::None
            && self.head.current.steps.iter().any(is_sent)
    }

    /// Stops past a step that cannot be undone.
    pub(super) fn stop_past(&mut self, barrier: String) -> Vec<Effect> {
        self.head.current.message = "it stopped past a step that cannot be undone".into();
        self.stop(Some(barrier))
    }

    /// Stops where it is, with the cause in the journal. What failed is tried again by a later run.
    fn stop(&mut self, barrier: Option<String>) -> Vec<Effect> {
        let failed = self
            .head
            .current
            .failure
            .as_ref()
            .and_then(|failure| failure.object.clone());
        // It is sent again then: a Job that somebody deleted meanwhile runs once more.
        for step in &mut self.head.current.steps {
            if Some(step.target.id()) == failed && matches!(step.state, StepState::Done { .. }) {
                step.state = StepState::Intended;
            }
        }

        self.go(Stage::Stopping(barrier), Effect::WriteHead)
    }

    /// A step that was done and that cannot be undone.
    pub(super) fn barrier(&self) -> Option<String> {
        // What may have been sent counts: nobody can say that it did not run.
        let done = |id: &u32| {
            let state = self.head.current.step(*id).map(|step| &step.state);
            matches!(state, Some(StepState::Done { .. } | StepState::Intended))
        };

        self.bodies
            .steps
            .iter()
            .find_map(|(id, part)| match &part.step.undo {
                Undo::Impossible { why } if done(id) => Some(format!("{}: {why}", part.step.target)),
                _ => None,
            })
    }

    /// Begins to put back.
    pub(super) fn turn(&mut self, why: RevertReason, _now: Timestamp) -> Vec<Effect> {
        let journal = &mut self.head.current;

        let was_promoted = journal.ending.is_some_and(Ending::is_promoted);
        // What is there already stays: `revert` was asked for just that, or an earlier run began with it.
        journal.reverting.get_or_insert(Reverting {
            keep_foreign: false,
            why,
            was_promoted,
        });
        // What was closed as promoted is open again: a run that dies here leaves something to go on with.
        journal.ending = None;
        journal.ended_at = None;
        self.enter(JournalPhase::Reverting, "everything is being put back");

        self.undo = put_back_then_delete(&self.head.current, &self.bodies);
        self.stage = Stage::Turning;
        vec![
            Effect::Emit(Event::PhaseStarted { phase: Phase::Revert }),
            Effect::WriteHead,
        ]
    }

    pub(super) fn undo_group(&mut self, group: usize, now: Timestamp) -> Vec<Effect> {
        if let Some(Group { steps, follow }) = self.undo.get(group).cloned() {
            // Before what was created goes: until these are well,
            // pods that are being replaced may still use that.
            if follow {
                return self.go(Stage::Settling(group + 1), Effect::FollowPutBack(steps));
            }

            let effects = steps.iter().map(|id| Effect::Undo(*id)).collect();
            self.stage = Stage::Undoing(group, steps.into_iter().collect());
            return effects;
        }

        let is_undone = |step: &StepProgress| matches!(step.undo, UndoState::Done { .. });
        if self.head.current.steps.iter().any(is_undone) {
            return self.go(Stage::RereadingReverted, Effect::RereadReverted);
        }
        self.take_back(now)
    }

    /// Releases whose members had moved have them again, and may go on. From then on nothing is undone once more that they may
    /// have changed: the journal says first what was undone.
    pub(super) fn take_back(&mut self, now: Timestamp) -> Vec<Effect> {
        if self.moves_nothing() {
            return self.leave_home(now);
        }
        self.go(Stage::Undone, Effect::WriteHead)
    }

    /// A namespace that the promotion created goes with the journal in it, which stays open until then: whoever comes
    /// after a crash sees that something is left to do.
    pub(super) fn leave_home(&mut self, now: Timestamp) -> Vec<Effect> {
        let journal = &self.head.current;
        let is_undone = |id: &u32| {
            let undo = journal.step(*id).map(|step| (&step.state, &step.undo));
            // One that stays for what the release keeps in it has a content.
            matches!(undo, Some((StepState::Intended | StepState::Done { .. }, UndoState::Done { content, .. }))
                if content.is_empty())
        };

        let created = self
            .bodies
            .steps
            .iter()
            .find(|(id, part)| creates_home(&part.step, &journal.namespace) && is_undone(id));
        // What could not be put back needs its pre-image and
        // its journal: they must not go with the namespace.
        match created {
            Some((id, _)) if ending::left_behind(journal).is_empty() => {
                self.go(Stage::LeavingHome(*id), Effect::DeleteHome)
            }
            _ => self.write_off(now),
        }
    }

    /// Pre-images in other namespaces did not go with it.
    pub(super) fn home_left(&mut self) -> Vec<Effect> {
        let journal = &self.head.current;
        // Nothing else names these any more.
        let named = journal.parts.iter().chain(&journal.forget).chain(&journal.record);
        let outside: Vec<Bundle> = named
            .filter(|bundle| bundle.namespace != journal.namespace)
            .cloned()
            .collect();

        if outside.is_empty() {
            return self.finish_reverted();
        }
        self.go(Stage::HomeLeft, Effect::Forget(outside))
    }

    pub(super) fn home_stays(&mut self, step: u32, why: String, now: Timestamp) -> Vec<Effect> {
        let by_hand = vec![format!(
            "kubectl delete namespace {}",
            self.head.current.namespace
        )];

        let why = format!("it was created, and stays: {why}");
        let object = self.head.current.step(step).map(|step| step.target.id());
        let mut effects = vec![Effect::Emit(Event::Note {
            object,
            message: why.clone(),
        })];

        if let Some(step) = self.head.current.step_mut(step) {
            step.undo = UndoState::Left { why, by_hand };
        }
        effects.extend(self.write_off(now));
        effects
    }

    pub(super) fn write_off(&mut self, now: Timestamp) -> Vec<Effect> {
        ending::write_off(&mut self.inventory, &self.head.current, &self.bodies, now);
        let trimmed = ending::trim(&mut self.inventory, self.keep_history);
        self.head.current.forget.extend(trimmed);
        self.go(Stage::WritingOff, Effect::WriteInventory)
    }

    pub(super) fn undone(
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
    pub(super) fn close_reverted(&mut self, now: Timestamp) -> Vec<Effect> {
        let complete = ending::left_behind(&self.head.current).is_empty();
        let (ended, message) = if complete {
            (
                Ending::Reverted,
                if self.remains.is_empty() {
                    "everything is as before"
                } else {
                    "put back"
                },
            )
        } else {
            (Ending::NotFullyReverted, "not everything is as before")
        };

        self.close(ended, message, now);
        let journal = &mut self.head.current;
        // Else the pre-images stay: a later revert needs them.
        if complete {
            journal.forget.append(&mut journal.parts);
        }
        // The history keeps what was promoted once: it can be promoted again.
        if !journal
            .reverting
            .as_ref()
            .is_some_and(|reverting| reverting.was_promoted)
        {
            journal.forget.append(&mut journal.record);
        }
        // The promotion before may need the same.
        let previous = self
            .head
            .previous
            .iter()
            .flat_map(|one| one.parts.iter().chain(&one.bundle));
        let kept = previous.chain(&journal.parts);
        journal.forget = Bundle::without_shared(std::mem::take(&mut journal.forget), kept);

        self.go(Stage::ClosingReverted, Effect::WriteHead)
    }

    /// What is left over here goes with the next promotion.
    pub(super) fn forget_reverted(&mut self) -> Vec<Effect> {
        let parts = self.head.current.forget.clone();
        if parts.is_empty() {
            return self.finish_reverted();
        }
        self.go(Stage::ForgettingParts, Effect::Forget(parts))
    }

    pub(super) fn finish_reverted(&mut self) -> Vec<Effect> {
        self.stage = Stage::Ended;
        vec![Effect::Finish(
            ending::reverted(&self.head.current, self.unwell.as_deref(), &self.remains),
            true,
        )]
    }
}
