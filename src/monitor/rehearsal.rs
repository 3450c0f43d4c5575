//! A pod of a workload's template that is tried before anything of the release is changed: created, and followed by the
//! rules of any other pod until it is ready.
//!
//! What says nothing of the template is unknown: a quota without room, a node without room, an answer that does not come.
//! The pod is not deleted here: whoever has named it in the journal does that, however this ends.

use super::service::{FIRST_READ, Watching};
use super::temporary::{CannotCreate, create, end};
use crate::cluster::ApiError;
use crate::model::names::REHEARSAL_ANNOTATION;
use crate::model::refusal::{RefusalCause, RefusedBy};
use crate::model::verdict::{Cause, CauseKind};
use crate::model::{Object, ObjectId, Target};
use crate::monitor::follow::Follow;
use crate::monitor::{MonitorContext, Rehearsed, StopReason};
use crate::rollout::{MonitoredObject, RolloutPolicy, written_at};
use jiff::Timestamp;
use std::time::Duration;

/// Tries the pod.
pub(super) async fn run(
    watching: &Watching,
    target: &Target,
    pod: &Object,
    timeout: Duration,
    context: &dyn MonitorContext,
) -> Result<Rehearsed, StopReason> {
    // A follower of its own: the workload's deadline is one for this pod, and for no rollout.
    let mut follow = Follow::with_liveness(
        watching.cluster.clone(),
        RolloutPolicy {
            timeout: u32::try_from(timeout.as_secs()).ok(),
            // A rule that leaves the workload's rollout alone says nothing of a pod that is to be tried.
            not_waited: Vec::new(),
            ..watching.options.policy.clone()
        },
        watching.server.clone(),
    );
    follow.prepare(std::slice::from_ref(target), FIRST_READ).await;

    let made = match create(watching, target, pod.clone(), context).await? {
        Ok(made) if is_same(&made, pod) => made,
        Ok(_) => {
            return Ok(Rehearsed::Unknown(
                "a pod of its name is there or still terminating".into(),
            ));
        }
        Err(error) => return Ok(not_created(watching, target, &error)),
    };

    let written = written_at(&made).unwrap_or_else(Timestamp::now);
    follow.add([MonitoredObject::new(target.clone(), &made, written)]);
    match end(watching, &mut follow, target, context.patience()).await {
        None => Ok(Rehearsed::Ready),
        Some(cause) => Ok(judge(watching, &follow, target, cause).await),
    }
}

/// Whether what is there was created by this very request, and not by a run before it.
fn is_same(made: &Object, pod: &Object) -> bool {
    let mark = |pod: &Object| pod.annotation(REHEARSAL_ANNOTATION).map(str::to_owned);
    mark(made) == mark(pod) && !made.is_being_deleted()
}

/// What it says of the template that its pod cannot be created.
fn not_created(watching: &Watching, target: &Target, error: &CannotCreate) -> Rehearsed {
    match error {
        CannotCreate::Refused(error) if !is_of_template(error) => {
            Rehearsed::Unknown(watching.hiding.text(&error.to_string()))
        }
        error => {
            let message = format!("pod {} was not created: {error}", target.name);
            Rehearsed::Failed(watching.report_failure(CauseKind::Refused, &message))
        }
    }
}

/// Whether a refusal speaks of the pod itself: not of room in a quota, of permissions, or of a webhook without an answer.
fn is_of_template(error: &ApiError) -> bool {
    let Some(refusal) = error.refusal() else {
        return false;
    };
    !matches!(
        refusal.by,
        RefusedBy::UnaskedWebhook | RefusedBy::UnaskedConversion | RefusedBy::Authorization
    ) && !matches!(
        refusal.cause,
        RefusalCause::ExceededQuota | RefusalCause::BusyQuota | RefusalCause::TerminatingNamespace
    )
}

/// What it says of the template that its pod is not ready.
async fn judge(watching: &Watching, follow: &Follow, target: &Target, cause: Cause) -> Rehearsed {
    if !is_of_pod(cause.kind) {
        return Rehearsed::Unknown(watching.hiding.text(&cause.message));
    }
    let id: ObjectId = target.id();
    Rehearsed::Failed(watching.report_object_failure(follow, id, cause, &[]).await)
}

/// Whether a failure is the pod's own: not that no node has room for one more, or that a node let it down.
fn is_of_pod(kind: CauseKind) -> bool {
    !matches!(
        kind,
        CauseKind::Unschedulable | CauseKind::Evicted | CauseKind::Disappeared | CauseKind::Unverified
    )
}
