//! The Job that undoes an irreversible one, as the release names it.
//!
//! It is created suspended before anything of its step is undone: its being there tells every later run that it has to
//! run, and that the other one had run. It is set going once that one and its pods are gone, and it stays, with its
//! log, until the next one takes its place.

use super::patience::Clock;
use super::requests::write_options;
use super::standing::is_made_by;
use super::steps::expected_uid;
use super::undo::{Next, Undoing};
use crate::cluster::ApiError;
use crate::model::journal::{StepPart, StepProgress, StepState, UndoState};
use crate::model::k8s::kinds::built_in;
use crate::model::names::PROMOTION_ANNOTATION;
use crate::model::{Object, Target};
use crate::monitor::Problem;
use serde_json::{Value, json};

/// The Job that undoes a step.
pub(super) struct UndoJob<'a> {
    /// As the release has it.
    pub job: &'a Object,
    pub target: Target,
    /// The promotion that it undoes something of.
    pub promotion: &'a str,
}

/// Where the Job lies that undoes a step of this object: whatever that is, it is a Job.
pub(super) fn undo_target(job: &Object, of: &Target) -> Target {
    let resource = built_in("batch", "Job").unwrap_or_else(|| of.resource.clone());
    Target {
        resource,
        namespace: of.namespace.clone(),
        name: job.name().into(),
    }
}

impl<'a> UndoJob<'a> {
    /// For a step of that promotion.
    pub(super) fn new(job: &'a Object, part: &StepPart, promotion: &'a str) -> Self {
        Self {
            job,
            target: undo_target(job, &part.step.target),
            promotion,
        }
    }

    /// What is created: suspended, marked, and never gone by itself.
    fn body(&self) -> Value {
        let mut body = self.job.value().clone();

        if body["metadata"]["annotations"].is_null() {
            body["metadata"]["annotations"] = json!({});
        }
        // By this mark every later run knows whose it is, and which promotion it undoes something of.
        body["metadata"]["annotations"][PROMOTION_ANNOTATION] = self.promotion.into();
        body["spec"]["suspend"] = true.into();
        // Were it deleted by its TTL, nothing would say any more that the other Job had run.
        if let Some(spec) = body["spec"].as_object_mut() {
            spec.shift_remove("ttlSecondsAfterFinished");
        }

        body
    }

    /// That it failed, with what to type.
    pub(super) fn failed(&self, why: &str) -> UndoState {
        let job = self.target.id();
        let name = job.kubectl_name();
        let namespace = job
            .namespace
            .map(|namespace| format!(" -n {namespace}"))
            .unwrap_or_default();

        UndoState::Left {
            why: format!("{} has not undone it: {why}", self.target),
            by_hand: vec![
                format!("kubectl logs {name}{namespace}"),
                format!("kubectl delete {name}{namespace}   # the next revert runs it again"),
            ],
        }
    }

    /// That it has undone the step.
    pub(super) fn has_undone(&self) -> UndoState {
        UndoState::done("", vec![format!("undone by {}", self.target)])
    }
}

impl Undoing<'_> {
    /// Creates the Job, suspended, where the step had run; whether it has to run.
    pub(super) async fn prepare_job(
        &self,
        job: &UndoJob<'_>,
        part: &StepPart,
        progress: &StepProgress,
    ) -> Result<Result<bool, UndoState>, Problem> {
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
        clock: &Clock<'_>,
    ) -> Result<bool, Next> {
        let found = self.read(&job.target, clock).await?;

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
                return Err(Next::End(job.failed("somebody else has made a Job of its name")));
            }
        }

        let options = write_options(clock.before_write().await?);
        let made = self
            .steps
            .cluster
            .create(&job.target, &job.body(), &options)
            .await;
        made.map(|_| true).map_err(|error| self.after(error, clock))
    }

    /// Whether the irreversible Job had begun. One that is not there and whose answer was never seen had not.
    async fn has_run(
        &self,
        part: &StepPart,
        progress: &StepProgress,
        clock: &Clock<'_>,
    ) -> Result<bool, Next> {
        // An earlier revert that got stuck had found that it had run, and may have deleted it since.
        if matches!(progress.state, StepState::Done { .. }) || matches!(progress.undo, UndoState::Left { .. })
        {
            return Ok(true);
        }

        let live = self.read(&part.step.target, clock).await?;
        Ok(match (live, part.step.action.object()) {
            (Some(live), Some(sent)) => expected_uid(part) != Some(live.uid()) && is_made_by(sent, &live),
            _ => false,
        })
    }

    /// Sets the Job going; as it is then.
    pub(super) async fn start_job(&self, job: &UndoJob<'_>) -> Result<Result<Object, UndoState>, Problem> {
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

    async fn try_to_start(&self, job: &UndoJob<'_>, clock: &Clock<'_>) -> Result<Object, Next> {
        let Some(found) = self.read(&job.target, clock).await? else {
            return Err(Next::End(job.failed("somebody deleted it before it ran")));
        };
        // An earlier try or run has set it going: it may even have ended.
        if found.at("/spec/suspend") != Some(&Value::Bool(true)) {
            return Ok(found);
        }

        let go = [
            json!({"op": "test", "path": "/metadata/resourceVersion", "value": found.resource_version()}),
            json!({"op": "replace", "path": "/spec/suspend", "value": false}),
        ];

        let options = write_options(clock.before_write().await?);
        let started = self.steps.cluster.json_patch(&job.target, &go, &options).await;
        started
            .map(|answer| answer.object)
            .map_err(|error| self.after(error, clock))
    }

    async fn read(&self, target: &Target, clock: &Clock<'_>) -> Result<Option<Object>, Next> {
        self.steps
            .cluster
            .get(target)
            .await
            .map_err(|error: ApiError| self.after(error, clock))
    }
}
