//! The conditions of a status, wherever in it they stand, and which of them are of an older spec.
//!
//! Controllers of custom kinds differ: some name the generation in each condition, some once, some never, and
//! a route has one list for each of its parents. A condition that names an older generation is neither true
//! nor false; one that names none is believed.

use super::fields::{Condition, generation, is_outdated};
use crate::model::Object;
use serde_json::Value;

/// One list of conditions: `status.conditions`, or that of one of the parents of a route.
pub(super) struct ConditionSet<'a> {
    all: Vec<&'a Value>,
    generation: i64,
}

impl<'a> ConditionSet<'a> {
    /// One of them, where it is not of an older spec.
    pub fn get(&self, kind: &str) -> Option<Condition<'a>> {
        let one = self.find(kind).filter(|one| !is_outdated(one, self.generation))?;
        Some(Condition::parse(one))
    }

    /// Whether there is one of that type, whatever it is of.
    pub fn holds(&self, kind: &str) -> bool {
        self.find(kind).is_some()
    }

    /// How many are true and not of an older spec.
    pub fn met(&self) -> usize {
        let is_met = |one: &&&Value| {
            one.get("status").and_then(Value::as_str) == Some("True") && !is_outdated(one, self.generation)
        };
        self.all.iter().filter(is_met).count()
    }

    /// Whether its controller has not come to the spec: of those that name a generation, all name an older one.
    pub fn is_outdated(&self) -> bool {
        self.observed().is_some_and(|observed| observed < self.generation)
    }

    /// The newest generation that any of them names.
    pub fn observed(&self) -> Option<i64> {
        self.all
            .iter()
            .filter_map(|one| generation(one.get("observedGeneration")?))
            .max()
    }

    /// The generation of the object.
    pub fn generation(&self) -> i64 {
        self.generation
    }

    fn find(&self, kind: &str) -> Option<&'a Value> {
        self.all
            .iter()
            .copied()
            .find(|one| one.get("type").and_then(Value::as_str) == Some(kind))
    }
}

/// Every list of conditions below an object's status.
pub(super) fn sets(object: &Object) -> Vec<ConditionSet<'_>> {
    let mut found = Vec::new();
    if let Some(status) = object.at("/status") {
        collect(status, object.generation(), &mut found);
    }
    found
}

fn collect<'a>(value: &'a Value, generation: i64, found: &mut Vec<ConditionSet<'a>>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                // A custom status may call anything so: every item has to be a condition.
                let conditions = (name == "conditions").then(|| field.as_array()).flatten();
                match conditions.filter(|all| all.iter().all(is_condition)) {
                    Some(all) => found.push(ConditionSet {
                        all: all.iter().collect(),
                        generation,
                    }),
                    None => collect(field, generation, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, generation, found)),
        _ => {}
    }
}

fn is_condition(value: &Value) -> bool {
    // No more than these: many controllers leave out the rest.
    let is_text = |field: &str| value.get(field).is_some_and(Value::is_string);
    is_text("type") && is_text("status")
}

/// The object without conditions of an older spec.
pub(super) fn current_status(object: &Object) -> Value {
    let mut value = object.value().clone();
    if let Some(status) = value.get_mut("status") {
        drop_outdated(status, object.generation());
    }
    value
}

fn drop_outdated(value: &mut Value, of: i64) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|field| drop_outdated(field, of)),
        Value::Array(items) => {
            // Taken out and not blanked: an expression asks whether a condition exists.
            items.retain(|item| !(is_condition(item) && is_outdated(item, of)));
            items.iter_mut().for_each(|item| drop_outdated(item, of));
        }
        _ => {}
    }
}
