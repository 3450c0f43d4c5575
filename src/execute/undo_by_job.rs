//! A step undone by the Job that its release names for it.
//!
//! The Job is created suspended before anything of the step is undone: its being there tells every later run
//! that it has to run, and that the other one had run. It is set going once that one and its pods are gone.

use super::requests::{expect_version, write_options};
use super::retry_budget::Attempts;
use super::step_status::is_made_by;
use super::steps::expected_uid;
use super::undo::{Next, Undoing};
use super::undo_job::UndoJob;
use crate::cluster::ApiError;
use crate::model::journal::{StepPart, StepProgress, StepState, UndoState};
use crate::model::names::PROMOTION_ANNOTATION;
use crate::model::{Object, Target};
use crate::monitor::StopReason;
use serde_json::{Value, json};

impl Undoing<'_> {
    /// Takes the irreversible Job away, once the one that undoes it is there, suspended; whether that one has to run.
    pub(super) async fn undo_ahead_of_job(
        &self,
        job: &UndoJob<'_>,
        part: &StepPart,
        progress: &StepProgress,
    ) -> Result<(UndoState, bool), StopReason> {
        let is_needed = match self.prepare_job(job, part, progress).await? {
            Ok(is_needed) => is_needed,
            Err(left) => return Ok((left, false)),
        };
        // Only now: once this Job is gone, the suspended one alone says that it had run.
        let state = self.undo(part, progress).await?;
        let is_needed = is_needed && !matches!(state, UndoState::Left { .. });
        Ok((state, is_needed))
    }

    /// Creates the Job, suspended, where the step had run; whether it has to run.
    async fn prepare_job(
        &self,
        job: &UndoJob<'_>,
        part: &StepPart,
        progress: &StepProgress,
    ) -> Result<Result<bool, UndoState>, StopReason> {
        let mut clock = self.steps.patience.start();
        loop {
            match self.try_to_prepare(job, part, progress, &clock).await {
                Ok(needed) => return Ok(Ok(needed)),
                Err(Next::End(state)) => return Ok(Err(state)),
                Err(Next::Stop(problem)) => return Err(problem),
                Err(Next::CatchUp) => clock.catch_up().await,
                Err(Next::Look | Next::Wait) => clock.wait().await?,
            }
        }
    }

    async fn try_to_prepare(
        &self,
        job: &UndoJob<'_>,
        part: &StepPart,
        progress: &StepProgress,
        clock: &Attempts<'_>,
    ) -> Result<bool, Next> {
        let found = self.get(&job.target, clock).await?;

        let by = found
            .as_ref()
            .and_then(|found| found.annotation(PROMOTION_ANNOTATION));
        // Of an earlier try, or of a run that died: it was made because the other Job had run.
        if by == Some(job.promotion) {
            return Ok(true);
        }

        if !self.has_run(part, progress, clock).await? {
            return Ok(false);
        }

        match (&found, by) {
            (None, _) => {}
            // An earlier promotion's, which has ended.
            (Some(found), Some(_)) => {
                self.delete(&job.target, found, clock).await?;
            }
            // Without our mark it may be anything, also one that does something else.
            (Some(_), None) => {
                return Err(Next::End(job.failed("another client created a Job of its name")));
            }
        }

        let options = write_options(clock.before_write().await?);
        let made = self
            .steps
            .cluster
            .create(&job.target, &job.body(), &options)
            .await;
        made.map(|_| true).map_err(|error| self.after(&error, clock))
    }

    /// Whether the irreversible Job had begun. One that is not there and whose answer was never seen had not.
    async fn has_run(
        &self,
        part: &StepPart,
        progress: &StepProgress,
        clock: &Attempts<'_>,
    ) -> Result<bool, Next> {
        // An earlier revert that got stuck had found that it had run, and may have deleted it since.
        if matches!(progress.state, StepState::Done { .. }) || matches!(progress.undo, UndoState::Left { .. })
        {
            return Ok(true);
        }

        let live = self.get(&part.step.target, clock).await?;
        Ok(match (live, part.step.action.object()) {
            (Some(live), Some(sent)) => expected_uid(part) != Some(live.uid()) && is_made_by(sent, &live),
            _ => false,
        })
    }

    /// Sets the Job going; as it is then.
    pub(super) async fn start_job(&self, job: &UndoJob<'_>) -> Result<Result<Object, UndoState>, StopReason> {
        let mut clock = self.steps.patience.start();
        loop {
            match self.try_to_start(job, &clock).await {
                Ok(started) => return Ok(Ok(started)),
                Err(Next::End(state)) => return Ok(Err(state)),
                Err(Next::Stop(problem)) => return Err(problem),
                Err(Next::CatchUp) => clock.catch_up().await,
                Err(Next::Look | Next::Wait) => clock.wait().await?,
            }
        }
    }

    async fn try_to_start(&self, job: &UndoJob<'_>, clock: &Attempts<'_>) -> Result<Object, Next> {
        let Some(found) = self.get(&job.target, clock).await? else {
            return Err(Next::End(job.failed("deleted by another client before it ran")));
        };
        // An earlier try or run has set it going: it may even have ended.
        if found.at("/spec/suspend") != Some(&Value::Bool(true)) {
            return Ok(found);
        }

        let go = [
            expect_version(&found),
            json!({"op": "replace", "path": "/spec/suspend", "value": false}),
        ];

        let options = write_options(clock.before_write().await?);
        let started = self.steps.cluster.json_patch(&job.target, &go, &options).await;
        started
            .map(|answer| answer.object)
            .map_err(|error| self.after(&error, clock))
    }

    async fn get(&self, target: &Target, clock: &Attempts<'_>) -> Result<Option<Object>, Next> {
        self.steps
            .cluster
            .get(target)
            .await
            .map_err(|error: ApiError| self.after(&error, clock))
    }
}
