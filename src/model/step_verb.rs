//! What a step or its undo does, in a word: plans show it, events carry it, and journals keep it as text.
//!
//! The words are documented for programs, and stay. What a person reads in their place is the report's.

use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// What is done to an object.
// Written and never read back: a later program may know another word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StepVerb {
    /// It is not there, and is made.
    Create,
    /// It is there, and is changed.
    Update,
    /// It is there, and another takes its place.
    Replace,
    /// It goes.
    Delete,
    /// Its pre-image is restored: only in a rollback.
    Restore,
}

impl StepVerb {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            StepVerb::Create => "create",
            StepVerb::Update => "update",
            StepVerb::Replace => "replace",
            StepVerb::Delete => "delete",
            StepVerb::Restore => "restore",
        }
    }
}

impl fmt::Display for StepVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::StepVerb::{Create, Delete, Replace, Restore, Update};
    use serde_json::json;

    #[test]
    fn programs_read_the_words_that_people_are_shown() {
        let verbs = [Create, Update, Replace, Delete, Restore];
        assert_eq!(
            json!(verbs),
            json!(["create", "update", "replace", "delete", "restore"])
        );
        assert_eq!(json!(verbs), json!(verbs.map(|verb| verb.to_string())));
    }
}
