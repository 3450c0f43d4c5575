//! What a preflight asks an API server before anything is touched, and what it answered.

use super::object::{Object, ObjectId, Target};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A right that a promotion or its undo needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Right {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural.
    pub resource: String,
    /// Subresource, or empty.
    pub subresource: String,
    /// Namespace; none for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// `get`, `create`, `patch`, …
    pub verb: String,
}

/// What a right is needed for, and on which objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Names of the objects; empty where any may be meant (`create`, `list`, `watch`).
    pub names: BTreeSet<String>,
    /// A few words: `to put configmaps back`.
    pub purpose: String,
    /// Whether a promotion can do without it, and shows less.
    pub optional: bool,
}

/// One request to make dry.
#[derive(Clone, Debug, PartialEq)]
pub struct Try {
    /// The step it is about.
    pub step: u32,
    /// Where.
    pub target: Target,
    /// What.
    pub request: DryRequest,
}

/// What to make dry.
#[derive(Clone, Debug, PartialEq)]
pub enum DryRequest {
    /// Server-side apply.
    Apply(Value),
    /// PUT.
    Replace(Value),
    /// POST.
    Create(Value),
    /// POST of what was there, under another name: whether it could be put back.
    PutBack(Value),
    /// DELETE of this uid.
    Delete(String),
}

/// The pod of a workload's template, to be created dry.
#[derive(Clone, Debug, PartialEq)]
pub struct PodTry {
    /// The workload.
    pub workload: ObjectId,
    /// Namespace.
    pub namespace: String,
    /// The pod.
    pub pod: Value,
}

/// Everything that a preflight asks.
#[derive(Clone, Debug, Default)]
pub struct Questions {
    /// Rights, with what they are needed for.
    pub rights: BTreeMap<Right, Need>,
    /// Requests to make dry.
    pub tries: Vec<Try>,
    /// Pods to create dry.
    pub pods: Vec<PodTry>,
    /// Pods as workloads make them now, where those to come ask for other resources: what quotas gain and lose.
    pub old_pods: Vec<PodTry>,
    /// Namespaces whose quotas count.
    pub quotas: BTreeSet<String>,
    /// Whether the journal of the promotion before is kept beside the new one.
    pub keeps_earlier: bool,
    /// Whether the release's copy holds gates, which lie in a Secret.
    pub has_gates: bool,
    /// How many Secrets will seal what is kept, beside those that do already: the seal, and the key.
    pub new_seals: u8,
}

/// What became of a dry request.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The server would do it; the object as it would be, where there is one.
    Fine(Option<Box<Object>>),
    /// The server would refuse it.
    Refused {
        /// HTTP status code.
        code: u16,
        /// What it says.
        message: String,
        /// The fields it names.
        fields: Vec<String>,
    },
    /// It cannot be known yet.
    Unknown {
        /// Why.
        why: String,
    },
}

/// Whether a right is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// For all names.
    Yes,
    /// Not for these names; for any where empty.
    No(BTreeSet<String>),
    /// The server could not be asked.
    Unknown(String),
}

/// Everything that a preflight was answered.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// For each right.
    pub rights: BTreeMap<Right, Allowed>,
    /// For each dry request, in their order.
    pub tries: Vec<Answer>,
    /// For each pod, in their order.
    pub pods: Vec<Answer>,
    /// For each pod as it is made now, in their order.
    pub old_pods: Vec<Answer>,
    /// ResourceQuotas of the namespaces.
    pub quotas: Vec<Object>,
    /// What could not be read, and why.
    pub unreadable: Vec<String>,
    /// The server's warnings, once each.
    pub warnings: BTreeSet<String>,
}
