//! PodDisruptionBudgets.

use super::super::reading::{Reading, condition};
use crate::model::Object;
use crate::model::verdict::Verdict;

/// Done when its controller has counted; that no disruption is allowed is said.
pub(super) fn read<'a>(object: &'a Object) -> Reading<'a> {
    match condition(object, "DisruptionAllowed").filter(|one| one.status == "False") {
        Some(one) if one.reason == "SyncFailed" => Reading::without_pods(Verdict::waiting(
            0,
            1,
            format!("its controller cannot count: {}", one.says()),
        )),
        Some(_) => Reading::noted("it allows no disruption now"),
        None => Reading::without_pods(Verdict::done()),
    }
}
