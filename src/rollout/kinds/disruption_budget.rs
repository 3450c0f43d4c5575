//! PodDisruptionBudgets.

use super::super::fields::condition;
use super::super::status::{KindStatus, UnknownAfter};
use crate::model::Object;
use crate::model::verdict::Health;

/// How long its controller may take to compute a budget after it said that it cannot.
const SYNC_SECONDS: u32 = 5;

/// Done when its controller has counted; that no disruption is allowed is said, and so is that it cannot be computed.
pub(super) fn assess<'a>(object: &'a Object) -> KindStatus<'a> {
    if let Some(failed) = failed_sync(object) {
        return failed;
    }

    match condition(object, "DisruptionAllowed").filter(|one| one.status == "False") {
        // No failure, and often meant so (over a single pod): whoever drains a node should know.
        Some(_) => KindStatus::noted("it allows no disruption now"),
        None => KindStatus::without_pods(Health::done()),
    }
}

/// What its controller says where it cannot compute the budget (its pods are a Job's): it never observes the generation.
pub(in super::super) fn failed_sync<'a>(object: &Object) -> Option<KindStatus<'a>> {
    let gvk = object.gvk();
    // The judge asks this of any object whose generation is not observed.
    let one = condition(object, "DisruptionAllowed").filter(|one| one.status == "False")?;

    let is_failed =
        (&*gvk.group, &*gvk.kind) == ("policy", "PodDisruptionBudget") && one.reason == "SyncFailed";
    is_failed.then(|| {
        KindStatus::unknown_after(
            UnknownAfter::Outside(SYNC_SECONDS),
            format!("its controller cannot compute it: {}", one.says()),
        )
    })
}
