//! The redacted data of a comparison: what every format lays out, and what `-o json` writes.
//!
//! Raw values end here. The field names are the schema of docs/diff-json.md: some may be added within a version, none
//! is renamed or removed. Texts are for people, statuses for programs.

use super::super::redact::Redactor;
use super::aside::{AsideView, asides};
use super::pods::{ImageView, StaleView};
use super::summary::{Summary, headline, summarise};
use crate::model::ObjectId;
use crate::model::environment::Environment;
use crate::model::finding::{
    Certainty, ChangeKind, Comparison, FieldChange, ObjectComparison, ObjectStatus, Ownership,
    RequirementFinding, RequirementState, RuleState, UntestedChange,
};
use crate::model::release::PublicRelease;
use crate::model::snapshot::Absence;
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
    /// Whose hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whose: Option<Ownership>,
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

/// Makes the view. Values, paths and messages in it went through the redactor.
pub fn view(comparison: &Comparison, environment: &Environment, redactor: &Redactor, meta: &Meta) -> View {
    let maker = Maker {
        environment,
        redactor,
    };

    let mut objects: Vec<ObjectView> = comparison
        .objects
        .iter()
        .map(|object| maker.object(object))
        .collect();
    // Tested and not desired here: no object of the comparison, and a difference all the same.
    objects.extend(
        comparison
            .dropped
            .iter()
            .map(|(id, change)| maker.dropped(id, change)),
    );

    let images: Vec<ImageView> = comparison
        .images
        .iter()
        .filter_map(|image| ImageView::of(image, redactor))
        .collect();

    let requirements: Vec<RequirementView> = comparison
        .requirements
        .iter()
        .map(|need| maker.requirement(need))
        .collect();

    let stale: Vec<StaleView> = comparison.stale.iter().map(StaleView::of).collect();
    // Before the silent ones go: the counts are of everything that was compared.
    let summary = summarise(&objects, &images, &requirements, stale.len());
    let rules = comparison
        .rules
        .iter()
        .map(|finding| maker.rule(finding.rule, &finding.state))
        .collect();

    objects.retain(|object| {
        object.status != "same" || !object.changes.is_empty() || !object.untested.is_empty()
    });

    View {
        schema_version: 1,
        release: meta.release.clone(),
        given: meta.given.as_deref().map(|given| redactor.text(given)),
        namespace: meta.namespace.clone(),
        compared_at: meta.now,
        headline: headline(&summary),
        summary,
        objects,
        images,
        stale,
        requirements,
        rules,
        // Of all objects: an aside alone makes none of them differ.
        not_compared: asides(&comparison.objects, redactor),
        notes: meta.notes.iter().map(|note| redactor.text(note)).collect(),
    }
}

struct Maker<'m> {
    environment: &'m Environment,
    redactor: &'m Redactor,
}

impl Maker<'_> {
    fn object(&self, object: &ObjectComparison) -> ObjectView {
        let id = object.id();

        let (status, why) = match &object.status {
            ObjectStatus::Same => ("same", None),
            ObjectStatus::Changed => ("changed", None),
            ObjectStatus::Missing(Absence::Object) => ("missing", None),
            ObjectStatus::Missing(Absence::Namespace) => {
                // The outer cause: nothing can be in a namespace that is not there.
                ("missing", Some("its namespace is not there".to_owned()))
            }
            ObjectStatus::Missing(Absence::NamespaceGoing) => (
                "missing",
                Some("its namespace is being deleted, and takes no new objects".to_owned()),
            ),
            ObjectStatus::BeingDeleted { finalizers } if finalizers.is_empty() => {
                ("being-deleted", Some("is being deleted".to_owned()))
            }
            ObjectStatus::BeingDeleted { finalizers } => (
                "being-deleted",
                Some(format!("is being deleted; held by {}", finalizers.join(", "))),
            ),
            ObjectStatus::Missing(Absence::Kind) => (
                "missing",
                Some("its kind is not served: the CRD is missing".to_owned()),
            ),
            ObjectStatus::Extra => ("extra", Some("no longer desired".to_owned())),
            ObjectStatus::Stray => (
                "extra",
                Some("carries the label of the release's set, and no promotion put it there".to_owned()),
            ),
            ObjectStatus::NotVerified { why } => ("not-verified", Some(why.clone())),
            ObjectStatus::NotChecked { why } => ("not-checked", Some(why.clone())),
            ObjectStatus::Replaced => (
                "replaced",
                Some("a promotion deletes it and creates it again".to_owned()),
            ),
            ObjectStatus::Refused { why, .. } => ("refused", Some(why.clone())),
        };

        // The raw identity tells what is secret; the cleaned one is only shown.
        let shown = self.redactor.id(&id);
        ObjectView {
            kubectl_name: shown.kubectl_name(),
            status,
            certainty: object.certainty,
            why: why.map(|text| self.redactor.text(&text)),
            changes: object
                .changes
                .iter()
                .map(|change| self.change(&id, change))
                .collect(),
            untested: object
                .untested
                .iter()
                .map(|change| self.untested(&id, change))
                .collect(),
            id: shown,
        }
    }

    fn dropped(&self, id: &ObjectId, change: &UntestedChange) -> ObjectView {
        let shown = self.redactor.id(id);
        ObjectView {
            kubectl_name: shown.kubectl_name(),
            // Neither missing nor extra: nothing says that it was ever here. The release alone knows it.
            status: "same",
            // Out of files alone: there was nobody to ask.
            certainty: Certainty::Proved,
            why: Some("tested, and not desired here".into()),
            changes: Vec::new(),
            untested: vec![self.untested(id, change)],
            id: shown,
        }
    }

    fn change(&self, id: &ObjectId, change: &FieldChange) -> ChangeView {
        let value = |value: &Option<Value>| {
            value
                .as_ref()
                .map(|value| self.redactor.value(id, &change.path, value))
        };

        ChangeView {
            path: self.redactor.text(&change.path.to_string()),
            kind: change.kind,
            live: value(&change.live),
            desired: value(&change.desired),
            // A manager names itself: its name is free text.
            whose: change.whose.clone().map(|mut whose| {
                whose.manager = self.redactor.text(&whose.manager);
                whose
            }),
            expected: change.expected_by.and_then(|rule| self.reason(rule)),
            note: change.rule_note.as_deref().map(|note| self.redactor.text(note)),
        }
    }

    fn untested(&self, id: &ObjectId, change: &UntestedChange) -> UntestedView {
        let value = |value: &Option<Value>| {
            value
                .as_ref()
                .map(|value| self.redactor.value(id, &change.path, value))
        };

        UntestedView {
            path: self.redactor.text(&change.path.to_string()),
            tested: value(&change.tested),
            desired: value(&change.desired),
            allowed: change.allowed_by.and_then(|rule| self.reason(rule)),
            note: change.rule_note.as_deref().map(|note| self.redactor.text(note)),
        }
    }

    fn reason(&self, rule: usize) -> Option<Reason> {
        let found = self.environment.spec.differences.get(rule)?;
        // A reader needs the reason, and the index to find the rule by.
        Some(Reason {
            rule,
            reason: self.redactor.text(&found.reason),
            owner: found.owner.as_deref().map(|owner| self.redactor.text(owner)),
        })
    }

    fn requirement(&self, need: &RequirementFinding) -> RequirementView {
        let (message, is_note) = match &need.state {
            RequirementState::Missing => ("is missing".to_owned(), false),
            RequirementState::KeysMissing => (format!("has no key {}", need.keys.join(", ")), false),
            RequirementState::BeingDeleted => ("is being deleted".to_owned(), false),
            RequirementState::WrongType { found } => (format!("is of another type: {found}"), false),
            // An object of the release produces it: that it is not there yet is no difference.
            RequirementState::Awaited { produced_by } => {
                (format!("is not there yet; {produced_by} produces it"), true)
            }
            // What cannot be read is not missing.
            RequirementState::Unreadable { why } => (format!("cannot be read: {why}"), true),
        };

        RequirementView {
            object: self.redactor.id(&need.object),
            message: self.redactor.text(&message),
            needed_by: need.needed_by.iter().map(|id| self.redactor.id(id)).collect(),
            is_note,
        }
    }

    fn rule(&self, rule: usize, state: &RuleState) -> RuleView {
        let message = match state {
            RuleState::Unused => "matches no difference".to_owned(),
            RuleState::Expired => "has expired: it allows nothing".to_owned(),
            RuleState::ExpiresSoon { days: 0 } => "expires today".to_owned(),
            RuleState::ExpiresSoon { days } => format!("expires in {days} days"),
            RuleState::Broken { why } => format!("cannot be evaluated: {why}"),
        };

        let place = self
            .environment
            .spec
            .differences
            .get(rule)
            .and_then(|rule| rule.place.as_deref());

        // What ends by itself has to be decided anew: whoever does that needs the line in the file.
        let is_of_expiry = matches!(state, RuleState::Expired | RuleState::ExpiresSoon { .. });
        let message = match place.filter(|_| is_of_expiry) {
            Some(place) => format!("{message} ({place})"),
            None => message,
        };

        let reason = self.reason(rule).map(|reason| reason.reason).unwrap_or_default();
        RuleView {
            rule,
            reason,
            message: self.redactor.text(&message),
        }
    }
}
