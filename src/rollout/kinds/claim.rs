//! PersistentVolumeClaims.

use super::super::fields::condition;
use super::super::status::{KindStatus, reported};
use super::super::subject::RolloutContext;
use crate::model::Object;
use crate::model::verdict::{CauseKind, Health};

/// Done when it is bound, or waits for its first pod, which is not waiting.
pub(super) fn assess<'a>(object: &'a Object, context: &RolloutContext<'a>) -> KindStatus<'a> {
    let last = |reason: &str| {
        let of_claim = context.occurrences.iter().filter(|one| one.about == object.uid());
        of_claim
            .filter(|one| one.reason == reason)
            .max_by_key(|one| one.last)
    };

    let verdict = match object.text("/status/phase") {
        "Bound" => match condition(object, "FileSystemResizePending").filter(|one| one.status == "True") {
            Some(_) => return KindStatus::noted("bound; resized when a pod mounts it"),
            None => Health::ready(),
        },
        // It was bound once, and no provisioner gives it another volume.
        "Lost" => reported(
            CauseKind::VolumeNotMounted,
            "the PersistentVolumeClaim has lost its PersistentVolume (phase Lost)",
        ),
        // Only an Event tells it from a claim that nobody provisions; its first pod is of a later wave.
        _ if last("WaitForFirstConsumer").is_some() => {
            return KindStatus::noted(
                "bound when the first pod uses it (volumeBindingMode: WaitForFirstConsumer)",
            );
        }
        _ => {
            let failed = last("ProvisioningFailed").or_else(|| last("FailedBinding"));
            let tail = failed.map(|one| format!(": {}", one.message)).unwrap_or_default();
            Health::progressing(0, 1, format!("not bound{tail}"))
        }
    };

    KindStatus::without_pods(verdict)
}
