//! Whether the pods of a workload would start again: what its controller would make of its template now, and what is in
//! the way of that.
//!
//! Pods that run have long read what they need. What was taken away since shows when they are made anew: by a rollout, a
//! rollback, or a node that goes. Causes are a closed set, and hold names and keys, never values.

use super::identity::ObjectId;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// What was found of all workloads that were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Starts {
    /// Workloads whose pods would not start again.
    pub findings: Vec<StartFinding>,
    /// What could not be looked at.
    pub unknown: Vec<StartUnknown>,
    /// What may be in the way, and is not certain to be.
    pub notes: Vec<StartNote>,
}

/// A workload whose pods would not start again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartFinding {
    /// The workload.
    pub workload: ObjectId,
    /// When its next pods are made.
    pub when: StartTime,
    /// Everything that is in their way.
    pub causes: Vec<StartCause>,
}

/// When the next pods of a workload are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StartTime {
    /// As soon as one of them ends.
    Now,
    /// By a schedule.
    NextRun,
    /// When the workload is resumed, or scaled up from 0.
    Resumed,
}

/// One thing that is in the way of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum StartCause {
    /// An object that the template refers to does not exist.
    Missing {
        /// The object.
        object: ObjectId,
    },
    /// An object lacks keys that are read.
    KeysMissing {
        /// The object.
        object: ObjectId,
        /// The keys.
        keys: Vec<String>,
    },
    /// An object that the template refers to is being deleted.
    BeingDeleted {
        /// The object.
        object: ObjectId,
    },
    /// A claim has lost its volume.
    ClaimLost {
        /// The claim.
        object: ObjectId,
    },
    /// The API server would not take the pod.
    PodRejected {
        /// What it says.
        reason: String,
    },
    /// A quota has no room, even with the pod that is replaced taken out.
    Quota {
        /// The quota.
        quota: ObjectId,
        /// The resource, as the quota names it.
        resource: String,
        /// What the new pod asks for.
        requested: String,
        /// What is used without the pod that it replaces.
        used: String,
        /// The limit.
        limited: String,
    },
    /// The registry does not have the image that runs.
    ImageAbsent {
        /// The reference by digest.
        reference: String,
    },
    /// No node could take the pod.
    NoNode {
        /// Why.
        reason: String,
    },
}

impl StartCause {
    /// Its `kind` in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::KeysMissing { .. } => "keysMissing",
            Self::BeingDeleted { .. } => "beingDeleted",
            Self::ClaimLost { .. } => "claimLost",
            Self::PodRejected { .. } => "podRejected",
            Self::Quota { .. } => "quota",
            Self::ImageAbsent { .. } => "imageAbsent",
            Self::NoNode { .. } => "noNode",
        }
    }

    /// The object that is in the way, where it is one that the template refers to.
    pub fn object(&self) -> Option<&ObjectId> {
        match self {
            Self::Missing { object }
            | Self::KeysMissing { object, .. }
            | Self::BeingDeleted { object }
            | Self::ClaimLost { object } => Some(object),
            Self::PodRejected { .. }
            | Self::Quota { .. }
            | Self::ImageAbsent { .. }
            | Self::NoNode { .. } => None,
        }
    }
}

/// One sentence, the object or the field first.
impl fmt::Display for StartCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { object } => write!(f, "{object} does not exist"),
            Self::KeysMissing { object, keys } => {
                let quoted: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
                let noun = if keys.len() == 1 { "key" } else { "keys" };
                write!(f, "{object} has no {noun} {}", quoted.join(", "))
            }
            Self::BeingDeleted { object } => write!(f, "{object} is being deleted"),
            Self::ClaimLost { object } => write!(f, "{object} has lost its volume"),
            Self::PodRejected { reason } => write!(f, "its pods would be rejected: {reason}"),
            Self::Quota {
                quota,
                resource,
                requested,
                used,
                limited,
            } => write!(
                f,
                "{quota} would be exceeded: requested: {resource}={requested}, used without the replaced pod: \
                 {resource}={used}, limited: {resource}={limited}"
            ),
            Self::ImageAbsent { reference } => write!(
                f,
                "image {reference} is gone from its registry; a node without it could not pull it"
            ),
            Self::NoNode { reason } => write!(f, "no node could take its pods: {reason}"),
        }
    }
}

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartUnknown {
    /// What, in a phrase: `Secrets in namespace shop`, `nodes`.
    pub what: String,
    /// The objects that could not be read, where it is objects by name.
    pub objects: Vec<ObjectId>,
    /// Why.
    pub why: String,
    /// The workloads of which something is unknown for it.
    pub workloads: Vec<ObjectId>,
}

impl StartUnknown {
    /// Adds a workload, and the object of its own that could not be read; each once.
    pub fn add(&mut self, object: Option<ObjectId>, workload: &ObjectId) {
        if !self.workloads.contains(workload) {
            self.workloads.push(workload.clone());
        }
        self.objects.extend(object);
        self.objects.sort();
        self.objects.dedup();
    }
}

/// Something that may be in the way of a workload's pods, and is not certain to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartNote {
    /// The workload.
    pub workload: ObjectId,
    /// The object that it is about, where it is one.
    pub object: Option<ObjectId>,
    /// One phrase.
    pub message: String,
}

/// How much is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartDepth {
    /// Nothing
    Off,
    /// What lists and reads by name tell
    #[default]
    Reads,
    /// A dry run of a pod of each workload and its image's registry too
    Full,
}
