//! What a run does to a release as a whole.
//!
//! Both go through the same plan, journal and rollback; what differs is that a deletion deletes before its commit, and that
//! no release is promoted after it.

use serde::{Deserialize, Serialize};

/// What a run does to a release as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// It is promoted.
    #[default]
    Promote,
    /// Its objects are deleted.
    Delete,
}

impl Operation {
    /// Whether a release is promoted.
    // What is written says nothing of it: it was all that there was.
    pub fn is_promote(&self) -> bool {
        *self == Self::Promote
    }

    /// The run, in a sentence.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Promote => "promotion",
            Self::Delete => "deletion",
        }
    }

    /// What is typed to resume it.
    pub fn resume_command(self, name: &str, namespace: &str) -> String {
        match self {
            Self::Promote => format!("kubectl delivery promote --resume {name} -n {namespace}"),
            Self::Delete => format!("kubectl delivery delete {name} -n {namespace}"),
        }
    }
}
