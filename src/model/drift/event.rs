//! What happens while releases are watched. Programs read it, one JSON document a line, as they read the events of a run.

use super::finding::OpenFinding;
use super::snapshot::WatchErrorReason;
use crate::model::ClusterIdentity;
use crate::model::moves::ReleaseRef;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum DriftEvent {
    /// The watch began: the first event of every stream.
    Started {
        /// The cluster, and the namespace that is watched.
        cluster: ClusterIdentity,
        /// Whether all namespaces are watched.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        all_namespaces: bool,
        /// How often every object is verified again, in milliseconds.
        resync_millis: u64,
    },
    /// A release is watched from now on; its findings follow.
    ReleaseAdded {
        /// The release.
        release: ReleaseRef,
        /// The promoted version.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// The promoted revision.
        #[serde(skip_serializing_if = "Option::is_none")]
        revision: Option<u32>,
        /// How many objects it has.
        objects: usize,
    },
    /// A release is watched no longer; its findings were closed.
    ReleaseDropped {
        /// The release.
        release: ReleaseRef,
        /// Why.
        reason: DropReason,
    },
    /// A promotion or a revert of the release runs: it is compared again when that has ended.
    PromotionStarted {
        /// The release.
        release: ReleaseRef,
        /// The version that is promoted, where it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// Who runs it, where it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        actor: Option<String>,
    },
    /// It has ended, and the release was compared again.
    PromotionEnded {
        /// The release.
        release: ReleaseRef,
        /// How.
        end: PromotionEnd,
        /// The version that is promoted afterwards.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// The revision that is promoted afterwards.
        #[serde(skip_serializing_if = "Option::is_none")]
        revision: Option<u32>,
    },
    /// A finding was seen first.
    DriftOpened {
        /// 16 hex digits, the same each time it opens.
        id: String,
        /// The finding.
        #[serde(flatten)]
        finding: OpenFinding,
    },
    /// Another client changed what was open already.
    DriftUpdated {
        /// Its id.
        id: String,
        /// The finding, as it is now.
        #[serde(flatten)]
        finding: OpenFinding,
    },
    /// It is no longer found.
    DriftClosed {
        /// Its id.
        id: String,
        /// The finding, as it was.
        #[serde(flatten)]
        finding: OpenFinding,
        /// Why it is closed.
        reason: CloseReason,
    },
    /// A watch failed; it is tried again. Said once until it follows again.
    WatchFailed {
        /// The resource, as permissions name it: `deployments.apps`.
        resource: String,
        /// The namespace; missing where it is of the whole cluster.
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        /// What kind of error it is.
        reason: WatchErrorReason,
        /// One sentence.
        message: String,
    },
    /// A watch that had failed follows again.
    WatchResumed {
        /// The resource.
        resource: String,
        /// The namespace; missing where it is of the whole cluster.
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
    },
    /// Something should be known.
    Note {
        /// The release, where it is about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        release: Option<ReleaseRef>,
        /// One sentence.
        message: String,
    },
    /// The end: the last event of every stream.
    Finished(WatchEnd),
}

impl DriftEvent {
    /// That a finding was seen first.
    pub fn opened(finding: OpenFinding) -> Self {
        let id = finding.id();
        Self::DriftOpened { id, finding }
    }

    /// That another client changed what was open already.
    pub fn updated(finding: OpenFinding) -> Self {
        let id = finding.id();
        Self::DriftUpdated { id, finding }
    }

    /// That it is no longer found.
    pub fn closed(finding: OpenFinding, reason: CloseReason) -> Self {
        let id = finding.id();
        Self::DriftClosed { id, finding, reason }
    }

    /// The finding that it is about, where it is about one.
    pub fn finding(&self) -> Option<&OpenFinding> {
        match self {
            Self::DriftOpened { finding, .. }
            | Self::DriftUpdated { finding, .. }
            | Self::DriftClosed { finding, .. } => Some(finding),
            _ => None,
        }
    }

    /// The release that it is about, where it is about one.
    pub fn release(&self) -> Option<&ReleaseRef> {
        match self {
            Self::ReleaseAdded { release, .. }
            | Self::ReleaseDropped { release, .. }
            | Self::PromotionStarted { release, .. }
            | Self::PromotionEnded { release, .. } => Some(release),
            Self::Note { release, .. } => release.as_ref(),
            Self::Started { .. }
            | Self::WatchFailed { .. }
            | Self::WatchResumed { .. }
            | Self::Finished(_) => None,
            Self::DriftOpened { finding, .. }
            | Self::DriftUpdated { finding, .. }
            | Self::DriftClosed { finding, .. } => Some(&finding.release),
        }
    }
}

/// An event with its time, which never goes back within a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StampedDriftEvent {
    /// When.
    pub time: Timestamp,
    /// What.
    pub event: DriftEvent,
}

/// Why a finding is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CloseReason {
    /// A comparison no longer finds it.
    NotFound,
    /// A comparison after a promotion no longer finds it.
    Promoted,
    /// Its release is watched no longer.
    ReleaseDropped,
}

/// Why a release is watched no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DropReason {
    /// Its stored state is gone: it was forgotten or deleted.
    Forgotten,
    /// Nothing is promoted any more: its objects were deleted, or its first promotion was reverted.
    NotPromoted,
    /// Its inventory has no longer the labels that are watched.
    NotSelected,
}

/// How a promotion ended that was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PromotionEnd {
    /// Another revision is promoted now.
    Promoted,
    /// The revision is as it was before: nothing to do, rolled back, or refused.
    Unchanged,
    /// No run is at work, and its journal is open.
    Unfinished,
}

/// How the watch ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchEnd {
    /// One sentence.
    pub message: String,
    /// Open findings that are drift.
    pub drifted: usize,
    /// Open findings that something is unknown.
    pub unknown: usize,
    /// Requirements, and starts of workloads, that could not be checked: the exit code is not about them.
    pub not_checked: usize,
    /// The process's exit code: 0 in sync, 1 drift, 2 something unknown.
    pub exit_code: u8,
}
