//! APIServices.

use super::super::reading::{Reading, condition};
use crate::model::Object;
use crate::model::verdict::Verdict;

/// Done when the API server can reach what serves it.
pub(super) fn read<'a>(object: &'a Object) -> Reading<'a> {
    let verdict = match condition(object, "Available") {
        Some(one) if one.status == "True" => Verdict::done(),
        Some(one) => Verdict::waiting(0, 1, format!("it is not available: {}", one.says())),
        None => Verdict::waiting(0, 1, "the API server has not tried it yet"),
    };
    Reading::without_pods(verdict)
}
