//! Workloads that would not start again, and what of that is unknown.

use super::super::redact::Redactor;
use crate::model::ObjectId;
use crate::model::start::{StartCause, StartFinding, StartNote, StartTime, StartUnknown};
use schemars::JsonSchema;
use serde::Serialize;

/// A running workload whose pods would not start again.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartView {
    /// The workload.
    pub workload: ObjectId,
    /// When its next pods are made.
    pub when: StartTime,
    /// Everything that is in their way.
    pub causes: Vec<StartCauseView>,
}

/// One thing that is in the way of a workload's pods.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartCauseView {
    /// What it is.
    #[serde(flatten)]
    pub cause: StartCause,
    /// One sentence.
    pub message: String,
}

/// Something that could not be looked at, so that it is not known whether workloads would start again.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartUnknownView {
    /// What, in a phrase.
    pub what: String,
    /// The objects that could not be read, where it is objects by name.
    pub objects: Vec<ObjectId>,
    /// Why.
    pub cause: String,
    /// The workloads of which it is not known.
    pub workloads: Vec<ObjectId>,
}

/// Something that may be in the way of a workload's pods, and is not certain to be.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartNoteView {
    /// The workload.
    pub workload: ObjectId,
    /// The object that it is about, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectId>,
    /// One phrase.
    pub message: String,
}

impl StartView {
    pub(super) fn list(findings: &[StartFinding], redactor: &Redactor) -> Vec<Self> {
        let findings = findings.iter();
        findings
            .map(|finding| Self::from_finding(finding, redactor))
            .collect()
    }

    fn from_finding(finding: &StartFinding, redactor: &Redactor) -> Self {
        let causes = finding.causes.iter().map(|cause| StartCauseView {
            message: redactor.text(&cause.to_string()),
            cause: redacted(cause, redactor),
        });
        Self {
            workload: redactor.id(&finding.workload),
            when: finding.when,
            causes: causes.collect(),
        }
    }

    /// What follows the workload's name.
    pub(super) fn title(&self) -> &'static str {
        match self.when {
            StartTime::Now => "would not start again",
            StartTime::NextRun => "would not start at its next run",
            StartTime::Resumed => "would not start when it is resumed or scaled up",
        }
    }
}

impl StartUnknownView {
    pub(super) fn list(unknown: &[StartUnknown], redactor: &Redactor) -> Vec<Self> {
        let ids = |ids: &[ObjectId]| ids.iter().map(|id| redactor.id(id)).collect();
        let view = |unknown: &StartUnknown| Self {
            what: redactor.text(&unknown.what),
            objects: ids(&unknown.objects),
            cause: redactor.text(&unknown.why),
            workloads: ids(&unknown.workloads),
        };
        unknown.iter().map(view).collect()
    }
}

impl StartNoteView {
    pub(super) fn list(notes: &[StartNote], redactor: &Redactor) -> Vec<Self> {
        let view = |note: &StartNote| Self {
            workload: redactor.id(&note.workload),
            object: note.object.as_ref().map(|id| redactor.id(id)),
            message: redactor.text(&note.message),
        };
        notes.iter().map(view).collect()
    }
}

fn redacted(cause: &StartCause, redactor: &Redactor) -> StartCause {
    let text = |text: &String| redactor.text(text);
    match cause {
        StartCause::Missing { object } => StartCause::Missing {
            object: redactor.id(object),
        },
        StartCause::KeysMissing { object, keys } => StartCause::KeysMissing {
            object: redactor.id(object),
            keys: keys.iter().map(text).collect(),
        },
        StartCause::BeingDeleted { object } => StartCause::BeingDeleted {
            object: redactor.id(object),
        },
        StartCause::ClaimLost { object } => StartCause::ClaimLost {
            object: redactor.id(object),
        },
        StartCause::PodRejected { reason } => StartCause::PodRejected { reason: text(reason) },
        StartCause::Quota {
            quota,
            resource,
            requested,
            used,
            limited,
        } => StartCause::Quota {
            quota: redactor.id(quota),
            resource: text(resource),
            requested: text(requested),
            used: text(used),
            limited: text(limited),
        },
        StartCause::ImageAbsent { reference } => StartCause::ImageAbsent {
            reference: text(reference),
        },
        StartCause::NoNode { reason } => StartCause::NoNode { reason: text(reason) },
    }
}
