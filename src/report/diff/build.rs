//! A comparison → its view. Raw values end here: whatever a format shows went through the redactor first.
//!
//! The raw identity of an object tells the redactor what is secret; the cleaned one is only shown. Objects without
//! anything to say are counted and named, and leave the list that formats lay out.

use super::super::redact::Redactor;
use super::aside::asides;
use super::pods::{ImageView, StaleView};
use super::summary::{headline, summarise};
use super::view::{ChangeView, Meta, ObjectView, Reason, RequirementView, RuleView, UntestedView, View};
use crate::model::ObjectId;
use crate::model::environment::Environment;
use crate::model::finding::{
    Certainty, Comparison, FieldChange, ObjectComparison, ObjectStatus, RequirementFinding, RequirementState,
    RuleState, UntestedChange,
};
use crate::model::path::FieldPath;
use crate::model::snapshot::Absence;
use serde_json::Value;

/// Makes the view. Values, paths and messages in it went through the redactor.
pub fn view(comparison: &Comparison, environment: &Environment, redactor: &Redactor, meta: &Meta) -> View {
    let builder = ViewBuilder {
        environment,
        redactor,
    };

    let images: Vec<ImageView> = comparison
        .images
        .iter()
        .filter_map(|image| ImageView::from_finding(image, redactor))
        .collect();
    let requirements: Vec<RequirementView> = comparison
        .requirements
        .iter()
        .map(|finding| builder.requirement(finding))
        .collect();
    let stale: Vec<StaleView> = comparison.stale.iter().map(StaleView::from_finding).collect();
    let rules = comparison
        .rules
        .iter()
        .map(|finding| builder.rule(finding.rule, &finding.state))
        .collect();

    // Before the silent ones go: the counts are of everything that was compared.
    let all = builder.objects(comparison);
    let summary = summarise(&all, &images, &requirements, stale.len());
    let (same, objects): (Vec<ObjectView>, _) = all.into_iter().partition(ObjectView::is_silent);

    View {
        schema_version: 1,
        release: meta.release.clone(),
        given: meta.given.as_deref().map(|given| redactor.text(given)),
        namespace: meta.namespace.clone(),
        compared_at: meta.now,
        headline: headline(&summary),
        summary,
        objects,
        same: same.into_iter().map(|object| object.id).collect(),
        images,
        stale,
        requirements,
        rules,
        // Of all objects: an aside alone makes none of them differ.
        not_compared: asides(&comparison.objects, redactor),
        notes: meta.notes.iter().map(|note| redactor.text(note)).collect(),
    }
}

struct ViewBuilder<'b> {
    environment: &'b Environment,
    redactor: &'b Redactor,
}

impl ViewBuilder<'_> {
    /// The compared objects, then those that were tested and are not desired here.
    fn objects(&self, comparison: &Comparison) -> Vec<ObjectView> {
        let compared = comparison.objects.iter().map(|object| self.object(object));
        let dropped = comparison
            .dropped
            .iter()
            .map(|(id, change)| self.dropped(id, change));
        compared.chain(dropped).collect()
    }

    fn object(&self, object: &ObjectComparison) -> ObjectView {
        let id = object.id();
        let (status, why) = status_text(&object.status);
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
        ChangeView {
            path: self.redactor.text(&change.path.to_string()),
            kind: change.kind,
            live: self.value(id, &change.path, change.live.as_ref()),
            desired: self.value(id, &change.path, change.desired.as_ref()),
            // A manager names itself: its name is free text.
            owner: change.owner.clone().map(|mut owner| {
                owner.manager = self.redactor.text(&owner.manager);
                owner
            }),
            expected: change.expected_by.and_then(|rule| self.reason(rule)),
            note: change.rule_note.as_deref().map(|note| self.redactor.text(note)),
        }
    }

    fn untested(&self, id: &ObjectId, change: &UntestedChange) -> UntestedView {
        UntestedView {
            path: self.redactor.text(&change.path.to_string()),
            tested: self.value(id, &change.path, change.tested.as_ref()),
            desired: self.value(id, &change.path, change.desired.as_ref()),
            allowed: change.allowed_by.and_then(|rule| self.reason(rule)),
            note: change.rule_note.as_deref().map(|note| self.redactor.text(note)),
        }
    }

    fn value(&self, id: &ObjectId, path: &FieldPath, value: Option<&Value>) -> Option<Value> {
        value.map(|value| self.redactor.value(id, path, value))
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

    fn requirement(&self, finding: &RequirementFinding) -> RequirementView {
        let (message, is_note) = requirement_text(finding);
        RequirementView {
            object: self.redactor.id(&finding.object),
            message: self.redactor.text(&message),
            needed_by: finding.needed_by.iter().map(|id| self.redactor.id(id)).collect(),
            is_note,
        }
    }

    fn rule(&self, rule: usize, state: &RuleState) -> RuleView {
        let message = rule_text(state);
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

/// The word for programs, and why where the word needs a reason.
fn status_text(status: &ObjectStatus) -> (&'static str, Option<String>) {
    let with = |word, why: &str| (word, Some(why.to_owned()));

    match status {
        ObjectStatus::Same => ("same", None),
        ObjectStatus::Changed => ("changed", None),
        ObjectStatus::Missing(absence) => ("missing", absence_text(absence)),
        ObjectStatus::BeingDeleted { finalizers } if finalizers.is_empty() => {
            with("being-deleted", "is being deleted")
        }
        ObjectStatus::BeingDeleted { finalizers } => (
            "being-deleted",
            Some(format!("is being deleted; held by {}", finalizers.join(", "))),
        ),
        ObjectStatus::Extra => with("extra", "no longer desired"),
        ObjectStatus::Stray => with(
            "extra",
            "carries the label of the release's set, and no promotion put it there",
        ),
        ObjectStatus::NotVerified { why } => with("not-verified", why),
        ObjectStatus::NotChecked { why } => with("not-checked", why),
        ObjectStatus::Replaced => with("replaced", "a promotion deletes it and creates it again"),
        ObjectStatus::Refused { why, .. } => with("refused", why),
    }
}

/// The outer cause of an absence: nothing can be in a namespace that is not there.
fn absence_text(absence: &Absence) -> Option<String> {
    let text = match absence {
        Absence::Object => return None,
        Absence::Namespace => "its namespace is not there",
        Absence::NamespaceGoing => "its namespace is being deleted, and takes no new objects",
        Absence::Kind => "its kind is not served: the CRD is missing",
    };
    Some(text.to_owned())
}

/// One phrase, and whether it is only said.
fn requirement_text(finding: &RequirementFinding) -> (String, bool) {
    match &finding.state {
        RequirementState::Missing => ("is missing".to_owned(), false),
        RequirementState::KeysMissing => (format!("has no key {}", finding.keys.join(", ")), false),
        RequirementState::BeingDeleted => ("is being deleted".to_owned(), false),
        RequirementState::WrongType { found } => (format!("is of another type: {found}"), false),
        // An object of the release produces it: that it is not there yet is no difference.
        RequirementState::Awaited { produced_by } => {
            (format!("is not there yet; {produced_by} produces it"), true)
        }
        // What cannot be read is not missing.
        RequirementState::Unreadable { why } => (format!("cannot be read: {why}"), true),
    }
}

fn rule_text(state: &RuleState) -> String {
    match state {
        RuleState::Unused => "matches no difference".to_owned(),
        RuleState::Expired => "has expired: it allows nothing".to_owned(),
        RuleState::ExpiresSoon { days: 0 } => "expires today".to_owned(),
        RuleState::ExpiresSoon { days } => format!("expires in {days} days"),
        RuleState::Broken { why } => format!("cannot be evaluated: {why}"),
    }
}
