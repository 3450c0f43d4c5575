//! Findings about pods: their images, and configuration that is newer than they are.

use super::super::redact::Redactor;
use super::rules::Reason;
use crate::model::ObjectId;
use crate::model::finding::{ImageFinding, ImageState, PromotedRelease, RunningImage, StaleFinding};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// A container whose image differs from the release or is unknown, or of which pods of an old revision still run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageView {
    /// The workload.
    pub workload: ObjectId,
    /// The container.
    pub container: String,
    /// What was found.
    pub state: ImageState,
    /// Why it is unknown, where the pods are not the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The reference, as tested or as the pods write it.
    pub reference: String,
    /// The tested digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tested: Option<String>,
    /// The promoted release whose image runs, where another release is compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promoted: Option<PromotedRelease>,
    /// What runs.
    pub running: Vec<RunningImage>,
    /// The entry of the environment that expects it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Reason>,
}

impl ImageView {
    /// None where there is nothing to say: every pod runs what was tested.
    pub(super) fn from_finding(image: &ImageFinding, redactor: &Redactor) -> Option<Self> {
        // What was tested runs, and pods of an old revision end: a rollout that is not over yet.
        let is_ending = image.running.iter().any(|running| running.old_revision);
        (image.state != ImageState::Match || is_ending).then(|| Self {
            workload: redactor.id(&image.workload),
            container: redactor.text(&image.container),
            state: image.state,
            cause: image.cause.as_deref().map(|cause| redactor.text(cause)),
            reference: redactor.text(&image.reference),
            tested: image.tested.as_ref().map(ToString::to_string),
            promoted: image.promoted.as_ref().map(|promoted| PromotedRelease {
                name: redactor.text(&promoted.name),
                version: redactor.text(&promoted.version),
                revision: promoted.revision,
            }),
            running: image.running.iter().map(|one| shown(one, redactor)).collect(),
            expected: image.allowed.as_deref().map(|reason| Reason {
                rule: None,
                reason: redactor.text(reason),
                owner: None,
            }),
        })
    }

    /// Whether it is a difference that nothing allows.
    pub fn is_unexpected(&self) -> bool {
        // What is not known is no difference, and neither is what only has to end.
        self.expected.is_none() && !matches!(self.state, ImageState::Unknown | ImageState::Match)
    }

    /// Whether every pod of the current revision reports a digest.
    pub(super) fn is_reported(&self) -> bool {
        // Pods of an old revision end by themselves: only the others explain the state.
        self.running
            .iter()
            .all(|one| one.old_revision || one.digest.is_some())
    }

    /// What runs, by digest; of a tested image, what still ends.
    pub(super) fn runs(&self) -> impl Iterator<Item = &RunningImage> {
        // Of what was tested nobody needs the list of all pods.
        let is_listed = |running: &&RunningImage| self.state != ImageState::Match || running.old_revision;

        self.running.iter().filter(is_listed)
    }
}

fn shown(running: &RunningImage, redactor: &Redactor) -> RunningImage {
    RunningImage {
        pods: running.pods.iter().map(|pod| redactor.text(pod)).collect(),
        ..running.clone()
    }
}

/// Pods with stale configuration.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaleView {
    /// The workload.
    pub workload: ObjectId,
    /// The ConfigMap or Secret.
    pub source: ObjectId,
    /// When it changed.
    pub changed_at: Timestamp,
    /// The pods that started before it changed.
    pub pods: Vec<String>,
}

impl StaleView {
    pub(super) fn from_finding(stale: &StaleFinding, redactor: &Redactor) -> Self {
        Self {
            workload: redactor.id(&stale.workload),
            source: redactor.id(&stale.source),
            changed_at: stale.changed_at,
            pods: stale.pods.iter().map(|pod| redactor.text(pod)).collect(),
        }
    }
}
