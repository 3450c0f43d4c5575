//! An image that containers run, and where its tag points, as `images` shows it.
//!
//! The names in JSON are public: programs read them.

use super::Sha256Digest;
use super::moves::ReleaseRef;
use super::unknown::Unknown;
use schemars::JsonSchema;
use serde::Serialize;

/// One image that containers of a workload run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunningImage {
    /// The pods' namespace.
    pub namespace: String,
    /// The release of the workload, where images of several releases are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseRef>,
    /// The workload above them, as `Deployment web`.
    pub workload: String,
    /// The container.
    pub container: String,
    /// As the pods' spec writes it.
    pub image: String,
    /// What the node reports; none where it has not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Sha256Digest>,
    /// The pods that run it.
    pub pods: Vec<String>,
    /// Where its tag points.
    pub tag: TagStatus,
}

/// Where a tag points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum TagStatus {
    /// The reference is a digest.
    Pinned,
    /// To what runs.
    Current,
    /// To something else.
    Moved {
        /// The index or manifest.
        to: Sha256Digest,
    },
    /// No registry was asked, or none has the answer.
    Unknown(Unknown),
}

impl TagStatus {
    /// Unknown, for a reason.
    pub fn unknown(reason: impl ToString) -> Self {
        Self::Unknown(Unknown::new(reason))
    }
}
