//! What a preflight asks an API server before anything is touched, and what it answered.
//!
//! `preflight` makes the questions of a plan and judges the answers; `observe` asks, and decides nothing.
//! Lists of answers stand in the order of their questions. Asking changes nothing.

use super::identity::{ObjectId, Target, Uid};
use super::object::Object;
use super::step_id::StepId;
use super::unknown::Unknown;
use super::unreachable_webhook::UnreachableWebhook;
use super::verb::Verb;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A right that a promotion or its undo needs.
// Sorted, so that a right that many steps need is asked once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permission {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural.
    pub resource: String,
    /// Subresource, or empty.
    pub subresource: String,
    /// Namespace; none for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// What is done.
    pub verb: Verb,
}

/// What a right is needed for, and on which objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermissionUse {
    /// Names of the objects; empty where any may be meant (`create`, `list`, `watch`).
    pub names: BTreeSet<String>,
    /// A few words: `to put configmaps back`.
    pub purpose: String,
    /// Whether a promotion can do without it, and shows less.
    pub optional: bool,
}

/// One request to make dry.
#[derive(Clone, Debug, PartialEq)]
pub struct DryRun {
    /// The step it is about.
    pub step: StepId,
    /// Where.
    pub target: Target,
    /// What.
    pub request: DryRunRequest,
}

/// What to make dry.
#[derive(Clone, Debug, PartialEq)]
pub enum DryRunRequest {
    /// Server-side apply.
    Apply(Value),
    /// PUT.
    // Where fields are taken over first, or maps emptied: no single apply ends where those two requests do.
    Replace(Value),
    /// POST.
    // Under another name where what it takes the place of is still there.
    Create(Value),
    /// POST of what was there, under another name: whether it could be put back.
    // Rights can be reduced by who does not hold them, and given back only by who does.
    Recreate(Value),
    /// DELETE of this uid.
    Delete(Uid),
}

/// The pod of a workload's template, to be created dry.
#[derive(Clone, Debug, PartialEq)]
pub struct PodDryRun {
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
    pub rights: BTreeMap<Permission, PermissionUse>,
    /// Requests to make dry.
    pub tries: Vec<DryRun>,
    /// Pods to create dry.
    pub pods: Vec<PodDryRun>,
    /// Pods as workloads make them now, where those to come ask for other resources: what quotas gain and lose.
    // Also asked of the server: a LimitRange and injectors add to both, and only like compares with like.
    pub old_pods: Vec<PodDryRun>,
    /// Namespaces whose quotas count.
    // The home namespace always: journal, lock and inventory count as well.
    pub quotas: BTreeSet<String>,
    /// Whether the journal of the promotion before is kept beside the new one.
    pub keeps_earlier: bool,
    /// Whether the release's copy holds gates, which lie in a Secret.
    pub has_gates: bool,
    /// How many Secrets will seal what is kept, beside those that do already: the seal, and the key.
    pub new_seals: u8,
}

impl Questions {
    /// Adds permissions that it cannot do without.
    pub fn require(&mut self, permissions: BTreeMap<Permission, PermissionUse>) {
        for (permission, needed) in permissions {
            let known = self.rights.entry(permission).or_insert(needed);
            known.optional = false;
        }
    }
}

/// What became of a dry request.
#[derive(Clone, Debug, PartialEq)]
pub enum DryRunResult {
    /// The server would do it; the object as it would be, where there is one.
    // A deletion has none.
    Accepted(Option<Box<Object>>),
    /// The server would refuse it.
    Refused {
        /// HTTP status code.
        code: u16,
        /// What it says.
        message: String,
        /// The fields it names.
        fields: Vec<String>,
        /// The webhook that it could not ask, where it refuses for that.
        webhook: Option<UnreachableWebhook>,
        /// Whether it would accept a new object of this content: what it refuses is the change.
        only_as_change: bool,
    },
    /// It cannot be known yet.
    // Not a refusal: what is missing may come with this very promotion.
    Unknown {
        /// Why.
        why: Unknown,
        /// What has to be there first, where that is all.
        missing: Option<Missing>,
    },
}

/// What an object needs before the server can be asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Its namespace.
    Namespace,
    /// Its kind: no definition serves it.
    Kind,
}

/// Whether a right is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionAnswer {
    /// For all names.
    Yes,
    /// Not for these names; for any where empty.
    // Names are asked about one by one only where the right is not there for all of them.
    No(BTreeSet<String>),
    /// The server could not be asked.
    Unknown(Unknown),
}

/// Everything that a preflight was answered.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// For each right.
    pub rights: BTreeMap<Permission, PermissionAnswer>,
    /// For each dry request, in their order.
    pub tries: Vec<DryRunResult>,
    /// For each pod, in their order.
    pub pods: Vec<DryRunResult>,
    /// For each pod as it is made now, in their order.
    pub old_pods: Vec<DryRunResult>,
    /// ResourceQuotas of the namespaces.
    pub quotas: Vec<Object>,
    /// What could not be read, and why.
    pub unreadable: Vec<String>,
    /// The server's warnings, once each.
    pub warnings: BTreeSet<String>,
}
