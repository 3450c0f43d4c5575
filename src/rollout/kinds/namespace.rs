//! Namespaces.

use super::super::status::{KindStatus, reported};
use crate::model::Object;
use crate::model::verdict::{CauseKind, Health};

/// Done when it is active; one that is going takes nothing new.
pub(super) fn assess<'a>(object: &'a Object) -> KindStatus<'a> {
    let verdict = match object.text("/status/phase") {
        // Nothing takes the deletion of a namespace back.
        "Terminating" => reported(
            CauseKind::Disappeared,
            "the namespace is being deleted (phase Terminating)",
        ),
        "Active" => Health::done(),
        _ => Health::waiting(0, 1, "the namespace is not active yet"),
    };
    KindStatus::without_pods(verdict)
}
