//! PodDisruptionBudgets.

use super::super::fields::{Condition, condition};
use super::super::status::{KindStatus, UnknownAfter};
use crate::model::Object;
use crate::model::verdict::Health;
use serde_json::Value;

/// How long its controller may take to compute a budget after it said that it cannot.
const SYNC_SECONDS: u32 = 5;

/// Done when its controller has counted; that no disruption is allowed is said, and so is that it cannot be computed.
pub(super) fn assess<'a>(object: &'a Object) -> KindStatus<'a> {
    if let Some(failed) = failed_sync(object) {
        return failed;
    }

    // Its controller writes a condition with its first count.
    let is_counted = object.at("/status/observedGeneration").is_some();
    if !is_counted && condition(object, "DisruptionAllowed").is_none() {
        return KindStatus::without_pods(Health::progressing(
            0,
            1,
            "waiting for its controller to compute the budget",
        ));
    }

    match condition(object, "DisruptionAllowed").filter(|one| one.status == "False") {
        // No failure, and often meant so (over a single pod): whoever drains a node should know.
        Some(_) => KindStatus::noted("allows no disruption now"),
        None => KindStatus::without_pods(Health::ready()),
    }
}

/// What its controller says where it cannot compute the budget (its pods are a Job's): it never observes the generation.
pub(in super::super) fn failed_sync<'a>(object: &Object) -> Option<KindStatus<'a>> {
    let gvk = object.gvk();
    // The judge asks this of any object whose generation is not observed.
    if (&*gvk.group, &*gvk.kind) != ("policy", "PodDisruptionBudget") {
        return None;
    }

    let conditions = object.at("/status/conditions").and_then(Value::as_array);
    let mut failed = conditions.into_iter().flatten().map(Condition::parse);
    let one = failed.find(|one| one.status == "False" && one.reason == "SyncFailed")?;
    Some(KindStatus::unknown_after(
        UnknownAfter::Outside(SYNC_SECONDS),
        format!("its controller cannot compute the budget: {}", one.says()),
    ))
}
