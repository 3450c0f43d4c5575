//! One step against the API server: look, write with preconditions, and look again where anything is in
//! doubt.
//!
//! Every write names the uid and the version that were looked at, but for a create, whose answer says whether
//! it made the object. A write whose answer was lost is not sent again blindly: the next try looks, and
//! `standing` tells from the object what was done. So a step that an earlier run may have sent goes exactly
//! the same way, and differs in one thing: where it fails, it may have left something behind, and is undone.

use super::locks::Locks;
use super::outcome::{StepOutcome, checked};
use super::requests::{deletion, expect_same, is_failed_test, may_catch_up, refusal, write_options};
use super::retry_budget::{Attempts, RetryBudget};
use super::services::Services;
use super::step_status::{StepStatus, is_made_by, step_status};
use crate::cluster::{ApiError, Applied, Cluster, SendDeadline};
use crate::model::journal::StepPart;
use crate::model::plan::{Action, Expect, Propagation};
use crate::model::state_key::ContentKey;
use crate::model::verdict::CauseKind;
use crate::model::{Object, Target, Uid};
use crate::monitor::{Heartbeat, StopReason};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a step is tried again after a conflict before it is one.
pub(super) const CONFLICTS: u32 = 12;

/// Does steps.
#[derive(Clone)]
pub(super) struct Steps {
    pub cluster: Arc<dyn Cluster>,
    pub patience: RetryBudget,
    /// How long a deleted object may take to go.
    pub gone: Duration,
    /// Says what is waited for: one line for all steps.
    pub heartbeat: Arc<Heartbeat>,
    /// For the hashes of what the objects are.
    pub content: ContentKey,
}

/// Why a try did not end a step.
pub(super) enum Again {
    /// Look again at once.
    Look,
    /// Wait a little: nobody has answered.
    Wait,
    /// Wait a little: the server cannot do it yet.
    CatchUp,
    /// The step has ended.
    Ended(StepOutcome),
}

impl From<StopReason> for Again {
    fn from(problem: StopReason) -> Self {
        Again::Ended(StepOutcome::Unknown(problem))
    }
}

/// One step being tried.
pub(super) struct Trying<'a> {
    pub part: &'a StepPart,
    /// Whether anything was written, or may have been: by this run, or by the one whose work it takes up.
    wrote: AtomicBool,
}

impl Trying<'_> {
    pub fn mark_written(&self) {
        self.wrote.store(true, Ordering::Relaxed);
    }

    fn may_have_written(&self) -> bool {
        self.wrote.load(Ordering::Relaxed)
    }

    /// What a step that failed has left behind decides whether it has to be undone.
    fn with_traces(&self, outcome: StepOutcome) -> StepOutcome {
        match outcome {
            StepOutcome::Conflict(why) if self.may_have_written() => {
                StepOutcome::Partly(CauseKind::Conflict, why)
            }
            StepOutcome::Refused(error) if self.may_have_written() => {
                StepOutcome::Partly(CauseKind::Refused, refusal(&error))
            }
            outcome => outcome,
        }
    }
}

impl Steps {
    /// Of a run under its lock.
    pub(super) fn new(lock: &Arc<Locks>, services: &Services, content: ContentKey) -> Self {
        Self {
            cluster: services.cluster.clone(),
            patience: RetryBudget::new(lock.clone(), services),
            gone: services.limits.gone,
            heartbeat: Arc::new(Heartbeat::new(services.events.clone())),
            content,
        }
    }

    /// Does a step that may have been done already, wholly or in part. `seen` is a read of the object that is fresh
    /// enough to try on: the resourceVersion decides. `in_doubt`: an earlier run may have sent it.
    pub(super) async fn perform(
        &self,
        part: &StepPart,
        mut seen: Option<&Object>,
        in_doubt: bool,
    ) -> StepOutcome {
        // What an earlier run may have written counts as written by this one.
        let trying = Trying {
            part,
            wrote: in_doubt.into(),
        };
        let mut clock = self.patience.start();
        let mut conflicts = 0;

        loop {
            let again = match self.attempt(&trying, seen.take(), &clock).await {
                Ok(outcome) => return trying.with_traces(outcome),
                Err(again) => again,
            };

            match again {
                Again::Ended(outcome) => return trying.with_traces(outcome),
                // A conflict says no more than that the version moved: controllers write all the time.
                Again::Look if conflicts < CONFLICTS => {
                    clock.hear();
                    conflicts += 1;
                }

                Again::Look => {
                    let why = "was changed repeatedly by another client";
                    return trying.with_traces(StepOutcome::Conflict(why.into()));
                }
                Again::CatchUp => clock.catch_up().await,
                Again::Wait => {
                    if let Err(problem) = clock.wait().await {
                        return StepOutcome::Unknown(problem);
                    }
                }
            }
        }
    }

    async fn attempt(
        &self,
        trying: &Trying<'_>,
        seen: Option<&Object>,
        clock: &Attempts<'_>,
    ) -> Result<StepOutcome, Again> {
        let part = trying.part;
        let target = &part.step.target;

        let read;
        let live = match seen {
            Some(seen) => Some(seen),
            None => {
                read = self
                    .cluster
                    .get(target)
                    .await
                    .map_err(|error| self.after_read(part, error, clock))?;
                read.as_ref()
            }
        };

        // What is fresh was looked at when the pre-images were taken, under the lock.
        let is_as_planned = seen.is_some_and(|seen| seen.at("/metadata/deletionTimestamp").is_none());
        let standing = if is_as_planned {
            StepStatus::NotDone
        } else {
            step_status(part, live)
        };

        match (standing, live) {
            (StepStatus::Done, live) => Ok(StepOutcome::Done(live.map(|live| Box::new(live.clone())))),
            (StepStatus::Foreign(why), _) => Ok(StepOutcome::Conflict(why)),
            // Its name has to be free first: the next look says what follows.
            (StepStatus::Going, Some(live)) => {
                self.wait_gone(target, live.uid()).await.map_err(Again::Ended)?;
                Err(Again::Look)
            }
            // Only what is created can be missing here: anything else is `Done` or `Foreign` then.
            (StepStatus::NotDone | StepStatus::TakenOver | StepStatus::Going, None) => {
                self.create(trying, clock).await
            }
            (StepStatus::TakenOver, Some(live)) => {
                // An earlier try, or run, has written what goes before the apply.
                trying.mark_written();
                self.apply(trying, live, clock).await
            }
            (StepStatus::NotDone, Some(live)) => self.change(trying, live, clock).await,
        }
    }

    pub(super) fn after_read(&self, part: &StepPart, error: ApiError, clock: &Attempts<'_>) -> Again {
        match error {
            // Its kind went with its CRD, and the object with it.
            ApiError::NotServed { .. } if matches!(part.step.action, Action::Delete { .. }) => {
                Again::Ended(StepOutcome::Done(None))
            }
            error if may_catch_up(&error, clock) => Again::CatchUp,
            error if error.is_transient() => Again::Wait,
            error => Again::Ended(StepOutcome::Refused(error)),
        }
    }

    async fn create(&self, trying: &Trying<'_>, clock: &Attempts<'_>) -> Result<StepOutcome, Again> {
        let target = &trying.part.step.target;
        let (Action::Create { object } | Action::Recreate { object }) = &trying.part.step.action else {
            // Nothing else comes here without an object.
            return Ok(StepOutcome::Done(None));
        };

        let deadline = clock.before_write().await?;
        // Not forced: where somebody was faster, the conflict leaves the object alone.
        let answer = self.send_apply(target, object.value(), false, deadline).await;
        let answer = answer.map_err(|error| self.after_write(trying, error, clock))?;

        if answer.created {
            return Ok(checked(object, answer.object, &[]));
        }

        // An earlier try whose answer was lost may have made it.
        if trying.may_have_written() && is_made_by(object, &answer.object) {
            return Ok(checked(object, answer.object, &[]));
        }
        // The apply was merged into what somebody else has made.
        self.withdraw(target, &answer.object, deadline).await;
        Ok(StepOutcome::Conflict(
            "already exists, created by another client".into(),
        ))
    }

    /// Takes back what an apply put into somebody else's object: what nobody else applies goes. Where that fails, the
    /// conflict names the object all the same.
    async fn withdraw(&self, target: &Target, live: &Object, deadline: SendDeadline) {
        // What a manager applies no longer, and nobody else
        // owns, the server takes away: here that is all of it.
        let mut body = json!({"apiVersion": live.api_version(), "kind": live.kind(), "metadata": {
            "name": live.name(), "uid": live.uid(), "resourceVersion": live.resource_version()}});
        if let Some(namespace) = live.namespace() {
            body["metadata"]["namespace"] = namespace.into();
        }

        if let Err(error) = self.send_apply(target, &body, false, deadline).await {
            tracing::warn!(%target, %error, "fields applied to the object of another client could not be removed");
        }
    }

    async fn change(
        &self,
        trying: &Trying<'_>,
        live: &Object,
        clock: &Attempts<'_>,
    ) -> Result<StepOutcome, Again> {
        let target = &trying.part.step.target;
        match &trying.part.step.action {
            Action::Apply {
                take_over: Some(entries),
                ..
            } => {
                let deadline = clock.before_write().await?;
                let taken = self.write_ownership(target, live, entries, deadline).await;
                let taken = taken.map_err(|error| self.after_write(trying, error, clock))?;
                trying.mark_written();
                // Over the version that this has just made: what somebody writes in between is a conflict.
                self.apply(trying, &taken.object, clock).await
            }
            Action::Apply { .. } => self.apply(trying, live, clock).await,
            Action::Recreate { .. } => {
                // The owner goes after its pods: two of them must not run side by side.
                self.delete(trying, live, Propagation::Foreground, clock).await?;
                self.create(trying, clock).await
            }
            Action::Delete { propagation } => {
                self.delete(trying, live, *propagation, clock).await?;
                Ok(StepOutcome::Done(None))
            }
            Action::Create { .. } => self.create(trying, clock).await,
        }
    }

    /// Writes managedFields and nothing else, over exactly this version.
    pub(super) async fn write_ownership(
        &self,
        target: &Target,
        live: &Object,
        entries: &[Value],
        deadline: SendDeadline,
    ) -> Result<Applied, ApiError> {
        let mut operations = expect_same(live);
        operations.push(json!({"op": "replace", "path": "/metadata/managedFields", "value": entries}));
        self.cluster
            .json_patch(target, &operations, &write_options(deadline))
            .await
    }

    /// Deletes the object as it was read and waits until it is gone.
    async fn delete(
        &self,
        trying: &Trying<'_>,
        live: &Object,
        propagation: Propagation,
        clock: &Attempts<'_>,
    ) -> Result<(), Again> {
        let target = &trying.part.step.target;

        let options = deletion(live, propagation, clock.before_write().await?);
        if let Err(error) = self.cluster.delete(target, &options).await {
            return Err(self.after_write(trying, error, clock));
        }

        trying.mark_written();
        self.wait_gone(target, live.uid()).await.map_err(Again::Ended)
    }

    pub(super) fn after_write(&self, trying: &Trying<'_>, error: ApiError, clock: &Attempts<'_>) -> Again {
        if error.may_have_been_done() {
            trying.mark_written();
        }

        match &error {
            error if error.is_conflict() => Again::Look,
            // A JSON patch whose test failed.
            ApiError::Status {
                code: 422, message, ..
            } if is_failed_test(message) => Again::Look,
            error if may_catch_up(error, clock) => Again::CatchUp,
            error if error.is_transient() => Again::Wait,
            _ => Again::Ended(StepOutcome::Refused(error)),
        }
    }
}

/// The uid that a step expects.
pub(super) fn expected_uid(part: &StepPart) -> Option<&str> {
    match &part.step.expect {
        Expect::Present { uid, .. } => Some(uid),
        Expect::Made { uid } => uid.as_ref().map(Uid::as_str),
        Expect::Absent => None,
    }
}
