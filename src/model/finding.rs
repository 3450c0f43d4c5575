//! What a comparison found. Values are raw here: only `report` shows them, through its redactor.
//!
//! A finding is a fact and no decision: whether it stops a promotion is said by the plan and its policy. What
//! is documented as JSON is written from these in `report`; types that are `Serialize` here hold names,
//! digests and times, and no values.

mod images;
mod ownership;

use super::identity::{ObjectId, Target};
use super::k8s::marks::Installer;
use super::object::Object;
use super::path::FieldPath;
use super::snapshot::{Absence, Observed};
use super::start::Starts;
use super::unknown::Unknown;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub use images::{ContainerRole, ImageFinding, ImageState, PromotedRelease, RunningImage};
pub use ownership::{FieldManager, ManagerClass, ManagerFields, Operation, RecentChange};

/// Everything that a comparison of desired, tested and live found.
// Not `Serialize`: values go out through the redactor alone.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// One entry for each desired object, in desired's order, then the extra ones.
    pub objects: Vec<ObjectComparison>,
    /// What containers really run, one entry a container and workload.
    pub images: Vec<ImageFinding>,
    /// Pods that started before their configuration changed.
    pub stale: Vec<StaleFinding>,
    /// What is needed and missing.
    pub requirements: Vec<RequirementFinding>,
    /// Whether the pods of what runs would start again.
    pub starts: Starts,
    /// Remarks on the environment's rules.
    pub rules: Vec<RuleFinding>,
    /// Tested objects that are not desired here.
    pub dropped: Vec<(ObjectId, UntestedChange)>,
    /// What the server says of creating missing objects, where it was asked and does not accept it.
    pub creations: BTreeMap<ObjectId, Creation>,
    /// Namespaces of missing objects that do not exist, and that the release does not bring.
    pub missing_namespaces: BTreeSet<String>,
}

/// What the server says of creating a missing object that it does not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// The API server rejects it.
    Rejected {
        /// What it says, cleaned.
        why: String,
    },
    /// Admission denies it.
    Denied {
        /// What it says, cleaned.
        why: String,
    },
    /// It cannot be dry-run: its namespace comes with the release.
    AwaitsNamespace,
    /// It cannot be dry-run: its kind comes with the release.
    AwaitsKind,
    /// It was not dry-run.
    NotTried(Unknown),
}

/// One object: the three versions of it, and how they differ.
#[derive(Clone, Debug)]
pub struct ObjectComparison {
    /// Where it is reached here.
    pub target: Target,
    /// As the release holds it, paired with this one; none where desired is the same.
    pub tested: Option<Object>,
    /// As a promotion would apply it, pinned. None for an extra object.
    pub desired: Option<Object>,
    /// As the cluster holds it.
    pub live: Observed,
    /// Its target, or what an apply of desired would leave, where that is known.
    pub predicted: Option<Object>,
    /// How live and desired stand.
    pub status: ObjectStatus,
    /// How `status` is known.
    pub certainty: Certainty,
    /// Drift, field by field.
    pub changes: Vec<FieldChange>,
    /// Differing fields that are no drift.
    pub asides: Vec<Aside>,
    /// Tested → desired, field by field.
    pub untested: Vec<UntestedChange>,
}

impl ObjectComparison {
    /// In a status that stands for itself, without any difference.
    pub fn new(
        target: Target,
        desired: Option<Object>,
        live: Observed,
        status: ObjectStatus,
        certainty: Certainty,
    ) -> Self {
        Self {
            target,
            tested: None,
            desired,
            live,
            predicted: None,
            status,
            certainty,
            changes: Vec::new(),
            asides: Vec::new(),
            untested: Vec::new(),
        }
    }

    /// The object's identity here.
    pub fn id(&self) -> ObjectId {
        self.target.id()
    }

    /// The changes that the environment does not expect.
    pub fn unexpected_changes(&self) -> impl Iterator<Item = &FieldChange> {
        self.changes.iter().filter(|change| change.expected_by.is_none())
    }
}

/// How live and desired stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectStatus {
    /// No drift.
    Same,
    /// Drift: see `changes`.
    Changed,
    /// Desired and not there.
    Missing(Absence),
    /// Desired and on its way out: somebody deleted it.
    BeingDeleted {
        /// What holds it back.
        finalizers: Vec<String>,
    },
    /// In the inventory and no longer desired.
    Extra,
    /// It carries the set's label, and is not in the inventory: nobody promoted it.
    // Never pruned: anybody can set a label, and only an inventory names what was promoted.
    Stray,
    /// The server could not be asked (a webhook denies dry-runs); `changes` is a prediction.
    NotVerified {
        /// What the server said, cleaned.
        why: String,
    },
    /// It could not be read.
    NotChecked {
        /// What the server said, cleaned.
        why: String,
    },
    /// Fields differ that cannot change, and a promotion deletes it and creates it again.
    // A Job, whose template the server lets nobody change.
    Replaced,
    /// The server refuses desired itself (validation, admission, an immutable field).
    Refused {
        /// What the server said, cleaned.
        why: String,
        /// The fields it names, where it names any.
        fields: Vec<String>,
    },
}

/// How a status is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Certainty {
    /// The result of an apply was computed from field ownership and defaults, exactly, without a dry run.
    Computed,
    /// A dry run of the API server gave it.
    DryRun,
    /// Predicted from reads alone (`--mode=readonly`, or where a dry run is not possible).
    Predicted,
}

/// A differing field that is no drift: it is told once, and a promotion leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Where.
    pub path: FieldPath,
    /// Why it is none.
    pub reason: AsideReason,
}

/// Why a differing field is no drift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsideReason {
    /// Admission writes it anew at each request.
    Stamp,
    /// Another delivery tool marks what it installs.
    Mark {
        /// The tool.
        installer: Installer,
    },
    /// Pods were restarted by it, and a promotion keeps it.
    Restart {
        /// The field manager that set it.
        manager: String,
    },
    /// The server lets no update change it, and desired leaves it open.
    Bound,
    /// Nobody owns it, and whether a fresh object would hold it is unknown.
    Unknown(Unknown),
}

/// One differing field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Where.
    pub path: FieldPath,
    /// Which finding it is.
    pub kind: ChangeKind,
    /// The value in the cluster; none where there is none.
    pub live: Option<Value>,
    /// The value that the target has; none where it has none.
    pub desired: Option<Value>,
    /// The manager that set the live value.
    pub owner: Option<FieldManager>,
    /// The rule that expects it, as an index into the environment's `differences`.
    // By its number, as documents and JSON name rules.
    pub expected_by: Option<usize>,
    /// Why an expected-looking difference is not allowed after all (constraint not met, expired).
    pub rule_note: Option<String>,
}

/// Which finding a field change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ChangeKind {
    /// The live value differs from the desired one.
    Changed,
    /// Another client, which is no controller, set it, and desired does not hold it.
    Added,
    /// It has no field manager, and a fresh object would not hold it: origin unknown.
    AddedOriginUnknown,
}

/// One field in which desired differs from what was tested.
#[derive(Clone, Debug, PartialEq)]
pub struct UntestedChange {
    /// Where, in desired.
    pub path: FieldPath,
    /// As tested.
    pub tested: Option<Value>,
    /// As desired.
    pub desired: Option<Value>,
    /// The rule that allows it, as an index into the environment's `differences`.
    pub allowed_by: Option<usize>,
    /// Why an allowed-looking difference is not allowed after all.
    pub rule_note: Option<String>,
}

/// Pods that started before configuration that they read at start changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleFinding {
    /// The workload.
    pub workload: ObjectId,
    /// The ConfigMap or Secret.
    pub source: ObjectId,
    /// When it changed.
    pub changed_at: Timestamp,
    /// The pods that started before.
    pub pods: Vec<String>,
}

/// Something that is needed and missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequirementFinding {
    /// What is needed.
    pub object: ObjectId,
    /// The missing keys; empty where the object itself is missing.
    pub keys: Vec<String>,
    /// Who needs it: objects of desired.
    pub needed_by: Vec<ObjectId>,
    /// What is the matter with it.
    pub state: RequirementState,
}

/// What is the matter with a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequirementState {
    /// It is not there.
    Missing,
    /// It is there, and keys are not.
    KeysMissing,
    /// It is on its way out.
    BeingDeleted,
    /// It has another type than needed.
    WrongType {
        /// The type it has.
        found: String,
    },
    /// It is not there yet, and an object of the release produces it.
    // Awaited and not demanded: the promotion itself brings it.
    Awaited {
        /// `Kind/name` of the producer.
        produced_by: String,
    },
    /// It could not be read.
    Unreadable {
        /// What the server said, cleaned.
        why: String,
    },
}

/// A remark on one of the environment's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFinding {
    /// Index into the environment's `differences`.
    pub rule: usize,
    /// What is the matter with it.
    pub state: RuleState,
}

/// What is the matter with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleState {
    /// Its target is in the release, and it matches no difference.
    Unused,
    /// Its last day is over: it allows nothing.
    Expired,
    /// Its last day is at most 14 days ahead.
    ExpiresSoon {
        /// Days left.
        days: i64,
    },
    /// Its constraint could not be evaluated.
    Broken {
        /// Why.
        why: String,
    },
}
