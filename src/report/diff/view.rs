//! The redacted data of a comparison: what every format lays out, and what `-o json` writes.
//!
//! The field names are the schema of docs/diff-json.md: some may be added within a version, none is renamed or
//! removed. Texts are for people, statuses for programs. `build` makes it of a comparison.

use super::aside::AsideView;
use super::pods::{ImageView, StaleView};
use crate::model::ObjectId;
use crate::model::finding::{Certainty, ChangeKind, FieldManager};
use crate::model::release::PublicRelease;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// What a view says besides the comparison.
#[derive(Clone, Debug)]
pub struct Meta {
    /// The release; none where only manifests are compared.
    pub release: Option<PublicRelease>,
    /// The arguments that name the release's file and the environment's, as given; none where no file was named.
    pub given: Option<String>,
    /// Home namespace.
    pub namespace: String,
    /// Now: ages are counted from here.
    pub now: Timestamp,
    /// Remarks on the whole comparison.
    pub notes: Vec<String>,
}

/// Everything that a format shows, without values of Secrets and without control sequences.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Version of this schema.
    pub schema_version: u32,
    /// The release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<PublicRelease>,
    /// The arguments that name its file, as given: what to type next.
    #[serde(skip)]
    pub given: Option<String>,
    /// Home namespace.
    pub namespace: String,
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
    /// Containers that run something else than was tested, or something that nobody knows.
    pub images: Vec<ImageView>,
    /// Pods that run with configuration that changed since.
    pub stale: Vec<StaleView>,
    /// What is needed and missing.
    pub requirements: Vec<RequirementView>,
    /// Remarks on the environment's rules.
    pub rules: Vec<RuleView>,
    /// Fields that differ and are not compared.
    pub not_compared: Vec<AsideView>,
    /// Remarks on the whole comparison.
    pub notes: Vec<String>,
}

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Objects that were compared.
    pub compared: usize,
    /// Objects with drift that nothing expects.
    pub differ: usize,
    /// Desired objects that are not there.
    pub missing: usize,
    /// Desired objects that are on their way out.
    pub being_deleted: usize,
    /// Members of the inventory that are no longer desired.
    pub extra: usize,
    /// Containers whose image is not what was tested.
    pub images: usize,
    /// Differences from what was tested that no rule allows.
    pub untested: usize,
    /// Workloads with stale pods.
    pub stale: usize,
    /// Requirements that are not met.
    pub requirements: usize,
    /// Differences that a rule expects.
    pub expected: usize,
    /// Objects of which nothing is known.
    pub unchecked: usize,
}

impl Summary {
    /// Whether anything is not as expected.
    pub fn has_differences(&self) -> bool {
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

/// One object.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectView {
    /// Identity.
    #[serde(flatten)]
    pub id: ObjectId,
    /// `deployment.apps/web`.
    pub kubectl_name: String,
    /// `same`, `changed`, `missing`, `extra`, `being-deleted`, `replaced`, `refused`, `not-verified`, `not-checked`.
    pub status: &'static str,
    /// How the status is known.
    pub certainty: Certainty,
    /// Why, where the status needs a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Drift.
    pub changes: Vec<ChangeView>,
    /// Tested → desired.
    pub untested: Vec<UntestedView>,
}

impl ObjectView {
    /// Whether anything about it is not expected.
    pub fn is_unexpected(&self) -> bool {
        // A rule expects changes of fields, never a status: what is missing is told whatever rules there are.
        self.status != "same"
            && (self.status != "changed" || self.changes.iter().any(|change| change.expected.is_none()))
            || self.untested.iter().any(|change| change.allowed.is_none())
    }

    /// Whether there is nothing to say of it.
    pub(super) fn is_silent(&self) -> bool {
        self.status == "same" && self.changes.is_empty() && self.untested.is_empty()
    }

    /// Differences that a rule expects.
    pub(super) fn count_expected(&self) -> usize {
        let changes = self.changes.iter().map(|change| &change.expected);
        let untested = self.untested.iter().map(|change| &change.allowed);
        changes.chain(untested).flatten().count()
    }
}

/// One differing field.
#[derive(Clone, Debug, Serialize)]
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
    #[serde(rename = "whose", skip_serializing_if = "Option::is_none")]
    pub owner: Option<FieldManager>,
    /// The rule that expects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Reason>,
    /// Why a rule that speaks of it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A difference from what was tested.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UntestedView {
    /// Where.
    pub path: String,
    /// As tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tested: Option<Value>,
    /// As desired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<Value>,
    /// The rule that allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Reason>,
    /// Why a rule that speaks of it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Why a difference is expected.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Index of the rule.
    pub rule: usize,
    /// Its reason.
    pub reason: String,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Something that is needed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequirementView {
    /// What.
    pub object: ObjectId,
    /// One phrase.
    pub message: String,
    /// Who needs it.
    pub needed_by: Vec<ObjectId>,
    /// Whether it is only said.
    pub is_note: bool,
}

impl RequirementView {
    /// What is needed, and by whom.
    pub(super) fn text(&self) -> String {
        let names: Vec<_> = self.needed_by.iter().map(ToString::to_string).collect();

        // What no object refers to, the release or the environment names.
        let by = if names.is_empty() {
            "the release".into()
        } else {
            names.join(", ")
        };

        format!("{} {}; {by} needs it", self.object, self.message)
    }
}

/// A remark on a rule.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleView {
    /// Index of the rule.
    pub rule: usize,
    /// Its reason, to find it by.
    pub reason: String,
    /// One phrase.
    pub message: String,
}

impl RuleView {
    /// Which rule, and what is the matter with it.
    pub(super) fn text(&self) -> String {
        // People count rules from one; the JSON has the index.
        format!("rule {} ({}) {}", self.rule + 1, self.reason, self.message)
    }
}
