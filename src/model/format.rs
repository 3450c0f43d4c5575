//! The version of what is kept in the cluster and in plan files, and what a later program wrote beside what this one knows.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The version that this program writes.
pub const FORMAT_VERSION: u32 = 1;

/// A document's version.
///
/// A newer one is read as far as it can be, and never written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FormatVersion(u32);

impl Default for FormatVersion {
    fn default() -> Self {
        Self(FORMAT_VERSION)
    }
}

impl FormatVersion {
    /// Whether only a later program knows it.
    pub fn is_newer(self) -> bool {
        self.0 > FORMAT_VERSION
    }
}

impl std::fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Fields that this program does not know: they survive a rewrite.
pub type Rest = Map<String, Value>;
