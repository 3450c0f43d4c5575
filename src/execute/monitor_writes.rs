//! What a monitor asks to have written, sent like the run's other writes: once the locks are surely held, with
//! the deadline until which they are.
//!
//! One request for each write, and no try after it: whether another one makes sense depends on the rollout or
//! the gate, which the monitor knows. A lock that is lost, or a server that is silent, ends the monitoring.

use super::requests::write_options;
use super::steps::Steps;
use crate::cluster::{ApiError, DeleteOptions, Deleted, SendDeadline};
use crate::model::plan::Propagation;
use crate::monitor::{MonitorContext, MonitorWrite, StopReason, WriteAnswer};
use async_trait::async_trait;
use std::time::Duration;

#[async_trait]
impl MonitorContext for Steps {
    fn patience(&self) -> Duration {
        self.patience.limit
    }

    async fn write(&self, write: &MonitorWrite) -> Result<WriteAnswer, StopReason> {
        // At each write: the lock may have been lost while the last one was waited for.
        let deadline = self.patience.start().before_write().await?;
        let sent = self.send_for_monitor(write, deadline).await;
        Ok(sent.unwrap_or_else(WriteAnswer::Failed))
    }
}

impl Steps {
    async fn send_for_monitor(
        &self,
        write: &MonitorWrite,
        deadline: SendDeadline,
    ) -> Result<WriteAnswer, ApiError> {
        match write {
            MonitorWrite::Create { target, object } => {
                let options = write_options(deadline);
                let made = self.cluster.create(target, object.value(), &options).await?;
                Ok(WriteAnswer::Created(Box::new(made.object)))
            }
            MonitorWrite::Delete { target, uid } => {
                let options = DeleteOptions {
                    uid: uid.clone(),
                    // By its uid alone: its status moves all the time, and each version of it is in the way.
                    resource_version: None,
                    propagation: Propagation::Background,
                    dry_run: false,
                    not_after: Some(deadline),
                };
                Ok(match self.cluster.delete(target, &options).await? {
                    Deleted::Gone | Deleted::Going(_) => WriteAnswer::Deleted,
                    Deleted::WasAbsent => WriteAnswer::Absent,
                })
            }
        }
    }
}
