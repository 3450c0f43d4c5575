//! That something is not known, and why: never taken for a no, for nothing, or for the same.

use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// Why something is not known, in a phrase that can be shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Unknown {
    /// The reason.
    #[serde(rename = "message")]
    reason: String,
}

impl Unknown {
    /// For a reason: an error, or a phrase.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is made of an error or a phrase, which ends here"
    )]
    pub fn new(reason: impl ToString) -> Self {
        Self {
            reason: reason.to_string(),
        }
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_shown_and_written_by_its_reason_alone() {
        let unknown = Unknown::new("no answer");

        assert_eq!(unknown.to_string(), "no answer");
        assert_eq!(
            serde_json::to_value(&unknown).unwrap(),
            json!({"message": "no answer"})
        );
    }
}
