//! One apply over exactly the version that was read, and what the server made of it.
//!
//! One apply does not always get to the target: the server leaves null of a map that is emptied, forgets what
//! was sent empty, or keeps no default where it took one away. What goes before the apply or after it is a
//! write of its own over the version that the last one made, so that a change in between is a conflict.

use super::outcome::{StepOutcome, checked};
use super::retry_budget::Attempts;
use super::steps::{Again, CONFLICTS, Steps, Trying};
use crate::cluster::{ApiError, Applied, ApplyOptions, SendDeadline};
use crate::model::k8s::allocation::without_allocated;
use crate::model::k8s::kinds::well_known;
use crate::model::names::FIELD_MANAGER;
use crate::model::plan::Action;
use crate::model::{FieldPath, Object, Target};
use crate::objects::with_lost_defaults;
use crate::preflight::lost_an_empty_one;
use serde_json::Value;

impl Steps {
    pub(super) async fn apply(
        &self,
        trying: &Trying<'_>,
        live: &Object,
        clock: &Attempts<'_>,
    ) -> Result<StepOutcome, Again> {
        let step = &trying.part.step;
        let Action::Apply {
            object,
            expected,
            take_over,
        } = &step.action
        else {
            return Ok(StepOutcome::Conflict("expected an apply".into()));
        };
        // Ahead of the apply, which would leave null of a map that loses all that it holds.
        let emptied = self
            .empty_maps(trying, (object, expected.as_ref()), live, clock)
            .await?;

        let mut answer = self
            .apply_onto(trying, object, emptied.as_ref().unwrap_or(live), clock)
            .await?;
        if emptied.is_some() {
            answer = self.disown_defaults(trying, answer, clock).await?;
        }

        let is_lost =
            |answer: &Object| lost_an_empty_one(&object.value()["spec"], &answer.value()["spec"], false);
        if take_over.is_some() || well_known(&object.gvk()).is_none() || is_lost(&answer.object) {
            answer = self.with_empty_ones(trying, object, answer, clock).await?;
        }
        // Some defaults are worked out for a new object alone:
        // those that the apply took away are sent by name.
        if let Some(whole) = with_lost_defaults(object, expected, &answer.object, &step.changes) {
            trying.mark_written();
            answer = self.apply_onto(trying, &whole, &answer.object, clock).await?;
        }
        // Addresses and node ports that nobody names are given
        // anew by each write, a dry run too: no difference.
        let (wanted, got) = (
            without_allocated(expected, object),
            without_allocated(&answer.object, object),
        );

        let other = |path: &&FieldPath| path.get(wanted.value()) != path.get(got.value());
        let changed: Vec<String> = step
            .changes
            .iter()
            .filter(other)
            .map(ToString::to_string)
            .collect();

        Ok(checked(object, answer.object, &changed))
    }

    /// An apply that takes away all that a map or list held takes it too: where it was sent empty, the next one brings it
    /// back. Of its own kinds the server keeps no empty list. Its controller may write in between.
    async fn with_empty_ones(
        &self,
        trying: &Trying<'_>,
        object: &Object,
        mut answer: Applied,
        clock: &Attempts<'_>,
    ) -> Result<Applied, Again> {
        // The first apply is done: whatever fails from here on leaves something behind.
        trying.mark_written();
        let target = &trying.part.step.target;
        let is_custom = well_known(&object.gvk()).is_none();

        for _ in 0..CONFLICTS {
            if !lost_an_empty_one(object.value(), answer.object.value(), is_custom) {
                break;
            }
            match self.apply_onto(trying, object, &answer.object, clock).await {
                Ok(again) => return Ok(again),
                // Somebody has written in between, as controllers do: it must still be the same object.
                Err(Again::Look) => {
                    let read = self.cluster.get(target).await;
                    let read = read.map_err(|error| self.after_read(trying.part, error, clock))?;
                    answer.object = read
                        .filter(|read| read.uid() == answer.object.uid())
                        .ok_or(Again::Look)?;
                }
                Err(other) => return Err(other),
            }
        }
        Ok(answer)
    }

    /// One apply over exactly this version.
    async fn apply_onto(
        &self,
        trying: &Trying<'_>,
        object: &Object,
        live: &Object,
        clock: &Attempts<'_>,
    ) -> Result<Applied, Again> {
        let mut body = object.value().clone();
        body["metadata"]["uid"] = live.uid().into();
        body["metadata"]["resourceVersion"] = live.resource_version().into();
        let deadline = clock.before_write().await?;
        // Forced: whose fields it takes is decided in the plan, and shown there.
        let answer = self
            .send_apply(&trying.part.step.target, &body, true, deadline)
            .await;
        answer.map_err(|error| self.after_write(trying, error, clock))
    }

    pub(super) async fn send_apply(
        &self,
        target: &Target,
        body: &Value,
        force: bool,
        deadline: SendDeadline,
    ) -> Result<Applied, ApiError> {
        let not_after = Some(deadline);
        let options = ApplyOptions {
            manager: FIELD_MANAGER.into(),
            force,
            dry_run: false,
            not_after,
        };
        self.cluster.apply(target, body, &options).await
    }
}
