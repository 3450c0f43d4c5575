//! What a failure or an interrupt before the commit leads to: a rollback; or a stop, where something that was done
//! cannot be undone, or where the failure is to be looked at first.
//!
//! A stop leaves the journal open, with the cause in it: a later run tries again what failed, or rolls back
//! what can be.

use super::messages::Effect;
use super::stage::Forward;
use super::{Direction, Machine};
use crate::execute::services::Interrupt;
use crate::model::StepId;
use crate::model::journal::{Failure, RollbackReason, StepProgress, StepState};
use crate::model::plan::{OnFailure, Undo};

impl Machine {
    /// A failure: everything is put back, unless something done cannot be, or it is to be looked at first.
    pub(super) fn fail(&mut self, failure: Failure) -> Vec<Effect> {
        self.head.current.failure = Some(failure);

        if let Some(barrier) = self.find_barrier() {
            return self.stop_past(barrier);
        }
        // After the barrier: past one there is no rollback that the plan could ask to leave out.
        if self.stops_on_failure() {
            self.head.current.message = "failed; stopped by --on-failure=stop".into();
            return self.stop(None);
        }

        let why = if self.wanted == Interrupt::None {
            RollbackReason::Failed
        } else {
            RollbackReason::Interrupted
        };
        self.begin_rollback(why)
    }

    /// Turns back where a person wants that, and stops where something that was done cannot be undone.
    pub(super) fn stop_if_interrupted(&mut self) -> Option<Vec<Effect>> {
        if self.wanted == Interrupt::None {
            return None;
        }

        Some(match self.find_barrier() {
            Some(barrier) => self.stop_past(barrier),
            None => self.begin_rollback(RollbackReason::Interrupted),
        })
    }

    /// Whether a failure is left standing. Whoever interrupts wants it to end; and where nothing was sent, nothing stands.
    fn stops_on_failure(&self) -> bool {
        let is_sent =
            |step: &StepProgress| matches!(step.state, StepState::Done { .. } | StepState::Intended);
        self.bodies.promotion.plan.settings.on_failure == OnFailure::Stop
            && self.direction == Direction::Promote
            && self.wanted == Interrupt::None
            && self.head.current.steps.iter().any(is_sent)
    }

    /// Stops past a step that cannot be undone.
    fn stop_past(&mut self, barrier: String) -> Vec<Effect> {
        self.head.current.message = "stopped after an irreversible step".into();
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

        self.go(Forward::AwaitStopMark { barrier }, Effect::WriteHead)
    }

    /// A step that was done and that cannot be undone.
    pub(super) fn find_barrier(&self) -> Option<String> {
        // What may have been sent counts: nobody can say that it did not run.
        let done = |id: &StepId| {
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
}
