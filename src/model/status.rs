//! How a release is, as `status` shows it: what is promoted, whether anything is in progress, and its workloads.
//!
//! The names in JSON are public: programs read them.

use super::journal::JournalPhase;
use super::moves::Moved;
use serde::Serialize;

/// One release's status.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseStatus {
    /// Its home.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How it is as a whole.
    #[serde(rename = "state")]
    pub phase: ReleasePhase,
    /// The promoted version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The promoted revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// The promotion that has not ended.
    #[serde(rename = "open", skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<UnfinishedPromotion>,
    /// The phase, explained.
    pub message: String,
    /// Whether what the cluster keeps of it is certainly as it was written.
    pub verified: bool,
    /// Why that is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_verified: Option<String>,
    /// What has moved to other releases since the current revision was promoted, or is about to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
    /// Its workloads.
    pub workloads: Vec<WorkloadStatus>,
}

/// How a release is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ReleasePhase {
    /// A promotion was committed, and nothing came after it.
    Promoted,
    /// A run is at work.
    InProgress,
    /// A run ended before its promotion did.
    #[serde(rename = "open")]
    Unfinished,
    /// The first promotion failed.
    #[serde(rename = "putBack")]
    RolledBack,
    /// The last promotion failed, and a part of it is left.
    #[serde(rename = "notFullyPutBack")]
    RollbackIncomplete,
    /// What the cluster keeps of it is not as it was written.
    Altered,
    /// Nothing was promoted.
    None,
}

impl ReleasePhase {
    /// For a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::InProgress => "in progress",
            Self::Unfinished => "open",
            Self::RolledBack => "put back",
            Self::RollbackIncomplete => "not fully put back",
            Self::Altered => "altered",
            Self::None => "none",
        }
    }
}

/// A promotion that has not ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnfinishedPromotion {
    /// Where its journal stands.
    pub phase: JournalPhase,
    /// The version that it promotes.
    pub version: String,
    /// Who started it.
    pub actor: String,
    /// The run that writes or wrote its journal.
    pub holder: String,
    /// Whether a run holds the lock.
    pub held: bool,
    /// Steps that are done.
    pub done: usize,
    /// Steps that are undone.
    pub undone: usize,
    /// All steps.
    pub steps: usize,
}

/// How one workload is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// The object.
    pub object: String,
    /// Whether it is ready, or need not be there.
    pub ready: bool,
    /// Why.
    #[serde(rename = "says")]
    pub message: String,
}
