//! The two numbers that place a step in its plan: which step it is, and in which wave it goes.
//!
//! Plans, journals and events write both as bare numbers, and later runs read them there. They are types of
//! their own because both are small numbers that pass through the same functions: one taken for the other
//! would undo the wrong object.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A step's number: from 0, in the order of the plan, its deletions after the commit behind all others.
// The journal, its parts and the events find a step by it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct StepId(u32);

impl StepId {
    /// The step with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A wave's place in its order: from 0, without gaps in a whole plan. The deletions after the commit count theirs anew.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct WaveIndex(u32);

impl WaveIndex {
    /// The wave with so many before it.
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// How many waves come before it.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// As people count: the first wave is 1.
    pub const fn ordinal(self) -> u32 {
        // A journal may hold any number, and a message is no reason to end.
        self.0.saturating_add(1)
    }
}

impl fmt::Display for WaveIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plain_words;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn they_are_written_and_read_as_bare_numbers() {
        assert_eq!(json!([StepId::new(7), WaveIndex::new(3)]), json!([7, 3]));

        let by_id: BTreeMap<StepId, WaveIndex> = serde_json::from_str(r#"{"7":3}"#).unwrap();
        assert_eq!(by_id, BTreeMap::from([(StepId::new(7), WaveIndex::new(3))]));
        assert_eq!(serde_json::to_string(&by_id).unwrap(), r#"{"7":3}"#);
    }

    #[test]
    fn what_is_no_number_is_told_as_for_any_other_number() {
        let of_step = serde_json::from_value::<StepId>(json!("7")).unwrap_err();
        let of_number = serde_json::from_value::<u32>(json!("7")).unwrap_err();
        assert_eq!(
            plain_words(&of_step.to_string()),
            plain_words(&of_number.to_string())
        );
    }

    #[test]
    fn people_see_them_as_they_are_written_and_count_waves_from_one() {
        assert_eq!(StepId::new(7).to_string(), "7");
        assert_eq!(WaveIndex::new(7).to_string(), "7");
        assert_eq!(WaveIndex::new(0).ordinal(), 1);
        assert_eq!(WaveIndex::new(u32::MAX).ordinal(), u32::MAX);
    }
}
