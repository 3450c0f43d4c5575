//! A rehearsal: pods of workloads' templates that run beside the release before anything of it is changed.
//!
//! What is planned is in the plan, with the whole pod; what is under way is in the journal, by name alone.

use super::identity::{ObjectId, Target};
use super::object::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Which of a workload's templates a pod is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TemplateVersion {
    /// The one in the cluster.
    Current,
    /// The one that the promotion brings.
    New,
}

impl fmt::Display for TemplateVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Current => "current template",
            Self::New => "new template",
        })
    }
}

/// Which templates are rehearsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RehearsalScope {
    /// Those in the cluster.
    Current,
    /// Those that the promotion brings.
    New,
    /// The one in the cluster, and then the one that the promotion brings.
    Both,
}

impl RehearsalScope {
    /// Whether pods of this version are to run.
    pub fn includes(self, template: TemplateVersion) -> bool {
        match self {
            Self::Current => template == TemplateVersion::Current,
            Self::New => template == TemplateVersion::New,
            Self::Both => true,
        }
    }
}

/// One pod of a rehearsal, as it is planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedRehearsal {
    /// The workload.
    pub workload: ObjectId,
    /// Which of its templates.
    pub template: TemplateVersion,
    /// Where the pod is reached.
    pub target: Target,
    /// The pod, as it is created.
    pub pod: Object,
    /// How long it may take to become ready, in seconds.
    pub timeout_seconds: u32,
    /// NetworkPolicies that the workload's pods are under and this one is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_network_policies: Vec<String>,
}

impl PlannedRehearsal {
    /// `Deployment shop/web, current template (without its network policies)`.
    pub fn named(&self) -> String {
        let Self {
            workload, template, ..
        } = self;
        match self.without_network_policies.as_slice() {
            [] => format!("{workload}, {template}"),
            _ => format!("{workload}, {template} (without its network policies)"),
        }
    }

    /// What the journal says of it.
    pub fn in_journal(&self) -> RehearsalPod {
        RehearsalPod {
            workload: self.workload.clone(),
            template: self.template,
            target: self.target.clone(),
        }
    }
}

/// A pod of a rehearsal that may be there.
// Named before it is created: a run that is killed leaves none that nobody knows of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RehearsalPod {
    /// The workload.
    pub workload: ObjectId,
    /// Which of its templates.
    pub template: TemplateVersion,
    /// The pod.
    pub target: Target,
}

/// What became of one pod of a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RehearsalResult {
    /// The workload.
    pub workload: ObjectId,
    /// Which of its templates.
    pub template: TemplateVersion,
    /// The pod.
    pub pod: ObjectId,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: RehearsalOutcome,
}

/// Whether a pod of a rehearsal became ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "result", rename_all = "camelCase")]
pub enum RehearsalOutcome {
    /// It became ready.
    Ready,
    /// It did not, and does not by itself.
    Failed {
        /// Why.
        message: String,
    },
    /// It could not be found out.
    Unknown {
        /// Why.
        message: String,
    },
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RehearsalRequest {
    /// Which templates.
    pub scope: RehearsalScope,
    /// Whether templates with init containers are tried, too.
    // They may be migrations, which a second run repeats.
    pub runs_init: bool,
}

/// Kinds whose objects select pods by labels, with their groups.
// An autoscaler selects by what its target selects by.
pub const SELECTING_KINDS: [(&str, &str); 8] = [
    ("", "Service"),
    ("policy", "PodDisruptionBudget"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("", "ReplicationController"),
];

/// What has to be read before pods are planned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RehearsalQuestions {
    /// Namespaces in which pods would run.
    pub namespaces: BTreeSet<String>,
    /// Those of them in which these would mount claims.
    pub claims_in: BTreeSet<String>,
}

/// What was read, by namespace.
pub type RehearsalFacts = BTreeMap<String, NamespaceFacts>;

/// What of a namespace decides how a pod can be tried in it.
#[derive(Clone, Debug, Default)]
pub struct NamespaceFacts {
    /// Objects of [`SELECTING_KINDS`].
    pub selecting: Vec<Object>,
    /// Claims, where they count.
    pub claims: Vec<Object>,
    /// Pods, where claims count.
    pub pods: Vec<Object>,
    /// What could not be read, and why.
    pub unreadable: Vec<String>,
}
