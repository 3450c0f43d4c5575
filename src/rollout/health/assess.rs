//! The state of a custom resource: generation, pause, the rule of its kind, and the generic rule.

use super::conditions::{not_observed, without_outdated};
use super::custom_health::{CustomHealth, CustomState};
use super::rules::{self, Facts, Rule};
use super::{generations, generic};
use serde_json::Value;

/// Fields of a spec that tell a controller to leave the object alone.
const PAUSES: &[&str] = &["paused", "pause", "suspend", "suspended"];

/// The state of an object, by its own status.
pub fn assess(group: &str, kind: &str, object: &Value) -> CustomHealth {
    if object
        .pointer("/metadata/deletionTimestamp")
        .is_some_and(|time| !time.is_null())
    {
        return CustomHealth::new(CustomState::Progressing, "is being deleted");
    }
    // Its controller will not touch it: what its status says is of before.
    if let Some(pause) = PAUSES.iter().find(|pause| is_set(object, pause)) {
        return CustomHealth::new(CustomState::Suspended, format!("paused by spec.{pause}"));
    }
    if let Some(observed) = generations::behind(object) {
        let message = not_observed(observed, generations::generation(object));
        return CustomHealth::new(CustomState::NotObserved, message);
    }

    let is_reported = object.get("status").is_some_and(|status| !is_empty(status));
    let generic = if is_reported {
        generic::assess(kind, object)
    } else {
        CustomHealth::new(
            CustomState::NotReported,
            "no controller has reported its health yet",
        )
    };

    match rules::find(group, kind) {
        Some(rule) => by_rule(rule, &Facts::new(&without_outdated(object)), generic),
        None => generic,
    }
}

fn is_set(object: &Value, field: &str) -> bool {
    object.get("spec").and_then(|spec| spec.get(field)) == Some(&Value::Bool(true))
}

/// What the rule of a kind says; what it leaves out is the generic rule's.
fn by_rule(rule: &Rule, facts: &Facts, generic: CustomHealth) -> CustomHealth {
    let state = if facts.hold(rule.suspended.as_ref()) {
        CustomState::Suspended
    } else if generic.state == CustomState::FailedForGood || facts.hold(rule.failed_for_good.as_ref()) {
        CustomState::FailedForGood
    } else if facts.hold(rule.failed.as_ref()) {
        CustomState::Failed
    } else if facts.hold(rule.progressing.as_ref()) {
        CustomState::Progressing
    } else if facts.hold(rule.current.as_ref()) {
        CustomState::Ready
    } else {
        remaining(rule, generic.state)
    };

    let message = facts.text(rule.message.as_ref());
    CustomHealth::new(state, message.unwrap_or(generic.message))
}

/// What the generic rule may still say where the rule of the kind has said no.
fn remaining(rule: &Rule, generic: CustomState) -> CustomState {
    match generic {
        CustomState::Ready if rule.current.is_some() => CustomState::Progressing,
        // A rule of many kinds does not know of each of them that it will say something.
        CustomState::Unknown if rule.current.is_some() && !rule.is_of_many => CustomState::Progressing,
        state => state,
    }
}

/// Whether nothing was written into a status: what its schema defaults, and empty lists, are no report.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_empty),
        Value::Object(fields) => fields
            .iter()
            // A controller that has seen the object and has nothing to say has not reported its health.
            .all(|(name, value)| name == "observedGeneration" || is_empty(value)),
    }
}
