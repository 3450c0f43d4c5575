//! One step against the API server: look, write with preconditions, and look again where anything is in doubt.

use super::patience::{Clock, Patience, Problem};
use super::standing::{Standing, standing};
use super::store::is_passing;
use crate::cluster::{ApiError, Applied, ApplyOptions, Cluster, DeleteOptions, WriteOptions};
use crate::model::journal::StepPart;
use crate::model::names::FIELD_MANAGER;
use crate::model::plan::{Action, Expect, Propagation};
use crate::model::{Object, Target};
use crate::plan::dropped;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How often a step is tried again after a conflict before it is one.
const CONFLICTS: u32 = 12;
/// How long a kind may take to be served after its CRD is established.
const UNSERVED: Duration = Duration::from_secs(30);

/// What came of a step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// Done: the object as it is now; none where it is gone.
    Done(Option<Box<Object>>),
    /// Done, and the server made something else of it than was planned.
    Otherwise(Box<Object>, String),
    /// Somebody else changed the object: nothing was done.
    Conflict(String),
    /// The server refuses: nothing was done.
    Refused(ApiError),
    /// It is not known what was done.
    Unknown(Problem),
}

/// Does steps.
#[derive(Clone)]
pub(super) struct Steps {
    pub cluster: Arc<dyn Cluster>,
    pub patience: Patience,
    /// How long a deleted object may take to go.
    pub gone: Duration,
}

/// Why a try did not end a step.
enum Again {
    /// Look again at once.
    Look,
    /// Wait a little.
    Wait,
    /// The step has ended.
    Ended(Outcome),
}

impl From<Problem> for Again {
    fn from(problem: Problem) -> Self {
        Again::Ended(Outcome::Unknown(problem))
    }
}

impl Steps {
    /// Does a step that may have been done already, wholly or in part. `seen` is a read of the object that is fresh
    /// enough to try on: the resourceVersion decides.
    pub(super) async fn perform(&self, part: &StepPart, mut seen: Option<&Object>) -> Outcome {
        let mut clock = self.patience.start();
        let mut conflicts = 0;
        loop {
            let again = match self.attempt(part, seen.take(), &clock).await {
                Ok(outcome) => return outcome,
                Err(again) => again,
            };
            match again {
                Again::Ended(outcome) => return outcome,
                Again::Look if conflicts < CONFLICTS => conflicts += 1,
                Again::Look => {
                    return Outcome::Conflict("found it changed again and again while it was written".into());
                }
                Again::Wait => {
                    if let Err(problem) = clock.wait().await {
                        return Outcome::Unknown(problem);
                    }
                }
            }
        }
    }

    async fn attempt(
        &self,
        part: &StepPart,
        seen: Option<&Object>,
        clock: &Clock<'_>,
    ) -> Result<Outcome, Again> {
        let target = &part.step.target;
        let read;
        let live = match seen {
            Some(seen) => Some(seen),
            None => {
                read = self.cluster.get(target).await.map_err(|error| self.after_read(part, error, clock))?;
                read.as_ref()
            }
        };
        match (standing(part, live), live) {
            (Standing::Done, live) => Ok(Outcome::Done(live.map(|live| Box::new(live.clone())))),
            (Standing::Foreign(why), _) => Ok(Outcome::Conflict(why)),
            (Standing::Going, Some(live)) => {
                self.wait_gone(target, live.uid()).await.map_err(Again::Ended)?;
                Err(Again::Look)
            }
            (Standing::NotDone | Standing::TakenOver | Standing::Going, None) => {
                self.create(part, clock).await
            }
            (Standing::TakenOver, Some(live)) => self.apply(part, live, clock).await,
            (Standing::NotDone, Some(live)) => self.change(part, live, clock).await,
        }
    }

    fn after_read(&self, part: &StepPart, error: ApiError, clock: &Clock<'_>) -> Again {
        match error {
            // A custom resource works a little after its CRD is established.
            ApiError::NotServed { .. } if matches!(part.step.action, Action::Delete { .. }) => {
                Again::Ended(Outcome::Done(None))
            }
            ApiError::NotServed { .. } if clock.elapsed() < UNSERVED => Again::Wait,
            error if is_passing(&error) => Again::Wait,
            error => Again::Ended(Outcome::Refused(error)),
        }
    }

    async fn create(&self, part: &StepPart, clock: &Clock<'_>) -> Result<Outcome, Again> {
        let (Action::Create { object } | Action::Recreate { object }) = &part.step.action else {
            return Ok(Outcome::Done(None));
        };
        clock.before_write().await?;
        // Not forced: where somebody was faster, the conflict leaves the object alone.
        let answer = self.send_apply(&part.step.target, object.value(), false).await;
        let answer = answer.map_err(|error| self.after_write(error, clock))?;
        if !answer.created {
            return Ok(Outcome::Conflict(
                "expected to create it, found it made by somebody meanwhile".into(),
            ));
        }
        Ok(checked(object, answer.object, Vec::new()))
    }

    async fn change(&self, part: &StepPart, live: &Object, clock: &Clock<'_>) -> Result<Outcome, Again> {
        let target = &part.step.target;
        match &part.step.action {
            Action::Apply { take_over: Some(entries), .. } => {
                clock.before_write().await?;
                let taken = self.write_ownership(target, live, entries).await;
                let taken = taken.map_err(|error| self.after_write(error, clock))?;
                self.apply(part, &taken.object, clock).await
            }
            Action::Apply { .. } => self.apply(part, live, clock).await,
            Action::Recreate { .. } => {
                // The owner goes after its pods: two of them must not run side by side.
                self.delete(target, live.uid(), Propagation::Foreground, clock).await?;
                self.create(part, clock).await
            }
            Action::Delete { propagation } => {
                self.delete(target, live.uid(), *propagation, clock).await?;
                Ok(Outcome::Done(None))
            }
            Action::Create { .. } => self.create(part, clock).await,
        }
    }

    async fn apply(&self, part: &StepPart, live: &Object, clock: &Clock<'_>) -> Result<Outcome, Again> {
        let Action::Apply { object, expected, .. } = &part.step.action else {
            return Ok(Outcome::Conflict("expected an apply".into()));
        };
        let mut body = object.value().clone();
        body["metadata"]["uid"] = live.uid().into();
        body["metadata"]["resourceVersion"] = live.resource_version().into();
        clock.before_write().await?;
        let answer = self.send_apply(&part.step.target, &body, true).await;
        let answer = answer.map_err(|error| self.after_write(error, clock))?;
        let other =
            |path: &&crate::model::FieldPath| path.get(expected.value()) != path.get(answer.object.value());
        let changed = part.step.changes.iter().filter(other).map(ToString::to_string).collect();
        Ok(checked(object, answer.object, changed))
    }

    async fn send_apply(&self, target: &Target, body: &Value, force: bool) -> Result<Applied, ApiError> {
        let options = ApplyOptions { manager: FIELD_MANAGER.into(), force, dry_run: false };
        self.cluster.apply(target, body, &options).await
    }

    /// Writes managedFields and nothing else, over exactly this version.
    pub(super) async fn write_ownership(
        &self,
        target: &Target,
        live: &Object,
        entries: &[Value],
    ) -> Result<Applied, ApiError> {
        let operations = [
            json!({"op": "test", "path": "/metadata/uid", "value": live.uid()}),
            json!({"op": "test", "path": "/metadata/resourceVersion", "value": live.resource_version()}),
            json!({"op": "replace", "path": "/metadata/managedFields", "value": entries}),
        ];
        self.cluster.json_patch(target, &operations, &write_options()).await
    }

    /// Deletes exactly this object and waits until it is gone.
    async fn delete(
        &self,
        target: &Target,
        uid: &str,
        propagation: Propagation,
        clock: &Clock<'_>,
    ) -> Result<(), Again> {
        let options = DeleteOptions { uid: uid.into(), resource_version: None, propagation, dry_run: false };
        clock.before_write().await?;
        if let Err(error) = self.cluster.delete(target, &options).await {
            return Err(self.after_write(error, clock));
        }
        self.wait_gone(target, uid).await.map_err(Again::Ended)
    }

    /// Waits until the object with this uid is gone.
    pub(super) async fn wait_gone(&self, target: &Target, uid: &str) -> Result<(), Outcome> {
        let start = tokio::time::Instant::now();
        let mut clock = self.patience.start();
        let mut pause = Duration::from_millis(20);
        loop {
            match self.cluster.get(target).await {
                Ok(Some(live)) if live.uid() == uid => {
                    if start.elapsed() > self.gone {
                        return Err(Outcome::Conflict(held_by(&live, self.gone)));
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(500));
                }
                Ok(_) | Err(ApiError::NotServed { .. }) => return Ok(()),
                Err(error) if is_passing(&error) => clock.wait().await.map_err(Outcome::Unknown)?,
                Err(error) => return Err(Outcome::Refused(error)),
            }
        }
    }

    fn after_write(&self, error: ApiError, clock: &Clock<'_>) -> Again {
        match &error {
            error if error.is_conflict() => Again::Look,
            // A JSON patch whose test failed.
            ApiError::Status { code: 422, message, .. } if is_failed_test(message) => Again::Look,
            ApiError::NotServed { .. } if clock.elapsed() < UNSERVED => Again::Wait,
            error if is_passing(error) => Again::Wait,
            _ => Again::Ended(Outcome::Refused(error)),
        }
    }
}

/// How a server says that the `test` of a JSON patch failed.
pub(super) fn is_failed_test(message: &str) -> bool {
    message.contains("due to an error in our request") || message.contains("testing value")
}

pub(super) fn write_options() -> WriteOptions {
    WriteOptions { manager: FIELD_MANAGER.into(), dry_run: false }
}

/// What holds an object back that was deleted.
fn held_by(live: &Object, waited: Duration) -> String {
    let finalizers = live.at("/metadata/finalizers").and_then(Value::as_array);
    let names: Vec<_> = finalizers.into_iter().flatten().filter_map(Value::as_str).collect();
    let seconds = waited.as_secs();
    if names.is_empty() {
        return format!("expected it to go within {seconds} s, found it still there");
    }
    format!("expected it to go within {seconds} s, found it held by its finalizers {}", names.join(", "))
}

/// Whether the server kept what was sent.
fn checked(sent: &Object, answer: Object, changed: Vec<String>) -> Outcome {
    let lost = dropped(sent.value(), answer.value());
    if !lost.is_empty() {
        let why =
            format!("expected the server to keep every field, found that it dropped {}", lost.join(", "));
        return Outcome::Otherwise(Box::new(answer), why);
    }
    if !changed.is_empty() {
        let why = format!("expected what the dry run showed, found other values at {}", changed.join(", "));
        return Outcome::Otherwise(Box::new(answer), why);
    }
    Outcome::Done(Some(Box::new(answer)))
}

/// The uid that a step expects.
pub(super) fn expected_uid(part: &StepPart) -> Option<&str> {
    match &part.step.expect {
        Expect::Present { uid, .. } | Expect::Made { uid } => Some(uid),
        Expect::Absent => None,
    }
}
