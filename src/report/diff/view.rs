//! The redacted data of a comparison: what every format lays out, and what `-o json` writes.
//!
//! The field names are public (docs/diff-json.md, docs/schema/diff.v1.json): some may be added within a version, none is
//! renamed or removed. Texts are for users, statuses for programs. `build` makes it of a comparison.

use super::aside::AsideView;
use super::pods::{ImageView, StaleView};
use super::rules::{Reason, RuleView};
use super::starts::{StartNoteView, StartUnknownView, StartView};
use crate::model::finding::{Certainty, ChangeKind, FieldManager};
use crate::model::helm::HelmRevision;
use crate::model::release::PublicRelease;
use crate::model::{ClusterIdentity, ObjectId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// What a view says besides the comparison.
#[derive(Clone, Debug)]
pub struct Meta {
    /// The release; none where only manifests are compared.
    pub release: Option<PublicRelease>,
    /// The revision of Helm, where that is compared.
    pub helm: Option<HelmRevision>,
    /// The arguments that name the release's file and the environment's, as given; none where no file was named.
    pub given: Option<String>,
    /// The release namespace; empty where only files are compared.
    pub namespace: String,
    /// The cluster that was compared; none where only files were.
    pub cluster: Option<ClusterIdentity>,
    /// Now: ages are counted from here.
    pub now: Timestamp,
    /// Remarks on the whole comparison.
    pub notes: Vec<String>,
}

/// Everything that a format shows, without values of Secrets and without control sequences.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Version of this schema.
    pub schema_version: u32,
    /// The release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<PublicRelease>,
    /// The revision of Helm, where that is compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm: Option<HelmRevision>,
    /// The arguments that name its file, as given: what to type next.
    #[serde(skip)]
    pub given: Option<String>,
    /// The release namespace; empty where only files are compared.
    pub namespace: String,
    /// The cluster that was compared; none where only files were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterIdentity>,
    /// When it was compared.
    pub compared_at: Timestamp,
    /// One line.
    pub headline: String,
    /// Counts.
    pub summary: Summary,
    /// Objects with anything to say, expected or not.
    pub objects: Vec<ObjectView>,
    /// The others: nothing about them differs.
    #[serde(skip)]
    pub same: Vec<ObjectId>,
    /// Containers whose image differs from the release or is unknown, or of which pods of an old revision still run.
    pub images: Vec<ImageView>,
    /// Pods with stale configuration.
    pub stale: Vec<StaleView>,
    /// Running workloads whose pods would not start again.
    pub would_not_start: Vec<StartView>,
    /// What could not be looked at of whether they would.
    pub start_unknown: Vec<StartUnknownView>,
    /// What may be in their way, and is not certain to be.
    pub start_notes: Vec<StartNoteView>,
    /// Requirements that are not met, or not known to be.
    pub requirements: Vec<RequirementView>,
    /// Remarks on the rules of the environment.
    pub rules: Vec<RuleView>,
    /// Fields that differ and are not compared.
    pub not_compared: Vec<AsideView>,
    /// Remarks on the whole comparison.
    pub notes: Vec<String>,
}

impl View {
    /// Whether an object shows drift.
    pub(super) fn has_drift(&self) -> bool {
        self.objects.iter().any(|object| !object.changes.is_empty())
    }

    /// Whether an object shows an untested difference.
    pub(super) fn has_untested(&self) -> bool {
        self.objects.iter().any(|object| !object.untested.is_empty())
    }
}

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Objects that were compared.
    pub compared: usize,
    /// Objects with drift that nothing expects.
    pub differ: usize,
    /// Desired objects that do not exist.
    pub missing: usize,
    /// Desired objects that are being deleted.
    pub being_deleted: usize,
    /// Members of the inventory that are not in the release, and orphaned objects.
    pub extra: usize,
    /// Containers whose image differs from the release.
    pub images: usize,
    /// Untested differences that no rule expects.
    pub untested: usize,
    /// Workloads whose pods have stale configuration.
    pub stale: usize,
    /// Running workloads whose pods would not start again.
    pub would_not_start: usize,
    /// Requirements that are not met.
    pub requirements: usize,
    /// Differences that a rule expects.
    pub expected: usize,
    /// Objects that could not be checked.
    pub unchecked: usize,
}

impl Summary {
    /// Whether anything is not as expected.
    pub fn has_differences(&self) -> bool {
        self.would_not_start > 0 || self.may_be_promoted_away()
    }

    /// Whether anything differs that a promotion may bring about.
    pub(super) fn may_be_promoted_away(&self) -> bool {
        // Without `unchecked`: what is not known is an error, with another exit code than differences.
        self.differ
            + self.missing
            + self.being_deleted
            + self.extra
            + self.images
            + self.untested
            + self.stale
            + self.requirements
            > 0
    }

    /// Whether all is as expected, and all of it is known.
    pub fn is_clean(&self) -> bool {
        !self.has_differences() && self.unchecked == 0
    }
}

/// The values of an object's `status`.
const STATUSES: [&str; 9] = [
    "same",
    "changed",
    "missing",
    "being-deleted",
    "extra",
    "replaced",
    "refused",
    "not-verified",
    "not-checked",
];

/// One object.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectView {
    /// Identity.
    #[serde(flatten)]
    pub id: ObjectId,
    /// `deployment.apps/web`.
    pub kubectl_name: String,
    /// How live and desired stand.
    #[schemars(extend("enum" = STATUSES))]
    pub status: &'static str,
    /// How the status is known.
    pub certainty: Certainty,
    /// The status, explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Drift.
    pub changes: Vec<ChangeView>,
    /// Tested → desired.
    pub untested: Vec<UntestedView>,
}

impl ObjectView {
    /// Whether anything about it is not expected.
    pub fn is_unexpected(&self) -> bool {
        // A rule expects changes of fields, never a status: a missing object is shown whatever rules there are.
        self.status != "same"
            && (self.status != "changed" || self.changes.iter().any(|change| change.expected.is_none()))
            || self.untested.iter().any(|change| change.expected.is_none())
    }

    /// Whether there is nothing to say of it.
    pub(super) fn is_silent(&self) -> bool {
        self.status == "same" && self.changes.is_empty() && self.untested.is_empty()
    }

    /// Differences that a rule expects.
    pub(super) fn count_expected(&self) -> usize {
        let changes = self.changes.iter().map(|change| &change.expected);
        let untested = self.untested.iter().map(|change| &change.expected);
        changes.chain(untested).flatten().count()
    }
}

/// One differing field.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeView {
    /// Where.
    pub path: String,
    /// Which finding.
    pub kind: ChangeKind,
    /// In the cluster; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Value>,
    /// After an apply; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<Value>,
    /// The manager that set the live value.
    #[serde(rename = "changedBy", skip_serializing_if = "Option::is_none")]
    pub owner: Option<FieldManager>,
    /// The rule that expects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Reason>,
    /// Why a rule for this field does not apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A field in which desired differs from what was tested.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UntestedView {
    /// Where.
    pub path: String,
    /// The tested value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tested: Option<Value>,
    /// The desired value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<Value>,
    /// The rule that expects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Reason>,
    /// Why a rule for this field does not apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A requirement that is not met.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequirementView {
    /// The required object.
    pub object: ObjectId,
    /// One phrase.
    pub message: String,
    /// The objects that use it; empty where only the release or the environment names it.
    pub used_by: Vec<ObjectId>,
    /// Whether it is no difference: produced by another object, or unknown.
    pub is_note: bool,
}
