//! HorizontalPodAutoscalers.

use super::super::fields::condition;
use super::super::status::KindStatus;
use crate::model::Object;
use crate::model::verdict::Health;

/// Done when it can scale its target; metrics that are missing are said, they are not the release's doing.
pub(super) fn assess<'a>(object: &'a Object) -> KindStatus<'a> {
    if let Some(one) = condition(object, "AbleToScale").filter(|one| one.status == "False") {
        return KindStatus::without_pods(Health::progressing(
            0,
            1,
            format!("cannot scale its target: {}", one.says()),
        ));
    }

    match condition(object, "ScalingActive").filter(|one| one.status == "False") {
        // No metrics are there, or its target is scaled to zero: neither is for the release to mend.
        Some(one) => KindStatus::noted(format!("not scaling: {}", one.says())),
        None => KindStatus::without_pods(Health::ready()),
    }
}
