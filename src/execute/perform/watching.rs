//! Effects that judge: which objects of a wave are followed, from which state of theirs, and what it means
//! that one of them cannot be read.
//!
//! A rollout is judged by the answer to its own write, as far as this run has it; else by a read.

use super::{Performer, judged};
use crate::cluster::ApiError;
use crate::execute::machine::Input;
use crate::execute::readiness::{has_rollout, is_ready};
use crate::execute::requests::may_catch_up;
use crate::model::event::Event;
use crate::model::journal::{Failure, StepPart};
use crate::model::plan::{PlanStep, Undo};
use crate::model::verdict::CauseKind;
use crate::model::{Object, ObjectId, StepId};
use crate::monitor::{StopReason, Watched};
use crate::rollout::{is_watched, runs_pods};
use futures::future::try_join_all;
use std::time::Duration;

impl Performer {
    /// The objects of steps as they were answered, or as they are now; the steps whose objects are not there.
    async fn watched(&self, steps: &[StepId]) -> Result<(Vec<Watched>, Vec<StepId>), ReadFailure> {
        let mut parts: Vec<&StepPart> = steps
            .iter()
            .filter_map(|id| self.inputs.bodies.steps.get(id))
            .collect();
        // Other kinds are done once they are written.
        parts.retain(|part| is_watched(&part.step.target));

        let answers = try_join_all(parts.iter().map(|part| self.now(part))).await?;
        let (mut watched, mut absent) = (Vec::new(), Vec::new());
        for (part, answer) in parts.into_iter().zip(answers) {
            let PlanStep {
                id, target, changes, ..
            } = &part.step;
            match answer {
                Some(answer) => watched.push(Watched {
                    step: *id,
                    target: target.clone(),
                    answer,
                    before: part.before.clone().filter(|_| !runs_pods(target)),
                    changes: changes.clone(),
                }),
                None => absent.push(*id),
            }
        }
        Ok((watched, absent))
    }

    /// The object of a step as it was answered, or as it is now.
    async fn now(&self, part: &StepPart) -> Result<Option<Object>, ReadFailure> {
        if let Some(known) = self.answers.lock().await.get(&part.step.id) {
            return Ok(Some(known.clone()));
        }

        let mut clock = self.steps.patience.start();
        loop {
            match self.services.cluster.get(&part.step.target).await {
                Ok(found) => return Ok(found),
                Err(ApiError::NotServed { .. }) => return Ok(None),
                Err(error) if may_catch_up(&error, &clock) => clock.catch_up().await,
                Err(error) if error.is_transient() => clock.wait().await.map_err(ReadFailure::Never)?,
                Err(error) => return Err(ReadFailure::Refused(part.step.target.id(), error)),
            }
        }
    }

    pub(super) async fn follow(&self, steps: &[StepId]) -> Input {
        match self.watched(steps).await {
            // One that is missing decides alone: the rollouts of the others need not be waited for.
            Ok((watched, absent)) if absent.is_empty() => {
                judged(self.services.rollout.follow(&watched, &self.steps).await)
            }
            Ok((_, absent)) => Input::Absent(absent),
            Err(unread) => unread.into(),
        }
    }

    /// What was put back is waited for where it was well before: a state that was broken stays as it was, and a Job that
    /// had run is not there again.
    pub(super) async fn follow_restored(&self, steps: &[StepId]) -> Input {
        let mut ready = Vec::new();
        for part in steps.iter().filter_map(|id| self.inputs.bodies.steps.get(id)) {
            let comes_back = matches!(part.step.undo, Undo::Restore | Undo::CreateAgain | Undo::Replace);
            match part.before.as_ref().filter(|_| comes_back) {
                Some(before) if is_ready(before) => ready.push(part.step.id),
                // As broken as before is a success, and nobody should be surprised by it.
                Some(before) if has_rollout(before) => {
                    let message = "was not ready before the promotion, and is not waited for".to_owned();
                    let object = Some(part.step.target.id());
                    self.services.events.emit(Event::Note { object, message });
                }
                _ => {}
            }
        }
        // These answers are of the promotion's own writes: what is judged now is what was put back.
        self.answers.lock().await.clear();

        if ready.is_empty() {
            return Input::Judged(Ok(()));
        }
        self.follow(&ready).await
    }

    pub(super) async fn soak(&self, steps: &[StepId]) -> Input {
        let seconds = self.inputs.bodies.promotion.plan.settings.soak_seconds;
        match self.watched(steps).await {
            Ok((watched, absent)) if absent.is_empty() => {
                let time = Duration::from_secs(seconds.into());
                judged(self.services.rollout.soak(&watched, time, &self.steps).await)
            }
            Ok((_, absent)) => Input::Absent(absent),
            Err(unread) => unread.into(),
        }
    }
}

/// An object that is to be judged cannot be read: that is never taken for "not there".
enum ReadFailure {
    /// There was no answer.
    Never(StopReason),
    /// The server refuses.
    Refused(ObjectId, ApiError),
}

impl From<ReadFailure> for Input {
    fn from(unread: ReadFailure) -> Self {
        match unread {
            ReadFailure::Never(problem) => Input::CannotContinue(problem.message()),
            ReadFailure::Refused(object, error) => {
                // It is neither there nor not there: waiting would not help, and nothing can be judged.
                let message = format!("{object}: cannot be read: {error}");
                Input::Judged(Err(Box::new(Failure::new(
                    Some(object),
                    CauseKind::Conflict,
                    message,
                ))))
            }
        }
    }
}
