//! CustomResourceDefinitions.

use super::super::fields::condition;
use super::super::status::{KindStatus, reported};
use crate::model::Object;
use crate::model::verdict::{CauseKind, Health};
use serde_json::Value;

/// Done when it is established: the API server serves its versions then. That it serves none is said.
pub(super) fn assess<'a>(object: &'a Object) -> KindStatus<'a> {
    // Another definition holds one of its names, and will not let go of it by itself.
    if let Some(one) = condition(object, "NamesAccepted").filter(|one| one.status == "False") {
        let message = format!("names not accepted: {}", one.says());
        return KindStatus::without_pods(reported(CauseKind::ReportedByObject, message));
    }

    if condition(object, "Established").is_none_or(|one| one.status != "True") {
        return KindStatus::without_pods(Health::progressing(0, 1, "not established yet"));
    }

    // Nothing is pruned or defaulted by such a schema, and server-side apply merges its lists as a whole.
    if let Some(one) = condition(object, "NonStructuralSchema").filter(|one| one.status == "True") {
        let message = format!("schema not structural: {}", one.says());
        return KindStatus::may_mend(CauseKind::ReportedByObject, message);
    }

    let versions = object
        .at("/spec/versions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    match versions
        .filter(|one| one.get("served") == Some(&Value::Bool(true)))
        .count()
    {
        0 => KindStatus::noted("serves no version"),
        _ => KindStatus::without_pods(Health::ready()),
    }
}
