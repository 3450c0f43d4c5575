//! What is said of pods: their images, and configuration that is newer than they are.

use super::super::redact::Redactor;
use super::field_manager::age;
use crate::model::ObjectId;
use crate::model::finding::{ImageFinding, ImageState, PromotedRelease, RunningImage, StaleFinding};
use jiff::Timestamp;
use serde::Serialize;
use std::borrow::Cow;

/// A container that runs something that was not tested, or whose old revision still runs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageView {
    /// The workload.
    pub workload: ObjectId,
    /// The container.
    pub container: String,
    /// What was found.
    pub state: ImageState,
    /// Why it is unknown, where that is not for the pods to report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The reference.
    pub reference: String,
    /// The tested digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tested: Option<String>,
    /// The promoted release whose image runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promoted: Option<PromotedRelease>,
    /// What runs.
    pub running: Vec<RunningImage>,
    /// Why it is allowed all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
}

impl ImageView {
    /// None where there is nothing to say: every pod runs what was tested.
    pub(super) fn from_finding(image: &ImageFinding, redactor: &Redactor) -> Option<Self> {
        // What was tested runs, and pods of an old revision end: a rollout that is not over yet.
        let is_ending = image.running.iter().any(|running| running.old_revision);
        (image.state != ImageState::Match || is_ending).then(|| Self {
            workload: image.workload.clone(),
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
            running: image.running.clone(),
            allowed: image.allowed.clone(),
        })
    }

    /// Whether it is a difference that nothing allows.
    pub fn is_unexpected(&self) -> bool {
        // What is not known is no difference, and neither is what only has to end.
        self.allowed.is_none() && !matches!(self.state, ImageState::Unknown | ImageState::Match)
    }

    /// What was found, in words.
    pub(super) fn state_text(&self) -> Cow<'static, str> {
        if let Some(promoted) = &self.promoted {
            let PromotedRelease {
                name,
                version,
                revision,
            } = promoted;
            return format!("{name} {version} runs (revision {revision})").into();
        }
        if let Some(cause) = &self.cause {
            return format!("unknown: {cause}").into();
        }

        let text = match self.state {
            ImageState::Match => "pods of an old revision still run",
            ImageState::TagMoved => "tag moved",
            ImageState::OtherImage => "different image",
            ImageState::Mixed => "mixed across replicas",
            ImageState::UntestedSidecar => "a container that nobody tested",
            // The two unknowns need different things: some patience, or a registry.
            ImageState::Unknown if self.is_reported() => {
                "unknown: changed in place, and no registry tells what the reported digest is"
            }
            ImageState::Unknown => "unknown: not every pod reports a digest yet",
        };
        text.into()
    }

    fn is_reported(&self) -> bool {
        // Pods of an old revision end by themselves: only the others explain the state.
        self.running
            .iter()
            .all(|one| one.old_revision || one.digest.is_some())
    }

    /// What was tested.
    pub(super) fn tested_text(&self) -> String {
        self.tested.as_deref().map_or_else(
            // The container is not in the release.
            || "nothing".to_owned(),
            |digest| format!("{} at {digest}", self.reference),
        )
    }

    /// What runs, a digest and its pods a piece; of a tested image, what still ends.
    pub(super) fn runs(&self) -> impl Iterator<Item = (String, String)> {
        // Of what was tested nobody needs the list of all pods.
        let is_listed = |running: &&RunningImage| self.state != ImageState::Match || running.old_revision;

        self.running.iter().filter(is_listed).map(|running| {
            let digest = running
                .digest
                .as_ref()
                .map_or_else(|| "no digest yet".to_owned(), ToString::to_string);
            let old = if running.old_revision {
                " (pods of an old revision)"
            } else {
                ""
            };

            (digest, format!("{}{old}", running.pods.join(", ")))
        })
    }
}

/// Pods that run with old configuration.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StaleView {
    /// The workload.
    pub workload: ObjectId,
    /// The ConfigMap or Secret.
    pub source: ObjectId,
    /// When it changed.
    pub changed_at: Timestamp,
    /// The pods that started before.
    pub pods: Vec<String>,
}

impl StaleView {
    pub(super) fn from_finding(stale: &StaleFinding) -> Self {
        Self {
            workload: stale.workload.clone(),
            source: stale.source.clone(),
            changed_at: stale.changed_at,
            pods: stale.pods.clone(),
        }
    }

    /// What changed, how long ago, and whose pods know nothing of it.
    pub(super) fn text(&self, now: Timestamp) -> String {
        let (pods, age) = (self.pods.join(", "), age(self.changed_at, now));

        format!(
            "{}: {} changed {age}, after these pods started: {pods}",
            self.workload, self.source
        )
    }
}
