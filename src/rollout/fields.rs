//! What the rules of all kinds read of an object: a number, a generation, one of its conditions.
//!
//! A condition may name the generation that it is of. One of an older spec is left out here, so that no rule takes
//! it for true or for false; one that names none is believed.

pub(super) use super::health::parse_generation as generation;

use super::health::is_outdated;
use crate::model::Object;
use serde_json::Value;

/// A number at a JSON pointer, 0 where there is none.
pub(super) fn number(object: &Object, pointer: &str) -> u32 {
    object
        .at(pointer)
        .and_then(Value::as_u64)
        .unwrap_or(0)
        // What does not fit stays the largest: a cast alone would make it a small one.
        .min(u64::from(u32::MAX)) as u32
}

/// A condition's `status`, `reason` and `message`.
pub(super) struct Condition<'a> {
    pub status: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
}

impl<'a> Condition<'a> {
    /// From an entry of a list of conditions.
    pub fn parse(one: &'a Value) -> Self {
        let text = |field: &str| one.get(field).and_then(Value::as_str).unwrap_or_default();
        Self {
            status: text("status"),
            reason: text("reason"),
            message: text("message"),
        }
    }

    /// `message`, else `reason`, else what its absence says.
    pub fn says(&self) -> &str {
        [self.message, self.reason]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or("no reason given")
    }
}

/// One of `status.conditions`; one that is older than the object's generation says nothing.
pub(super) fn condition<'a>(object: &'a Object, kind: &str) -> Option<Condition<'a>> {
    let all = object.at("/status/conditions")?.as_array()?;
    let one = all
        .iter()
        .find(|one| one.get("type").and_then(Value::as_str) == Some(kind))?;

    (!is_outdated(one, object.generation())).then(|| Condition::parse(one))
}
