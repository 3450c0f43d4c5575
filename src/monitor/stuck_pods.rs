//! A rollout that waits for a pod which will never be ready.
//!
//! A StatefulSet that replaces its pods in order waits for a broken one of an old revision for ever, so that
//! not even the way back works by itself. The pod's deletion is asked for by its uid; where nobody may write
//! (`wait`), the user is told what has to be done.

use super::service::Watching;
use super::state::{Noted, Turn};
use crate::model::k8s::kinds::built_in;
use crate::model::{ObjectId, Target};
use crate::monitor::follow::Follow;
use crate::monitor::{MonitorWrite, StopReason, WriteAnswer};
use crate::rollout::StuckPod;
use std::time::Duration;

/// How long until a pod that could not be deleted is deleted again, if it is still in the way.
const AGAIN: Duration = Duration::from_secs(3);

impl Watching {
    /// Has a pod deleted that holds a rollout up.
    pub(super) async fn delete_stuck_pod(
        &self,
        follow: &mut Follow,
        object: &ObjectId,
        pod: &StuckPod,
        noted: &mut Noted,
        turn: Turn<'_>,
    ) -> Result<(), StopReason> {
        let Some(kind) = built_in("", "Pod") else {
            return Ok(());
        };
        let what = format!("pod {}: {}", pod.pod, pod.why);

        let deletion = MonitorWrite::Delete {
            target: Target::new(&kind, Some(&pod.namespace), &pod.pod),
            uid: pod.uid.clone(),
        };

        let message = match turn.context.write(&deletion).await? {
            WriteAnswer::NotSent => {
                let message = format!("{what}; to continue the rollout, delete the pod");
                self.note(Some(object.clone()), &message);
                return Ok(());
            }
            WriteAnswer::Deleted | WriteAnswer::Created(_) => format!("deleted {what}"),
            // Its controller or a person was faster.
            WriteAnswer::Absent => return Ok(()),
            // Another pod has the name now.
            WriteAnswer::Failed(error) if error.is_conflict() => return Ok(()),
            // No failure of the rollout: the pod is named again, and the deadline bounds the tries.
            WriteAnswer::Failed(error) => {
                follow.name_stuck_pod_again(object, pod, AGAIN);
                format!("cannot delete {what}: {error}")
            }
        };

        // Each try may fail alike, and is told once.
        if noted.stuck_pods.insert(pod.uid.clone(), message.clone()).as_ref() != Some(&message) {
            self.note(Some(object.clone()), &message);
        }
        Ok(())
    }
}
