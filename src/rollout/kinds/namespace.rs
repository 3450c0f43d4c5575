//! Namespaces.

use super::super::status::{KindStatus, reported};
use crate::model::Object;
use crate::model::verdict::{CauseKind, Health};

/// Done when it is active; one that is going takes nothing new.
pub(super) fn assess<'a>(object: &'a Object) -> KindStatus<'a> {
    let verdict = match object.text("/status/phase") {
        // Nothing takes the deletion of a namespace back.
        "Terminating" => reported(CauseKind::Disappeared, "being deleted (phase Terminating)"),
        "Active" => Health::ready(),
        _ => Health::progressing(0, 1, "not active yet"),
    };
    KindStatus::without_pods(verdict)
}
