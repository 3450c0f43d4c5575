//! The plan: a promotion as data. What is shown is what runs; it holds no client and no choice.
//!
//! Ids, times and the actor are given to it, so that the same inputs make the same plan. It may lie in a file
//! for days: what each step expects of its object is looked at again under the lock, and a plan that the
//! cluster has left behind is refused.

use super::check::Check;
use super::cluster_identity::ClusterIdentity;
use super::environment::UnknownHealth;
use super::format::FormatVersion;
use super::identity::{ObjectId, Target, Uid, optional_uid};
use super::moves::Move;
use super::object::Object;
use super::operation::Operation;
use super::rehearsal::PlannedRehearsal;
use super::release::PublicRelease;
use super::rollback_outlook::RollbackOutlook;
use super::step_id::{StepId, WaveIndex};
use super::step_verb::StepVerb;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A promotion as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Of this document.
    #[serde(default = "FormatVersion::first")]
    pub format_version: FormatVersion,
    /// `kubectl-delivery.io/v1alpha1`.
    pub api_version: String,
    /// `Plan`.
    pub kind: String,
    /// The promotion's id: random, given by the caller.
    pub id: String,
    /// What is promoted, or deleted.
    pub release: PublicRelease,
    /// What is done to it.
    #[serde(default, skip_serializing_if = "Operation::is_promote")]
    pub operation: Operation,
    /// Home namespace: inventory, lock and journal live there.
    pub namespace: String,
    /// The cluster; none in a plan of an older program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterIdentity>,
    /// The revision that this promotion becomes in the history.
    pub revision: u32,
    /// When it was planned.
    pub created_at: Timestamp,
    /// Who promotes, as the API server knows them.
    pub actor: String,
    /// Steps before the commit, ordered by wave; steps of a wave run side by side.
    pub steps: Vec<PlanStep>,
    /// Deletions after the commit, in order.
    // Apart from the steps: after the commit the run itself puts nothing back.
    pub prune: Vec<PlanStep>,
    /// Objects that are in sync and stay untouched.
    pub unchanged: Vec<Target>,
    /// Every object of the release after the promotion: what the inventory will hold.
    pub members: Vec<Target>,
    /// Objects that move here from other releases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
    /// Data that it deletes for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_loss: Vec<DataLoss>,
    /// Pods that are tried before the first step, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rehearsals: Vec<PlannedRehearsal>,
    /// Checks that were waived, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// Whether a failure could be rolled back; none where that was not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackOutlook>,
    /// Limits of time.
    pub settings: PlanLimits,
    /// Whether it repairs drift of the current revision: it makes no new one and prunes nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repair: bool,
}

impl Plan {
    /// The id of its rehearsal, which each pod of that carries.
    pub fn rehearsal_id(&self) -> String {
        format!("{}-rehearsal", self.id)
    }
}

/// Data that a step deletes, and that no revert restores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataLoss {
    /// The claim or volume.
    pub object: ObjectId,
    /// Its uid: one of its name with another uid is new and empty.
    pub uid: String,
    /// The step that deletes it, or whose controllers do.
    pub step: StepId,
    /// Why it goes, in a sentence.
    pub why: String,
}

/// One object's change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStep {
    /// Unique in the plan, from 0, in order.
    // The journal finds steps by it.
    pub id: StepId,
    /// Waves run one after the other, lowest first.
    pub wave: WaveIndex,
    /// The object.
    pub target: Target,
    /// What is done.
    pub action: Action,
    /// What must be true of the object right before.
    pub expect: Expect,
    /// How it is undone.
    pub undo: Undo,
    /// Why, in a few words for the table: `image changes`, `not in the cluster`.
    pub why: String,
    /// The paths that it changes, for users and for the merge of a revert.
    // Paths alone: what they held is in the pre-image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<super::path::FieldPath>,
    /// Fields that admission writes anew at each request: no deviation, and nothing to restore.
    // A revert that restored them would fight with admission.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stamps: Vec<super::path::FieldPath>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Action {
    /// Server-side apply of an object that is not there; the answer must be 201.
    // 200 would mean that somebody was faster, and the apply went into what they made.
    Create {
        /// As applied.
        object: Object,
    },
    /// Server-side apply onto an object that is there.
    Apply {
        /// As applied.
        object: Object,
        /// The managedFields to write first, so that the apply can remove what others own.
        // A request of its own: an apply takes away only what its manager owns and nobody else does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        take_over: Option<Vec<Value>>,
        /// What the final object will be, from the server's dry-run; the answer is compared with it.
        // The whole object, so that a run that takes over compares with what was shown.
        expected: Box<Object>,
    },
    /// Delete, wait until its dependents are gone, create: a Job whose template changed.
    // The two must not run beside each other, and a Job's template cannot be changed.
    Recreate {
        /// As applied.
        object: Object,
    },
    /// Delete in the foreground or background, with a uid precondition.
    Delete {
        /// How dependents go.
        propagation: Propagation,
    },
}

impl Action {
    /// A word for it; never `restore`.
    pub fn verb(&self) -> StepVerb {
        match self {
            Action::Create { .. } => StepVerb::Create,
            Action::Apply { .. } => StepVerb::Update,
            Action::Recreate { .. } => StepVerb::Replace,
            Action::Delete { .. } => StepVerb::Delete,
        }
    }

    /// What is sent; none for a deletion.
    pub fn object(&self) -> Option<&Object> {
        match self {
            Action::Create { object } | Action::Apply { object, .. } | Action::Recreate { object } => {
                Some(object)
            }
            Action::Delete { .. } => None,
        }
    }
}

/// How dependents of a deleted object go.
// Spelled as the API spells its propagation policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Propagation {
    /// The owner goes at once, dependents after it.
    Background,
    /// The owner goes after its dependents.
    Foreground,
    /// Dependents stay.
    Orphan,
}

/// What must be true of an object right before its step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Expect {
    /// It is not there.
    Absent,
    /// It is there and, but for what controllers write, as planned.
    Present {
        /// Its uid.
        uid: String,
        /// Hash of its content: spec, data, labels, annotations and ownership other than status.
        // Of a Secret its resourceVersion: plans lie in files, and the hash of a short value tells it.
        content: String,
    },
    /// It is there as a step of the same plan made it, whatever became of its content.
    Made {
        /// Its uid: the journal's, once the step is done; none in a plan, which cannot know it.
        #[serde(default, with = "optional_uid", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        uid: Option<Uid>,
    },
}

/// How a step is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Undo {
    /// It was created: it is deleted, if it is still ours.
    Delete,
    /// It was changed: its pre-image is restored.
    Restore,
    /// It was deleted: it is created again from its pre-image, with a new uid.
    CreateAgain,
    /// It was changed into what can no longer be changed: it is deleted, and created again from its pre-image, with a new
    /// uid.
    // An immutable ConfigMap or Secret: the server takes nothing in it back.
    Replace,
    /// The release names a Job that undoes what this one did: it is run, after the new Job is deleted.
    Run {
        /// The Job that undoes it.
        job: Box<Object>,
    },
    /// It cannot be undone: an irreversible step.
    // Nothing that failed after such a step is put back by itself.
    Impossible {
        /// Why.
        why: String,
    },
}

/// A waiver: one finding that does not refuse, or a check of which there is one finding at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiver {
    /// The check's name. Text: a history may hold one that this version does not know.
    pub check: String,
    /// What it names, as `--waive CHECK=ITEM` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether no user gave it: whoever promotes what the cluster has stored has no files that these checks could ask.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
    /// In a plan, what it gave up: the findings that would have refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gave_up: Vec<String>,
}

impl std::fmt::Display for Waiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.check)?;
        self.item.as_ref().map_or(Ok(()), |item| write!(f, "={item}"))
    }
}

/// Limits of time, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanLimits {
    /// Caps every deadline; none where each object's own deadline counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// How long everything must stay well after the rollout.
    #[serde(default)]
    pub soak_seconds: u32,
    /// How long a container without a readiness probe must live; 10 where not set.
    pub settle_seconds: u32,
    /// Whether what something outside of the release brings about is waited for like everything else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict_wait: bool,
    /// What becomes of an object whose health nothing reports.
    #[serde(default, skip_serializing_if = "UnknownHealth::is_note")]
    pub unknown_health: UnknownHealth,
    /// What a failure leads to.
    #[serde(default, skip_serializing_if = "OnFailure::is_rollback")]
    pub on_failure: OnFailure,
}

/// What a failure before the commit leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// The promotion is rolled back.
    #[default]
    Rollback,
    /// Everything stays as it is, to be looked at; the journal stays open.
    Stop,
}

impl OnFailure {
    fn is_rollback(&self) -> bool {
        *self == Self::Rollback
    }
}

/// One finding of the preflight. All of them are shown at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreflightFinding {
    /// The check.
    pub check: Check,
    /// The objects that it is about: all that have its cause and its hint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectId>,
    /// The fields of an object that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// When another client last changed them, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// What a waiver names where that is no object: an image, a permission, a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// One lowercase sentence, without the object and its fields: findings of one cause have one message.
    pub message: String,
    /// What to type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// Whether it refuses the promotion, or is only noted.
    pub severity: Severity,
}

/// Whether a finding refuses a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// It refuses.
    Error,
    /// It would refuse, and was waived.
    Waived,
    /// It refuses nothing.
    Note,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_uid_that_a_plan_cannot_know_is_left_out_and_an_empty_one_is_none() {
        let unknown = Expect::Made { uid: None };
        assert_eq!(serde_json::to_value(&unknown).unwrap(), json!({"type": "made"}));
        for text in [json!({"type": "made"}), json!({"type": "made", "uid": ""})] {
            assert_eq!(serde_json::from_value::<Expect>(text).unwrap(), unknown);
        }

        let known = Expect::Made { uid: Uid::parse("u") };
        let text = json!({"type": "made", "uid": "u"});
        assert_eq!(serde_json::to_value(&known).unwrap(), text);
        assert_eq!(serde_json::from_value::<Expect>(text).unwrap(), known);
    }
}
