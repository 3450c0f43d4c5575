//! Whether a step ends where it is meant to: its fields in the server's answer, beside those of the target.
//!
//! The server keeps some fields as they are whatever is sent, and refuses nothing: only the answer of the dry run beside
//! the target shows it. What differs for a reason that the step itself settles is none: an allocated address, a map that
//! comes back with the next apply, a default that is sent after it.

use crate::model::emptiness::has_text;
use crate::model::finding::ObjectComparison;
use crate::model::k8s::allocation::{is_allocated, without_allocated};
use crate::model::plan::PlanStep;
use crate::model::{FieldPath, Object};
use crate::objects::is_lost_default;
use serde_json::Value;

/// The changed fields that the server would leave otherwise than the target has them.
pub(super) fn not_reached<'s>(
    step: &'s PlanStep,
    compared: &ObjectComparison,
    sent: &Object,
    answer: &Object,
) -> Vec<&'s FieldPath> {
    // Where the server could not say what the object should be, nothing tells that it is not reached.
    let Some(target) = &compared.predicted else {
        return Vec::new();
    };

    // Addresses and ports that nobody names are others with each dry run.
    let (wanted, got) = (without_allocated(target, sent), without_allocated(answer, sent));
    let is_left = |path: &&FieldPath| {
        // What the step adds by itself, its label or its restart, no comparison knows of.
        let Some(change) = compared.changes.iter().find(|change| change.path == **path) else {
            return false;
        };

        // That a Service has no address is the one thing of a pool that counts.
        if is_allocated(answer, path) {
            return path.get(answer.value()) == change.live.as_ref();
        }

        says(path.get(got.value())) != says(path.get(wanted.value()))
            && !comes_back(path, sent, answer)
            && !is_lost_default(path, sent, &wanted, &got)
    };

    step.changes.iter().filter(is_left).collect()
}

/// Whether the field lies in a map that was sent empty and that the apply took away: the next one brings it back, with its
/// defaults.
fn comes_back(path: &FieldPath, sent: &Object, answer: &Object) -> bool {
    let steps = path.steps();
    (1..steps.len())
        .map(|end| FieldPath::from_steps(steps[..end].to_vec()))
        .any(|map| {
            let is_empty = |value: &Value| value.as_object().is_some_and(|map| map.is_empty());
            map.get(sent.value()).is_some_and(is_empty) && map.get(answer.value()).is_none_or(Value::is_null)
        })
}

/// A value that says something: the server keeps or drops what is empty.
fn says(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| has_text(value))
}
