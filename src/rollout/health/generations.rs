//! Whether a controller has come to the spec, by the generation that it names.

use serde_json::Value;

/// What controllers call the generation that they have observed.
const NAMES: &[&str] = &[
    "observedGeneration",
    "lastEvaluatedGeneration",
    "lastObservedGeneration",
];

/// A generation, which some controllers write as text (Argo Rollouts).
pub fn parse_generation(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// The generation of an object, 0 where it has none.
pub(super) fn generation(object: &Value) -> i64 {
    object
        .pointer("/metadata/generation")
        .and_then(Value::as_i64)
        .unwrap_or(0)
}

/// The generation that a status names.
fn observed(object: &Value) -> Option<i64> {
    let status = object.get("status")?;
    NAMES.iter().find_map(|name| parse_generation(status.get(name)?))
}

/// The older generation that a status is of; none where it is of the present one, or does not say.
pub fn behind(object: &Value) -> Option<i64> {
    let observed = observed(object)?;
    // An object without a generation is not behind one. Flux leaves the one of the status behind while it fails, and names
    // the present one in its conditions.
    let is_behind = observed < generation(object) && generation(object) > 0;
    (is_behind && !is_named_by_condition(object)).then_some(observed)
}

/// Whether a condition of the object itself names the present generation.
fn is_named_by_condition(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let named = |one: &Value| parse_generation(one.get("observedGeneration")?);
    let newest = conditions.into_iter().flatten().filter_map(named).max();
    newest.is_some_and(|newest| newest >= generation(object))
}

/// Whether a status names the present generation.
pub(super) fn is_observed(object: &Value) -> bool {
    let is_of_now = |observed| observed >= generation(object);
    generation(object) > 0 && observed(object).is_some_and(is_of_now)
}

/// Whether a condition is of an older spec. One that names no generation counts: not every controller writes one.
pub fn is_outdated(condition: &Value, generation: i64) -> bool {
    let observed = condition.get("observedGeneration").and_then(parse_generation);
    observed.is_some_and(|observed| observed < generation)
}
