//! What one container runs in a workload's pods, counted.

use crate::model::Sha256Digest;
use crate::model::finding::{ImageState, RunningImage};
use crate::model::image::ImageReference;
use crate::model::k8s::pod::{ContainerFacts, PodFacts};
use crate::model::release::RecordedImage;
use crate::model::running::{ImageFacts, Runs};
use std::collections::BTreeMap;

/// A container of a pod that may be a workload's.
pub(super) struct SeenContainer<'r> {
    /// Its pod.
    pub pod: &'r PodFacts,
    /// The container.
    pub container: &'r ContainerFacts,
    /// Whether the pod is of an old revision.
    pub is_old: bool,
    /// Why it is not known whether the pod is the workload's; none where it is.
    pub doubt: Option<String>,
}

/// What one container runs in a workload's pods.
pub(super) struct ContainerTally {
    /// Each digest, with its pods.
    pub running: Vec<RunningImage>,
    /// Pods of the present revision whose digest says what they run.
    known: usize,
    /// Of these, pods that run the tested image.
    good: usize,
    /// Whether some pod of the present revision does not say what it runs.
    is_partly_known: bool,
    /// The image as a pod's spec has it.
    pub written: String,
    /// Why some pods may not be the workload's, or why it is unknown what they run.
    pub doubt: Option<String>,
}

impl ContainerTally {
    pub(super) fn new(
        containers: &[SeenContainer<'_>],
        recorded: Option<&RecordedImage>,
        facts: &ImageFacts<'_>,
    ) -> Self {
        let (mut known, mut good, mut unresolved) = (0, 0, 0);
        // By revision too: what a pod on its way out runs is told apart.
        let mut groups: BTreeMap<(bool, Option<Sha256Digest>), Vec<String>> = BTreeMap::new();
        let mut written = String::new();
        let mut doubt = None;

        for SeenContainer {
            pod,
            container,
            is_old,
            doubt: why,
        } in containers
        {
            let group = groups.entry((*is_old, container.digest())).or_default();
            group.push(pod.name.clone());
            // A pod that ends tells only where there is no other.
            if !is_old || written.is_empty() {
                written.clone_from(&container.image);
            }
            // Whatever it reports, nobody knows whether it is said of this workload.
            if why.is_some() {
                doubt = doubt.or_else(|| why.clone());
                continue;
            }

            let runs = recorded.map(|image| facts.runs(pod, container, image));
            let is_unresolved = recorded.is_some_and(|image| facts.is_unresolved(pod, container, image));
            // Only pods of the present revision count, and of them those whose digest says anything.
            let counts = !is_old && !is_unresolved && container.digest().is_some();
            unresolved += usize::from(!is_old && is_unresolved);
            if !is_old && is_unresolved {
                doubt = doubt.or_else(|| unresolved_cause(container, runs, facts));
            }
            known += usize::from(counts);
            good += usize::from(counts && runs == Some(Runs::Tested));
        }

        let is_silent = |group: &(bool, Option<Sha256Digest>)| !group.0 && group.1.is_none();
        Self {
            known,
            good,
            is_partly_known: unresolved > 0 || doubt.is_some() || groups.keys().any(is_silent),
            running: groups
                .into_iter()
                .map(|((old_revision, digest), pods)| RunningImage {
                    digest,
                    pods,
                    old_revision,
                })
                .collect(),
            written,
            doubt,
        }
    }

    pub(super) fn state(
        &self,
        is_named: bool,
        recorded: Option<&RecordedImage>,
        tested: &[RecordedImage],
    ) -> ImageState {
        // Whatever it runs: nobody has tested a container that the template lacks.
        if !is_named {
            return ImageState::UnexpectedContainer;
        }

        match (recorded, self.known) {
            // Before any judgment: without one digest that counts there is nothing to judge.
            (_, 0) => ImageState::Unknown,
            // Desired names an image that the release does not hold.
            (None, _) => ImageState::OtherImage,
            // The rest may turn out to be another image: a match is said of all pods or not at all.
            (_, all) if self.good == all && self.is_partly_known => ImageState::Unknown,
            (_, all) if self.good == all => ImageState::Match,
            _ if self.good > 0 => ImageState::Mixed,
            (Some(image), _) if is_tested_tag(&self.written, image, tested) => ImageState::TagMoved,
            _ => ImageState::OtherImage,
        }
    }
}

/// Why it is unknown what a container runs. One that was changed in place is replaced soon: that says more than a registry
/// that is away.
fn unresolved_cause(
    container: &ContainerFacts,
    runs: Option<Runs>,
    facts: &ImageFacts<'_>,
) -> Option<String> {
    let why = facts.unknown(container).filter(|_| runs == Some(Runs::Other));
    why.map(ToString::to_string)
}

/// Whether the reference is one that was tested for this image, by its tag: a digest in it says which image is meant.
fn is_tested_tag(written: &str, image: &RecordedImage, tested: &[RecordedImage]) -> bool {
    let parse = |text: &str| text.parse::<ImageReference>().ok();
    let Some(written) = parse(written).filter(|written| written.digest.is_none()) else {
        return false;
    };

    // One image may have been tested under several tags.
    let same = tested.iter().filter(|other| other.digest == image.digest);
    let mut references = same.filter_map(|other| parse(&other.reference));
    references.any(|tested| tested.name() == written.name() && tested.tag == written.tag)
}
