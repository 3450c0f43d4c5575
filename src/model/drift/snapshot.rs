//! All that a watch knows at one moment, for who asks instead of listening: metrics, probes, alerts that are sent again.

use super::coverage::Coverage;
use super::finding::OpenFinding;
use crate::model::ClusterIdentity;
use crate::model::moves::ReleaseRef;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is known at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftSnapshot {
    /// When.
    pub at: Timestamp,
    /// The cluster, and the namespace that is watched.
    pub cluster: ClusterIdentity,
    /// Every watched release, by namespace and name.
    pub releases: BTreeMap<ReleaseRef, ReleaseDrift>,
    /// Errors of watches since the start.
    pub watch_errors: BTreeMap<WatchErrorKey, u64>,
    /// Watches that are open, and how many of them do not follow at the moment.
    pub watches: usize,
    /// Watches that do not follow at the moment.
    pub failing_watches: usize,
    /// What sinks could not deliver since the start, by their names.
    pub sink_failures: BTreeMap<String, SinkFailures>,
    /// Whether every release has been compared once.
    pub is_ready: bool,
}

/// One watched release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseDrift {
    /// The promoted version; none where its state cannot be read.
    pub version: Option<String>,
    /// The promoted revision.
    pub revision: Option<u32>,
    /// Objects that are compared.
    pub objects: usize,
    /// How much the last comparison could not look at; what is missing here is zero.
    pub unverified: BTreeMap<Coverage, usize>,
    /// When it was last compared as a whole; none before the first time.
    pub last_verified: Option<Timestamp>,
    /// How it stands.
    pub condition: ReleaseCondition,
    /// Its open findings, by object.
    pub open: Vec<OpenFinding>,
}

/// How a watched release stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseCondition {
    /// It has not been compared yet.
    Pending,
    /// It is compared as its objects change.
    Watched,
    /// A promotion of it runs.
    Promoting,
    /// The last comparison failed.
    Failing {
        /// Why, redacted.
        why: String,
    },
}

/// Which watch failed, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchErrorKey {
    /// The resource, as permissions name it: `deployments.apps`.
    pub resource: String,
    /// The namespace; none where it is of the whole cluster.
    pub namespace: Option<String>,
    /// What kind of error.
    pub reason: WatchErrorReason,
}

/// What kind of error ended a watch or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WatchErrorReason {
    /// It is not permitted.
    Forbidden,
    /// Its resourceVersion is too old: the collection is listed again.
    Expired,
    /// The kind is not served.
    NotServed,
    /// The connection was cut, or there was no response.
    Connection,
    /// The API server answered with another error.
    Server,
}

impl WatchErrorReason {
    /// As JSON and labels of metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::Expired => "expired",
            Self::NotServed => "notServed",
            Self::Connection => "connection",
            Self::Server => "server",
        }
    }
}

/// What one sink could not deliver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkFailures {
    /// Deliveries that failed, whether they were tried again or not.
    pub failed: u64,
    /// Events that were given up.
    pub dropped: u64,
}
