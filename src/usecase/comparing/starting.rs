//! Whether what runs would start again: what the templates of live workloads refer to is read, as far as the comparison has
//! not read it already, and held against them.
//!
//! Of a release in sync little is left to read: what runs refers to what is desired. Objects of one kind and namespace are
//! read by one list where they are many, and nodes and quotas by lists: the cost does not grow with the workloads. It does
//! where a pod of each is dry-run and its registry asked, and only then.

use crate::cluster::{ApiError, Cluster};
use crate::compare::{self, StartFacts, StartImage, StartingWorkload};
use crate::model::ObjectId;
use crate::model::digest::Sha256Digest;
use crate::model::finding::Comparison;
use crate::model::image::{Platform, Presence};
use crate::model::preflight::{DryRunResult, PodDryRun};
use crate::model::release::RecordedImage;
use crate::model::snapshot::{Observed, Snapshot};
use crate::model::start::{StartCause, StartDepth, Starts};
use crate::objects::pod_of;
use crate::observe;
use crate::registry::RegistryOptions;
use crate::usecase::images::look_up_images;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Accounts are read with what templates name, and the Secrets that they name after them.
const ROUNDS: usize = 2;

/// How starts are looked at.
pub struct StartLook<'a> {
    /// How much is looked at.
    pub depth: StartDepth,
    /// Images whose platforms are known.
    pub images: &'a [RecordedImage],
    /// How registries are reached.
    pub registries: &'a RegistryOptions,
}

/// Adds to a comparison whether the pods of its live workloads would start again. `needed` is what was read with it.
///
/// # Errors
///
/// Where the cluster cannot be reached. What else cannot be read is unknown.
pub async fn look_at_starts(
    cluster: &dyn Cluster,
    comparison: &mut Comparison,
    needed: &Snapshot,
    look: &StartLook<'_>,
) -> Result<(), ApiError> {
    let workloads = compare::starting_workloads(comparison);
    if look.depth == StartDepth::Off || workloads.is_empty() {
        return Ok(());
    }

    let namespaces: BTreeSet<String> = workloads
        .iter()
        .filter_map(|workload| workload.id.namespace.clone())
        .collect();
    let images = compare::start_images(&workloads, &comparison.images);
    let is_full = look.depth == StartDepth::Full;
    // None of them waits for another.
    let (read, nodes, quotas, pods, presence) = futures::join!(
        read_references(cluster, comparison, needed, &workloads),
        observe::nodes(cluster),
        observe::quotas(cluster, namespaces),
        try_pods(cluster, &workloads, is_full),
        look_up(&images, look.registries, is_full)
    );
    let read = read?;

    let mut facts = StartFacts {
        objects: known_objects(comparison, needed, &read),
        nodes: Some(nodes),
        makes_nodes: false,
        platforms: known_platforms(look.images),
        quotas,
        pods,
        images,
        presence,
    };
    let mut starts = compare::would_not_start(&workloads, &facts);
    // Asked only where it decides.
    if is_node_missing(&starts) && observe::makes_nodes(cluster).await {
        facts.makes_nodes = true;
        starts = compare::would_not_start(&workloads, &facts);
    }
    comparison.starts = starts;
    compare::merge_requirements(comparison);
    Ok(())
}

/// Reads what templates refer to, as far as it is not known.
///
/// # Errors
///
/// Where the cluster cannot be reached.
pub async fn read_references(
    cluster: &dyn Cluster,
    comparison: &Comparison,
    needed: &Snapshot,
    workloads: &[StartingWorkload<'_>],
) -> Result<Snapshot, ApiError> {
    let mut read = Snapshot::default();
    for _ in 0..ROUNDS {
        let open = compare::open_targets(workloads, &known_objects(comparison, needed, &read));
        if open.is_empty() {
            break;
        }
        read.objects
            .extend(observe::objects(cluster, &open).await?.objects);
    }
    Ok(read)
}

/// Has the server create a pod of each workload dry.
async fn try_pods(
    cluster: &dyn Cluster,
    workloads: &[StartingWorkload<'_>],
    is_full: bool,
) -> BTreeMap<ObjectId, DryRunResult> {
    let workloads = workloads.iter().filter(|_| is_full);
    let pods: Vec<PodDryRun> = workloads
        .filter_map(|workload| pod_of(workload.object, &workload.id))
        .collect();
    let answers = observe::try_pods(cluster, &pods).await;
    pods.into_iter().map(|pod| pod.workload).zip(answers).collect()
}

/// Asks registries for each image once.
async fn look_up(
    images: &[StartImage],
    registries: &RegistryOptions,
    is_full: bool,
) -> BTreeMap<String, Presence> {
    let images = images.iter().filter(|_| is_full);
    let references = images.flat_map(|image| [&image.reference].into_iter().chain(&image.running));
    let references: BTreeSet<String> = references.cloned().collect();
    let answers = look_up_images(references.into_iter().collect(), registries).await;
    answers.into_iter().collect()
}

/// The platforms that a reference by digest stands for.
pub fn known_platforms(images: &[RecordedImage]) -> HashMap<Sha256Digest, Vec<Platform>> {
    let mut known = HashMap::new();
    for image in images.iter().filter(|image| !image.platforms.is_empty()) {
        let all = image.platforms.iter().map(|one| one.platform.clone()).collect();
        known.insert(image.digest.clone(), all);
        for one in image.platforms.iter().filter(|one| one.manifest != image.digest) {
            known.insert(one.manifest.clone(), vec![one.platform.clone()]);
        }
    }
    known
}

/// Whether a node is missing for certain, unless something makes one.
pub fn is_node_missing(starts: &Starts) -> bool {
    let mut causes = starts.findings.iter().flat_map(|finding| &finding.causes);
    causes.any(|cause| matches!(cause, StartCause::NoNode { .. }))
}

/// What is known of objects that templates may refer to.
pub fn known_objects<'o>(
    comparison: &'o Comparison,
    needed: &'o Snapshot,
    read: &'o Snapshot,
) -> HashMap<ObjectId, &'o Observed> {
    let compared = comparison.objects.iter();
    let compared = compared.filter(|one| compare::is_start_reference(&one.target.resource));
    let compared = compared.map(|one| (one.id(), &one.live));
    let others = [needed, read].into_iter().flat_map(|snapshot| &snapshot.objects);
    others
        .map(|(id, observed)| (id.clone(), observed))
        .chain(compared)
        .collect()
}
