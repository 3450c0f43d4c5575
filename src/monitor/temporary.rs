//! An object that is there for a look alone: a gate's Job, a pod of a rehearsal. Made under a name that nobody else knows,
//! followed to its end, and deleted.

use super::service::Watching;
use crate::cluster::ApiError;
use crate::model::verdict::{Cause, Health};
use crate::model::{Object, Target};
use crate::monitor::follow::Follow;
use crate::monitor::{MonitorContext, MonitorWrite, StopReason, WriteAnswer};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long to wait before a request that has failed is sent again.
const AGAIN: Duration = Duration::from_millis(500);

/// Why such an object is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum CannotCreate {
    /// Cannot come: whoever only watches is given nothing to create.
    #[error("nothing is created while another tool applies the release")]
    OnlyWatching,
    /// The server's answer.
    #[error(transparent)]
    Refused(ApiError),
}

/// Waits until it is ready or complete; else why it is not.
pub(super) async fn end(
    watching: &Watching,
    follow: &mut Follow,
    target: &Target,
    patience: Duration,
) -> Option<Cause> {
    loop {
        // It is the only one that is followed here.
        match watching.next_update(follow).await.verdict {
            Health::Progressing { .. } => {}
            Health::Ready { .. } | Health::Unknown { .. } => return None,
            Health::Failed { cause } => {
                if follow.confirm(&target.id(), patience).await {
                    return Some(cause);
                }
            }
        }
    }
}

/// Has the object created. One that is there after a lost answer is the same: nobody else knows its name.
pub(super) async fn create(
    watching: &Watching,
    target: &Target,
    object: Object,
    context: &dyn MonitorContext,
) -> Result<Result<Object, CannotCreate>, StopReason> {
    let write = MonitorWrite::Create {
        target: target.clone(),
        object: Box::new(object),
    };
    let start = Instant::now();

    loop {
        let error = match context.write(&write).await? {
            WriteAnswer::Created(made) => return Ok(Ok(*made)),
            WriteAnswer::Failed(error) => error,
            WriteAnswer::NotSent | WriteAnswer::Deleted | WriteAnswer::Absent => {
                return Ok(Err(CannotCreate::OnlyWatching));
            }
        };

        if (error.is_conflict() || error.may_have_been_done())
            && let Ok(Some(found)) = watching.cluster.get(target).await
        {
            return Ok(Ok(found));
        }

        if !error.is_transient() {
            return Ok(Err(CannotCreate::Refused(error)));
        }
        wait(start, context).await?;
    }
}

/// Has the object deleted; why it stays, where it does.
pub(super) async fn delete(
    target: &Target,
    uid: &str,
    context: &dyn MonitorContext,
) -> Result<Option<ApiError>, StopReason> {
    let write = MonitorWrite::Delete {
        target: target.clone(),
        uid: uid.to_owned(),
    };
    let start = Instant::now();

    loop {
        match context.write(&write).await? {
            // Done or not: its uid makes another try harmless.
            WriteAnswer::Failed(error) if error.is_transient() => wait(start, context).await?,
            WriteAnswer::Failed(error) => return Ok(Some(error)),
            _ => return Ok(None),
        }
    }
}

async fn wait(start: Instant, context: &dyn MonitorContext) -> Result<(), StopReason> {
    let patience = context.patience();
    if start.elapsed() >= patience {
        return Err(StopReason::Unreachable {
            seconds: patience.as_secs(),
        });
    }

    sleep(AGAIN).await;
    Ok(())
}
