//! What the pods' containers really run, against what was tested.
//!
//! By container, over all pods of a workload: what nodes report decides, and the text of a pod's spec only as far as
//! `model/running.rs` lets it. What counts are the pods of the present revision; those of an old one are told beside. A
//! digest that no node has reported yet is unknown, and neither good nor bad.

mod tally;

use self::tally::{ContainerTally, SeenContainer};
use crate::model::Object;
use crate::model::environment::Injected;
use crate::model::finding::{ContainerRole, ImageFinding, ImageState, PromotedRelease};
use crate::model::glob;
use crate::model::image::{ImageReference, image_name};
use crate::model::k8s::images::{ImageUse, images as images_of, named_images, repository_images};
use crate::model::k8s::ownership::{Owners, Ownership, is_old_revision};
use crate::model::k8s::pod::{ContainerFacts, PodFacts};
use crate::model::k8s::pod_spec::pod_spec_path;
use crate::model::release::{ImagePath, RecordedImage};
use crate::model::running::{ImageFacts, ImageTrees};
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

/// A workload's pods that run, each with whether it is of an old revision: those run until they are gone.
pub(super) fn running_pods<'r>(live: &Object, running: &'r Running) -> Vec<(&'r PodFacts, bool)> {
    owned_pods(live, running)
        // What has ended runs nothing: an evicted pod may stay for days, with the image of then.
        .filter(|(pod, is_old)| pod.is_running() || *is_old && !pod.has_ended())
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
        Ownership::Other | Ownership::Unknown { .. } => None,
    };
    running.pods.iter().filter_map(owned)
}

/// Pods that may be of a workload of a custom kind, each with why an owner above it is not known.
fn doubtful_pods<'r>(live: &Object, running: &'r Running) -> Vec<(&'r PodFacts, String)> {
    // Between a pod and a built-in kind is nothing but a ReplicaSet, and those are listed.
    if !is_custom(live) {
        return Vec::new();
    }

    let doubt = |pod: &'r PodFacts| match running.owners.ownership(pod, live.uid()) {
        Ownership::Unknown { cause, .. } if pod.is_running() => Some((pod, cause)),
        _ => None,
    };
    running.pods.iter().filter_map(doubt).collect()
}

fn workload_images(
    workload: &RunningWorkload<'_>,
    running: &Running,
    facts: &ImageFacts<'_>,
    injected: &[Injected],
    paths: &[ImagePath],
) -> Vec<ImageFinding> {
    let wanted = WantedImages::new(workload, facts.tested, paths);
    let rows = container_rows(workload.live, running, &wanted);
    // Without pods there is nothing that runs, and nothing to say.
    if rows.values().all(Vec::is_empty) {
        return Vec::new();
    }

    let finding = |(row, seen): (Row, Vec<SeenContainer<'_>>)| {
        let reference = row.reference.as_deref();
        let recorded = reference.and_then(|reference| recorded(reference, facts.tested));
        let tally = ContainerTally::new(&seen, recorded, facts);
        let state = tally.state(row.is_named, recorded, facts.tested);

        ImageFinding {
            workload: workload.live.id(),
            container: row.container,
            role: row.role,
            tested: recorded.map(|image| image.digest.clone()),
            // The environment's list is of what admission adds: it excuses no container that the release names.
            allowed: allowed(&tally.written, injected, wanted.is_custom)
                .filter(|_| state == ImageState::UnexpectedContainer),
            reference: recorded.map_or_else(|| tally.written.clone(), |image| image.reference.clone()),
            written: tally.written,
            promoted: None,
            cause: tally.doubt.filter(|_| state == ImageState::Unknown),
            state,
            running: tally.running,
        }
    };
    rows.into_iter().map(finding).collect()
}

/// A container of a workload's pods, with what it should run. Templates of one object may share a name and not the image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    role: ContainerRole,
    container: String,
    /// The reference that the object names for it; none as well where several could be meant.
    reference: Option<String>,
    /// Whether the object names it.
    is_named: bool,
}

/// Every container that the object names or that its pods have.
fn container_rows<'r>(
    live: &Object,
    running: &'r Running,
    wanted: &WantedImages<'_>,
) -> BTreeMap<Row, Vec<SeenContainer<'r>>> {
    // Both sides: admission adds containers that nobody wrote, and some pods may lack one that is wanted.
    let mut rows: BTreeMap<Row, Vec<SeenContainer<'r>>> =
        wanted.rows().map(|row| (row, Vec::new())).collect();

    for (pod, is_old) in running_pods(live, running) {
        for container in &pod.containers {
            let seen = SeenContainer {
                pod,
                container,
                is_old,
                doubt: None,
            };
            rows.entry(wanted.row(container)).or_default().push(seen);
        }
    }

    for (pod, doubt) in doubtful_pods(live, running) {
        for container in &pod.containers {
            let row = wanted.row(container);
            // Of a pod that may be anybody's only what the object names is of interest.
            if row.is_named {
                let seen = SeenContainer {
                    pod,
                    container,
                    is_old: false,
                    doubt: Some(doubt.clone()),
                };
                rows.entry(row).or_default().push(seen);
            }
        }
    }
    rows
}

/// What the containers of a workload's pods should run, by the object.
struct WantedImages<'t> {
    uses: Vec<ImageUse>,
    tested: &'t [RecordedImage],
    is_custom: bool,
}

impl<'t> WantedImages<'t> {
    fn new(workload: &RunningWorkload<'_>, tested: &'t [RecordedImage], paths: &[ImagePath]) -> Self {
        Self {
            uses: images_of(workload.desired, paths),
            tested,
            is_custom: is_custom(workload.live),
        }
    }

    /// Of the containers that it names.
    fn rows(&self) -> impl Iterator<Item = Row> {
        // Volumes with an image have no role.
        self.uses.iter().filter_map(|image| {
            Some(Row {
                role: image.role?,
                container: image.container.clone(),
                reference: Some(image.reference.clone()),
                is_named: true,
            })
        })
    }

    /// Of a container that a pod has.
    fn row(&self, container: &ContainerFacts) -> Row {
        let mut meant = named_images(&self.uses, container);
        if meant.is_empty() && self.is_custom {
            // An operator names the containers of its pods itself: their repository tells which they are.
            meant = repository_images(&self.uses, container);
        }

        let mut references: BTreeSet<&str> = meant.iter().map(|image| image.reference.as_str()).collect();
        let running = container.digest();
        let runs = |reference: &str| {
            let image = recorded(reference, self.tested);
            image.is_some_and(|image| running.as_ref().is_some_and(|digest| image.is(digest)))
        };
        // Where the text leaves it open, what runs tells.
        if references.len() > 1 && references.iter().any(|one| runs(one)) {
            references.retain(|one| runs(one));
        }

        let only = (references.len() == 1).then(|| references.first().map(|one| (*one).to_owned()));
        Row {
            role: container.role,
            container: container.name.clone(),
            reference: only.flatten(),
            is_named: !references.is_empty(),
        }
    }
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
mod custom_tests;
#[cfg(test)]
mod tests;
