//! What the pods' containers really run, against what was tested.
//!
//! By container, over all pods of a workload: what nodes report decides, and the text of a pod's spec only as far as
//! `model/running.rs` lets it. What counts are the pods of the present revision; those of an old one are told beside. A
//! digest that no node has reported yet is unknown, and neither good nor bad.

use crate::model::environment::Injected;
use crate::model::finding::{ContainerRole, ImageFinding, ImageState, PromotedRelease, RunningImage};
use crate::model::glob;
use crate::model::image::ImageReference;
use crate::model::k8s::pod::{Controller, PodFacts};
use crate::model::k8s::pod_spec::images as images_of;
use crate::model::release::RecordedImage;
use crate::model::running::{ImageFacts, ImageTrees, Runs};
use crate::model::{Object, Sha256Digest};
use std::collections::{BTreeMap, BTreeSet};

/// A workload as desired, and as the cluster holds it.
pub struct RunningWorkload<'a> {
    /// As desired, pinned.
    pub desired: &'a Object,
    /// As it is.
    pub live: &'a Object,
}

/// What runs beside workloads: the pods of their namespaces, and the ReplicaSets between.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// Pods.
    pub pods: Vec<PodFacts>,
    /// ReplicaSets: uid → who controls it, and its revision annotation.
    pub between: BTreeMap<String, (Option<Controller>, String)>,
}

/// One finding for each container of each workload's pods.
pub fn running_images(
    workloads: &[RunningWorkload<'_>],
    running: &Running,
    (tested, trees): (&[RecordedImage], &ImageTrees),
    injected: &[Injected],
) -> Vec<ImageFinding> {
    // Nothing is known of the time before: a pin counts only in pods that were never changed.
    let before = BTreeMap::new();
    let facts = ImageFacts {
        tested,
        trees,
        before: &before,
    };

    workloads
        .iter()
        .flat_map(|workload| workload_images(workload, running, &facts, injected))
        .collect()
}

/// A workload's pods that have not ended, each with whether it is of an old revision.
pub(super) fn running_pods<'r>(live: &Object, running: &'r Running) -> Vec<(&'r PodFacts, bool)> {
    owned_pods(live, running)
        // What has ended runs nothing: an evicted pod may stay for days, with the image of then.
        .filter(|(pod, _)| pod.phase != "Succeeded" && pod.phase != "Failed")
        .collect()
}

/// A workload's pods, also those that have ended, each with whether it is of an old revision. Where no revision is known,
/// none is old.
pub(super) fn owned_pods<'r>(
    live: &Object,
    running: &'r Running,
) -> impl Iterator<Item = (&'r PodFacts, bool)> {
    let uid = live.uid();
    // A Deployment's pods belong to ReplicaSets, which carry the revision; a
    // StatefulSet's carry it themselves.
    let current = live
        .annotation("deployment.kubernetes.io/revision")
        .unwrap_or_default();
    // Only the status of a StatefulSet tells it: a DaemonSet's pods are never taken for old ones.
    let update = live.text("/status/updateRevision");

    running.pods.iter().filter_map(move |pod| {
        // A bare Pod is its own workload.
        if pod.uid == uid {
            return Some((pod, false));
        }

        let controller = pod.controller.as_ref()?;
        if controller.uid == uid {
            let is_old =
                !update.is_empty() && pod.revision.as_deref().is_some_and(|revision| revision != update);
            return Some((pod, is_old));
        }

        let (owner, revision) = running.between.get(&controller.uid)?;
        let is_ours = owner.as_ref().is_some_and(|owner| owner.uid == uid);
        is_ours.then_some((pod, !current.is_empty() && revision != current))
    })
}

fn workload_images(
    workload: &RunningWorkload<'_>,
    running: &Running,
    facts: &ImageFacts<'_>,
    injected: &[Injected],
) -> Vec<ImageFinding> {
    let pods = running_pods(workload.live, running);
    // Without pods there is nothing that runs, and nothing to say.
    if pods.is_empty() {
        return Vec::new();
    }

    let wanted: BTreeMap<(ContainerRole, String), String> = images_of(workload.desired, &[])
        .into_iter()
        // Volumes with an image have no role: pods report no digest of them.
        .filter_map(|image| Some(((image.role?, image.container), image.reference)))
        .collect();
    let seen = pods
        .iter()
        .flat_map(|(pod, _)| &pod.containers)
        .map(|container| (container.role, container.name.clone()));

    // Both sides: admission adds containers that nobody wrote, and some pods may lack one that is wanted.
    let all: BTreeSet<_> = wanted.keys().cloned().chain(seen).collect();
    let finding = |(role, container): (ContainerRole, String)| {
        let wanted = wanted.get(&(role, container.clone())).map(String::as_str);
        let recorded = wanted.and_then(|reference| recorded(reference, facts.tested));
        let tally = ContainerTally::new(&pods, (role, &container), recorded, facts);
        let state = tally.state(wanted.is_some(), recorded, facts.tested);

        ImageFinding {
            workload: workload.live.id(),
            container,
            role,
            tested: recorded.map(|image| image.digest.clone()),
            // The environment's list is of what admission adds: it excuses no container that the release names.
            allowed: allowed(&tally.written, injected).filter(|_| state == ImageState::UntestedSidecar),
            reference: recorded.map_or_else(|| tally.written.clone(), |image| image.reference.clone()),
            written: tally.written,
            promoted: None,
            state,
            running: tally.running,
        }
    };
    all.into_iter().map(finding).collect()
}

/// Why the environment expects an image that admission adds.
fn allowed(reference: &str, injected: &[Injected]) -> Option<String> {
    let name = name_of(reference);
    let rule = injected.iter().find(|rule| glob::matches(&rule.image, &name))?;
    Some(rule.reason.clone())
}

/// What one container runs in a workload's pods.
struct ContainerTally {
    running: Vec<RunningImage>,
    /// Pods of the present revision whose digest says what they run.
    known: usize,
    /// Of these, pods that run the tested image.
    good: usize,
    /// Whether some pod of the present revision does not say what it runs.
    is_partly_known: bool,
    /// The image as a pod's spec has it.
    written: String,
}

impl ContainerTally {
    fn new(
        pods: &[(&PodFacts, bool)],
        (role, name): (ContainerRole, &str),
        recorded: Option<&RecordedImage>,
        facts: &ImageFacts<'_>,
    ) -> Self {
        let (mut known, mut good, mut unresolved) = (0, 0, 0);
        // By revision too: what a pod on its way out runs is told apart.
        let mut groups: BTreeMap<(bool, Option<Sha256Digest>), Vec<String>> = BTreeMap::new();
        let mut written = String::new();

        for (pod, is_old) in pods {
            let mut containers = pod.containers.iter();
            let Some(found) = containers.find(|one| one.role == role && one.name == name) else {
                continue;
            };
            let runs = recorded.map(|image| facts.runs(pod, found, image));
            let is_unresolved = recorded.is_some_and(|image| facts.is_unresolved(pod, found, image));

            // Only pods of the present revision count, and of them those whose digest says anything.
            let counts = !is_old && !is_unresolved && found.digest().is_some();
            unresolved += usize::from(!is_old && is_unresolved);
            known += usize::from(counts);
            good += usize::from(counts && runs == Some(Runs::Tested));

            let group = groups.entry((*is_old, found.digest())).or_default();
            group.push(pod.name.clone());
            // A pod that ends tells only where there is no other.
            if !is_old || written.is_empty() {
                written.clone_from(&found.image);
            }
        }

        let is_silent = |group: &(bool, Option<Sha256Digest>)| !group.0 && group.1.is_none();
        Self {
            known,
            good,
            is_partly_known: unresolved > 0 || groups.keys().any(is_silent),
            running: groups
                .into_iter()
                .map(|((old_revision, digest), pods)| RunningImage {
                    digest,
                    pods,
                    old_revision,
                })
                .collect(),
            written,
        }
    }

    fn state(
        &self,
        is_wanted: bool,
        recorded: Option<&RecordedImage>,
        tested: &[RecordedImage],
    ) -> ImageState {
        // Whatever it runs: nobody has tested a container that the template lacks.
        if !is_wanted {
            return ImageState::UntestedSidecar;
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

/// Names the promoted release of each different image that its objects hold for the same container.
pub fn name_promoted_images(images: &mut [ImageFinding], promoted: &PromotedRelease, desired: &[Object]) {
    let names_it = |finding: &ImageFinding| {
        let workload = desired.iter().find(|object| object.id() == finding.workload);
        let mut containers = workload.into_iter().flat_map(|workload| images_of(workload, &[]));
        containers.any(|image| {
            image.role == Some(finding.role)
                && image.container == finding.container
                && image.reference == finding.written
        })
    };

    let different = images
        .iter_mut()
        .filter(|finding| finding.state == ImageState::OtherImage);
    for finding in different {
        if names_it(finding) {
            finding.promoted = Some(promoted.clone());
        }
    }
}

/// The recorded image that a pinned reference means.
fn recorded<'t>(reference: &str, tested: &'t [RecordedImage]) -> Option<&'t RecordedImage> {
    // Desired is pinned: without a digest it is an image that the release does not hold.
    let digest = reference.parse::<ImageReference>().ok()?.digest?;
    tested.iter().find(|image| image.is(&digest))
}

fn name_of(reference: &str) -> String {
    reference
        .parse::<ImageReference>()
        .map_or_else(|_| reference.to_owned(), |image| image.name())
}

#[cfg(test)]
mod tests;
