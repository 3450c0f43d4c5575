//! Helps a rollout on that waits for a pod which will never be ready.
//!
//! A StatefulSet that replaces its pods in order waits for a broken one of an old revision for ever, so that
//! not even the way back works by itself. The pod is deleted by its uid, under the lock; whoever holds none
//! says what a person has to do.

use super::service::{Said, Turn, Watching};
use crate::cluster::{DeleteOptions, Deleted};
use crate::model::k8s::kinds::built_in;
use crate::model::plan::Propagation;
use crate::model::{ObjectId, Target};
use crate::monitor::Problem;
use crate::monitor::follow::Follow;
use crate::rollout::Nudge;
use std::time::Duration;

/// How long until a pod that could not be deleted is deleted again, if it is still in the way.
const AGAIN: Duration = Duration::from_secs(3);

impl Watching {
    /// Deletes a pod that holds a rollout up.
    pub(super) async fn nudge(
        &self,
        follow: &mut Follow,
        object: &ObjectId,
        nudge: &Nudge,
        said: &mut Said,
        turn: Turn<'_>,
    ) -> Result<(), Problem> {
        let Some(kind) = built_in("", "Pod") else {
            return Ok(());
        };
        let target = Target::new(&kind, Some(&nudge.namespace), &nudge.pod);
        let what = format!("pod {}: {}", nudge.pod, nudge.why);

        // Whoever holds no lock only looks (`wait`).
        if !turn.bounds.may_write() {
            self.note(
                Some(object.clone()),
                format!("{what}; it goes on once somebody deletes the pod"),
            );
            return Ok(());
        }

        let options = DeleteOptions {
            uid: nudge.uid.clone(),
            // By its uid alone: its status moves all the time, and each version of it is in the way.
            resource_version: None,
            propagation: Propagation::Background,
            dry_run: false,
            not_after: turn.bounds.before_write().await?,
        };

        let message = match self.cluster.delete(&target, &options).await {
            Ok(Deleted::Gone | Deleted::Going(_)) => format!("deleted {what}"),
            // Its controller or a person was faster.
            Ok(Deleted::WasAbsent) => return Ok(()),
            // Another pod has the name now.
            Err(error) if error.is_conflict() => return Ok(()),
            // No failure of the rollout: the pod is named again, and the deadline bounds the tries.
            Err(error) => {
                follow.nudge_again(object, nudge, AGAIN);
                format!("cannot delete {what}: {error}")
            }
        };

        // Each try may fail alike, and is told once.
        if said.nudges.insert(nudge.uid.clone(), message.clone()).as_ref() != Some(&message) {
            self.note(Some(object.clone()), message);
        }
        Ok(())
    }
}
