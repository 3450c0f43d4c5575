//! A comparison → its view. Raw values end here: whatever a format shows went through the redactor first.
//!
//! The raw identity of an object tells the redactor what is secret; the cleaned one is only shown. Objects without
//! anything to say are counted and named, and leave the list that formats lay out.

use super::super::redact::Redactor;
use super::aside::asides;
use super::pods::{ImageView, StaleView};
use super::rules::{Reason, RuleView, state_text};
use super::starts::{StartNoteView, StartUnknownView, StartView};
use super::summary::{headline, summarise};
use super::view::{ChangeView, Meta, ObjectView, RequirementView, UntestedView, View};
use crate::model::environment::Environment;
use crate::model::finding::{
    Certainty, Comparison, Creation, FieldChange, ObjectComparison, ObjectStatus, RequirementFinding,
    RequirementState, RuleState, UntestedChange,
};
use crate::model::helm::{HelmChart, HelmRevision};
use crate::model::path::FieldPath;
use crate::model::release::PublicRelease;
use crate::model::snapshot::Absence;
use crate::model::{ClusterIdentity, ObjectId};
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
    let stale: Vec<StaleView> = comparison
        .stale
        .iter()
        .map(|finding| StaleView::from_finding(finding, redactor))
        .collect();
    let starts = &comparison.starts;
    let would_not_start = StartView::list(&starts.findings, redactor);
    let rules = comparison
        .rules
        .iter()
        .map(|finding| builder.rule(finding.rule, &finding.state))
        .collect();

    // Before the silent ones go: the counts are of everything that was compared.
    let all = builder.objects(comparison);
    let summary = summarise(&all, &images, &requirements, &would_not_start, stale.len());
    let (same, objects): (Vec<ObjectView>, _) = all.into_iter().partition(ObjectView::is_silent);

    View {
        schema_version: 1,
        release: meta.release.as_ref().map(|release| builder.release(release)),
        helm: meta.helm.as_ref().map(|revision| builder.helm(revision)),
        given: meta.given.as_deref().map(|given| redactor.text(given)),
        namespace: redactor.text(&meta.namespace),
        cluster: meta.cluster.as_ref().map(|cluster| builder.cluster(cluster)),
        compared_at: meta.now,
        headline: headline(&summary),
        summary,
        objects,
        same: same.into_iter().map(|object| object.id).collect(),
        images,
        stale,
        would_not_start,
        start_unknown: StartUnknownView::list(&starts.unknown, redactor),
        start_notes: StartNoteView::list(&starts.notes, redactor),
        requirements,
        rules,
        // Of all objects: an aside alone makes none of them differ.
        not_compared: asides(&comparison.objects, redactor),
        notes: meta.notes.iter().map(|note| redactor.text(note)).collect(),
    }
}

impl ChangeView {
    /// Of a change of an object that no rule of an environment speaks of.
    pub fn new(id: &ObjectId, change: &FieldChange, redactor: &Redactor) -> Self {
        let environment = &Environment::default();
        ViewBuilder {
            environment,
            redactor,
        }
        .change(id, change)
    }
}

struct ViewBuilder<'b> {
    environment: &'b Environment,
    redactor: &'b Redactor,
}

impl ViewBuilder<'_> {
    fn release(&self, release: &PublicRelease) -> PublicRelease {
        PublicRelease {
            name: self.redactor.text(&release.name),
            version: self.redactor.text(&release.version),
            digest: release.digest.clone(),
        }
    }

    fn helm(&self, revision: &HelmRevision) -> HelmRevision {
        // All but the number is what Helm stores, and others may have changed.
        HelmRevision {
            name: self.redactor.text(&revision.name),
            revision: revision.revision,
            status: self.redactor.text(&revision.status),
            chart: HelmChart {
                name: self.redactor.text(&revision.chart.name),
                version: self.redactor.text(&revision.chart.version),
            },
        }
    }

    fn cluster(&self, cluster: &ClusterIdentity) -> ClusterIdentity {
        let context = cluster.context.as_deref();
        ClusterIdentity {
            context: context.map(|context| self.redactor.text(context)),
            in_cluster: cluster.in_cluster,
            server: self.redactor.text(&cluster.server),
            namespace: self.redactor.text(&cluster.namespace),
        }
    }

    /// The compared objects, then those that were tested and are not desired here.
    fn objects(&self, comparison: &Comparison) -> Vec<ObjectView> {
        let creation = |object: &ObjectComparison| comparison.creations.get(&object.id());
        let objects = comparison.objects.iter();
        let compared = objects.map(|object| self.object(object, creation(object)));
        let dropped = comparison
            .dropped
            .iter()
            .map(|(id, change)| self.dropped(id, change));
        compared.chain(dropped).collect()
    }

    fn object(&self, object: &ObjectComparison, creation: Option<&Creation>) -> ObjectView {
        let id = object.id();
        let (status, message) = status_text(&object.status);
        let message = creation.map(creation_text).or(message);
        let shown = self.redactor.id(&id);

        ObjectView {
            kubectl_name: shown.kubectl_name(),
            status,
            certainty: object.certainty,
            message: message.map(|text| self.redactor.text(&text)),
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
            // From files alone: there was no server to ask.
            certainty: Certainty::Computed,
            message: Some("only in the release".into()),
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
            // A field manager names itself: its name is free text.
            owner: change.owner.clone().map(|mut owner| {
                owner.manager = self.redactor.text(&owner.manager);
                owner.subresource = self.redactor.text(&owner.subresource);
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
            expected: change.allowed_by.and_then(|rule| self.reason(rule)),
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
            rule: Some(rule),
            reason: self.redactor.text(&found.reason),
            owner: found.owner.as_deref().map(|owner| self.redactor.text(owner)),
        })
    }

    fn requirement(&self, finding: &RequirementFinding) -> RequirementView {
        let (message, is_note) = requirement_text(finding);
        RequirementView {
            object: self.redactor.id(&finding.object),
            message: self.redactor.text(&message),
            used_by: finding.needed_by.iter().map(|id| self.redactor.id(id)).collect(),
            is_note,
        }
    }

    fn rule(&self, rule: usize, state: &RuleState) -> RuleView {
        let message = state_text(state);
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

/// The word for programs, and what explains it.
fn status_text(status: &ObjectStatus) -> (&'static str, Option<String>) {
    let with = |word, message: &str| (word, Some(message.to_owned()));

    match status {
        ObjectStatus::Same => ("same", None),
        ObjectStatus::Changed => ("changed", None),
        ObjectStatus::Missing(absence) => with("missing", absence_text(absence)),
        ObjectStatus::BeingDeleted { finalizers } if finalizers.is_empty() => ("being-deleted", None),
        ObjectStatus::BeingDeleted { finalizers } => {
            let message = format!("waiting for finalizers {}", finalizers.join(", "));
            ("being-deleted", Some(message))
        }
        ObjectStatus::Extra => with("extra", "in the inventory, not in the release"),
        ObjectStatus::Stray => with(
            "extra",
            "orphaned: has the label of the release, not in its inventory",
        ),
        ObjectStatus::NotVerified { why } => with("not-verified", why),
        ObjectStatus::NotChecked { why } => with("not-checked", why),
        ObjectStatus::Replaced => with("replaced", "would be deleted and recreated"),
        ObjectStatus::Refused { why, .. } => with("refused", why),
    }
}

/// What the server says of creating what is missing.
fn creation_text(creation: &Creation) -> String {
    match creation {
        Creation::Rejected { why } => format!("rejected by the API server: {why}"),
        Creation::Denied { why } => format!("denied by admission: {why}"),
        Creation::AwaitsNamespace => "not dry-run: its namespace is created by this release".into(),
        Creation::AwaitsKind => "not dry-run: its CustomResourceDefinition is created by this release".into(),
        Creation::NotTried(why) => format!("not dry-run: {why}"),
    }
}

/// What a promotion does about an absence, or its outer cause: nothing can be in a namespace that does not exist.
fn absence_text(absence: &Absence) -> &'static str {
    match absence {
        Absence::Object => "would be created",
        Absence::Namespace => "its namespace does not exist",
        Absence::NamespaceGoing => "its namespace is being deleted and accepts no new objects",
        Absence::Kind => "its kind is not served: the CRD is missing",
    }
}

/// One phrase, and whether it is no difference.
fn requirement_text(finding: &RequirementFinding) -> (String, bool) {
    match &finding.state {
        RequirementState::Missing => ("does not exist".to_owned(), false),
        RequirementState::KeysMissing => {
            let keys: Vec<String> = finding.keys.iter().map(|key| format!("\"{key}\"")).collect();
            let noun = if keys.len() == 1 { "key" } else { "keys" };
            (format!("missing {noun} {}", keys.join(", ")), false)
        }
        RequirementState::BeingDeleted => ("is being deleted".to_owned(), false),
        RequirementState::WrongType { found } => (format!("has the wrong type: {found}"), false),
        // An object of the release produces it: that it does not exist yet is no difference.
        RequirementState::Awaited { produced_by } => {
            (format!("does not exist yet: produced by {produced_by}"), true)
        }
        // What cannot be read is not missing.
        RequirementState::Unreadable { why } => (format!("unknown: cannot be read: {why}"), true),
    }
}
