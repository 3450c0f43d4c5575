//! Namespaces.

use super::super::reading::{Reading, reported};
use crate::model::Object;
use crate::model::verdict::{CauseKind, Verdict};

/// Done when it is active; one that is going takes nothing new.
pub(super) fn read<'a>(object: &'a Object) -> Reading<'a> {
    let verdict = match object.text("/status/phase") {
        // Nothing takes the deletion of a namespace back.
        "Terminating" => reported(
            CauseKind::Disappeared,
            "the namespace is being deleted (phase Terminating)",
        ),
        "Active" => Verdict::done(),
        _ => Verdict::waiting(0, 1, "the namespace is not active yet"),
    };
    Reading::without_pods(verdict)
}
