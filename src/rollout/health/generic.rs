//! The generic rule: what speaks for and against an object, weighed.
//!
//! What is wrong outweighs what stands still, that outweighs what is going on, and only where nothing speaks against it is
//! an object ready, by its own word or its own conditions. That it merely exists is no evidence.

use super::custom_health::{CustomHealth, CustomState};
use super::evidence::Level;
use super::fields::FieldReader;
use super::{conditions, generations, words};
use serde_json::Value;

/// By the generic rule.
pub(super) fn assess(kind: &str, object: &Value) -> CustomHealth {
    let conditions = conditions::find_evidence(object);
    let mut evidence = conditions.evidence;
    let reader = FieldReader {
        runs_to_an_end: words::runs_to_an_end(kind),
        is_summed_up: conditions.is_summed_up,
    };
    evidence.extend(reader.read(object));

    // A state that is no word of health (`open`) is nothing against conditions that are met.
    if conditions.is_summed_up {
        evidence.retain(|one| one.level != Level::Unclear);
    }
    // Counts may be of the spec before: only with the generation beside them they say anything.
    if !generations::is_observed(object) {
        evidence.retain(|one| one.level != Level::Counted);
    }

    let Some(first) = evidence.into_iter().min_by_key(|one| one.level) else {
        return if object.pointer("/status/conditions") == Some(&Value::Array(Vec::new())) {
            CustomHealth::new(
                CustomState::Progressing,
                "its controller has not reported a condition yet",
            )
        } else {
            CustomHealth::new(CustomState::Unknown, "its status does not report readiness")
        };
    };
    let state = match first.level {
        Level::FailedForGood => CustomState::FailedForGood,
        Level::Failed | Level::MayHaveFailed => CustomState::Failed,
        Level::Still => CustomState::Paused,
        Level::Moving | Level::PartMoving => CustomState::Progressing,
        Level::Outdated => CustomState::NotObserved,
        Level::Unclear => CustomState::Unknown,
        Level::Ready | Level::PartsReady | Level::Counted => CustomState::Ready,
    };
    CustomHealth::new(state, first.message)
}
