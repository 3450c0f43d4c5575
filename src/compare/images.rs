//! What the pods' containers really run, against what was tested.
//!
//! By container, over all pods of a workload: what nodes report decides, and the text of a pod's spec only as far as
//! `model/running.rs` lets it. What counts are the pods of the present revision; those of an old one are told beside. A
//! digest that no node has reported yet is unknown, and neither good nor bad.

use crate::model::environment::Injected;
use crate::model::finding::{ContainerRole, ImageFinding, ImageState, PromotedRelease, RunningImage};
use crate::model::glob;
use crate::model::image::{ImageReference, image_name};
use crate::model::k8s::images::images as images_of;
use crate::model::k8s::ownership::{Owners, Ownership, is_old_revision};
use crate::model::k8s::pod::PodFacts;
use crate::model::k8s::pod_spec::pod_spec_path;
use crate::model::release::{ImagePath, RecordedImage};
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

/// What runs beside workloads: the pods of their namespaces, and what owns them.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// Pods.
    pub pods: Vec<PodFacts>,
    /// What owns them.
    pub owners: Owners,
}

/// One finding for each container of each workload's pods.
pub fn running_images(
    workloads: &[RunningWorkload<'_>],
    running: &Running,
    (tested, trees): (&[RecordedImage], &ImageTrees),
    injected: &[Injected],
    paths: &[ImagePath],
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
        .flat_map(|workload| workload_images(workload, running, &facts, injected, paths))
        .collect()
}

/// A workload's pods that have not ended, each with whether it is of an old revision.
pub(super) fn running_pods<'r>(live: &Object, running: &'r Running) -> Vec<(&'r PodFacts, bool)> {
    owned_pods(live, running)
        // What has ended runs nothing: an evicted pod may stay for days, with the image of then.
        .filter(|(pod, _)| !pod.has_ended())
        .collect()
}

/// A workload's pods, also those that have ended, each with whether it is of an old revision. Where no revision is known,
/// none is old.
pub(super) fn owned_pods<'r>(
    live: &Object,
    running: &'r Running,
) -> impl Iterator<Item = (&'r PodFacts, bool)> {
    let owned = move |pod: &'r PodFacts| match running.owners.ownership(pod, live.uid()) {
        Ownership::Owned(between) => Some((pod, is_old_revision(live, pod, between))),
        Ownership::Other | Ownership::Unknown(_) => None,
    };
    running.pods.iter().filter_map(owned)
}

/// Pods that may be of a workload of a custom kind: an owner above them is not known.
fn doubtful_pods<'r>(live: &Object, running: &'r Running) -> Vec<&'r PodFacts> {
    // Between a pod and a built-in kind is nothing but a ReplicaSet, and those are listed.
    if !is_custom(live) {
        return Vec::new();
    }

    let is_doubtful = |pod: &&PodFacts| {
        let ownership = running.owners.ownership(pod, live.uid());
        matches!(ownership, Ownership::Unknown(_)) && !pod.has_ended()
    };
    running.pods.iter().filter(is_doubtful).collect()
}

fn workload_images(
    workload: &RunningWorkload<'_>,
    running: &Running,
    facts: &ImageFacts<'_>,
    injected: &[Injected],
    paths: &[ImagePath],
) -> Vec<ImageFinding> {
    let pods = WorkloadPods {
        owned: running_pods(workload.live, running),
        doubtful: doubtful_pods(workload.live, running),
    };
    // Without pods there is nothing that runs, and nothing to say.
    if pods.owned.is_empty() && pods.doubtful.is_empty() {
        return Vec::new();
    }

    let is_custom = is_custom(workload.live);
    let wanted = wanted_references(workload, &pods, paths);
    let seen = pods.owned.iter().flat_map(|(pod, _)| &pod.containers);
    let seen = seen.map(|container| (container.role, container.name.clone()));

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
            allowed: allowed(&tally.written, injected, is_custom)
                .filter(|_| state == ImageState::UntestedSidecar),
            reference: recorded.map_or_else(|| tally.written.clone(), |image| image.reference.clone()),
            written: tally.written,
            promoted: None,
            state,
            running: tally.running,
        }
    };
    all.into_iter().map(finding).collect()
}

/// The reference that each container should run, by the object.
fn wanted_references(
    workload: &RunningWorkload<'_>,
    pods: &WorkloadPods<'_>,
    paths: &[ImagePath],
) -> BTreeMap<(ContainerRole, String), String> {
    let uses = images_of(workload.desired, paths);
    let mut wanted: BTreeMap<(ContainerRole, String), String> = uses
        .iter()
        // Volumes with an image have no role: pods report no digest of them.
        .filter_map(|image| Some(((image.role?, image.container.clone()), image.reference.clone())))
        .collect();

    if is_custom(workload.live) {
        // An operator names the containers of its pods itself: their repository tells which they are.
        for container in pods.owned.iter().flat_map(|(pod, _)| &pod.containers) {
            let name = image_name(&container.image);
            if let Some(image) = uses.iter().find(|image| image_name(&image.reference) == name) {
                let place = (container.role, container.name.clone());
                wanted.entry(place).or_insert_with(|| image.reference.clone());
            }
        }
    }
    wanted
}

/// Why a container that the object does not name is expected: by the environment, or because an operator adds what it
/// needs to its pods.
fn allowed(reference: &str, injected: &[Injected], is_custom: bool) -> Option<String> {
    let name = image_name(reference);
    match injected.iter().find(|rule| glob::matches(&rule.image, &name)) {
        Some(rule) => Some(rule.reason.clone()),
        None => is_custom.then(|| "not in the release".into()),
    }
}

/// Whether its pods are made by a controller that adds containers of its own.
fn is_custom(object: &Object) -> bool {
    pod_spec_path(&object.gvk()).is_none()
}

/// The pods of one workload.
struct WorkloadPods<'r> {
    /// Each with whether it is of an old revision.
    owned: Vec<(&'r PodFacts, bool)>,
    /// Those that may be its own as well.
    doubtful: Vec<&'r PodFacts>,
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
        pods: &WorkloadPods<'_>,
        (role, name): (ContainerRole, &str),
        recorded: Option<&RecordedImage>,
        facts: &ImageFacts<'_>,
    ) -> Self {
        let (mut known, mut good, mut unresolved) = (0, 0, 0);
        // By revision too: what a pod on its way out runs is told apart.
        let mut groups: BTreeMap<(bool, Option<Sha256Digest>), Vec<String>> = BTreeMap::new();
        let mut written = String::new();

        for (pod, is_old) in &pods.owned {
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

        // Whatever these report, nobody knows whether it is said of this workload.
        let has_it = |pod: &&PodFacts| {
            pod.containers
                .iter()
                .any(|one| one.role == role && one.name == name)
        };
        for pod in pods.doubtful.iter().copied().filter(has_it) {
            groups.entry((false, None)).or_default().push(pod.name.clone());
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

#[cfg(test)]
mod tests;
