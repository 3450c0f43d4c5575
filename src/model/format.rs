//! The version of what is kept in the cluster and in plan files, and what a later program wrote beside what this one knows.
//!
//! A document of a later version is shown as far as it is understood, and no command writes over it. Within a
//! version fields may be added: whoever does not know them carries them along ([`Rest`]), so that an older
//! program between two newer ones takes nothing away.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The version that this program writes.
// Raised where an older program must not write any more: for a field that it can carry along it stays.
pub const FORMAT_VERSION: u32 = 1;

/// A document's version.
///
/// A newer one is read as far as it can be, and never written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FormatVersion(u32);

impl Default for FormatVersion {
    fn default() -> Self {
        Self(FORMAT_VERSION)
    }
}

impl FormatVersion {
    /// Of a document that does not say it.
    pub fn first() -> Self {
        Self(1)
    }

    /// Itself, where only a later program knows it.
    pub fn newer(self) -> Option<LaterVersion> {
        LaterVersion::new(self.0.into())
    }
}

/// The version of what this program must not write over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("format version {0}, which only a later kubectl-delivery writes")]
pub struct LaterVersion(u64);

impl LaterVersion {
    /// None where this program knows the version.
    pub fn new(version: u64) -> Option<Self> {
        (version > u64::from(FORMAT_VERSION)).then_some(Self(version))
    }
}

/// What a document of any version says of its own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Versioned {
    /// Its version.
    #[serde(default = "FormatVersion::first")]
    pub format_version: FormatVersion,
}

impl std::fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Fields that this program does not know: they survive a rewrite.
// In the order in which it was read: what is only carried along is written as it was.
pub type Rest = Map<String, Value>;
