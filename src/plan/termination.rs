//! Objects and namespaces that are being deleted: what goes by itself is created once it is gone, and what is held back is
//! refused by name.

use super::findings::refuse;
use crate::model::ObjectId;
use crate::model::check::Check;
use crate::model::finding::{ObjectComparison, ObjectStatus};
use crate::model::plan::PreflightFinding;
use crate::model::snapshot::Absence;

/// Finalizers that the control plane takes away by itself, in its own time. Those that protect claims and volumes are
/// none of them: they hold for as long as something uses what they protect.
const PASSING: &[&str] = &["foregroundDeletion", "orphan", "batch.kubernetes.io/job-tracking"];

/// What a deletion that is under way means for a promotion.
pub(super) enum Termination {
    /// It will be gone soon, and is created then.
    Soon,
    /// Nothing can be done before somebody ends the deletion.
    Held(Box<PreflightFinding>),
}

/// What is being deleted of a desired object; none where nothing is.
pub(super) fn termination(object: &ObjectComparison) -> Option<Termination> {
    let id = object.id();
    match &object.status {
        ObjectStatus::BeingDeleted { finalizers } => {
            // Without a finalizer it has its grace period left, and nothing more.
            if finalizers.iter().all(|name| PASSING.contains(&name.as_str())) {
                return Some(Termination::Soon);
            }
            // Waiting for it could be for ever: only somebody who knows the finalizer can end this.
            let message = format!("is being deleted: finalizers {}", finalizers.join(", "));
            Some(Termination::Held(Box::new(refuse(
                Check::Deleting,
                Some(&id),
                message,
                Some(wait_for(&id)),
            ))))
        }
        ObjectStatus::Missing(Absence::NamespaceGoing) => {
            // Said of the namespace and not of the object: all that is missing in it makes one finding.
            let namespace = ObjectId::new("", "Namespace", None, id.namespace.as_deref().unwrap_or_default());

            Some(Termination::Held(Box::new(terminating_namespace_finding(
                &namespace,
            ))))
        }
        _ => None,
    }
}

/// That a namespace takes no new objects.
pub(crate) fn terminating_namespace_finding(namespace: &ObjectId) -> PreflightFinding {
    let message = "is being deleted and accepts no new objects".to_owned();
    refuse(
        Check::Deleting,
        Some(namespace),
        message,
        Some(wait_for(namespace)),
    )
}

fn wait_for(id: &ObjectId) -> String {
    format!("{}, then promote again", wait_command(id))
}

/// The command that waits for the end of a deletion.
pub(super) fn wait_command(id: &ObjectId) -> String {
    format!("kubectl wait --for=delete {} --timeout=5m", id.kubectl_args())
}
