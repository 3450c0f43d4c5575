//! By which references nodes would pull the images of what runs.

use super::StartingWorkload;
use crate::model::ObjectId;
use crate::model::finding::ImageFinding;
use crate::model::image::ImageReference;
use crate::model::k8s::images::images;
use serde_json::Value;
use std::collections::BTreeSet;

/// An image of a workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StartImage {
    /// The workload.
    pub workload: ObjectId,
    /// The reference in its template: what a node pulls.
    pub reference: String,
    /// What runs of a reference that names no digest, by the digests that nodes report.
    pub running: Vec<String>,
}

/// The images of workloads that nodes may pull. `running` is what was found of their pods.
pub fn start_images(workloads: &[StartingWorkload<'_>], running: &[ImageFinding]) -> Vec<StartImage> {
    let mut found = BTreeSet::new();
    for workload in workloads {
        let running: Vec<&ImageFinding> = running.iter().filter(|one| one.workload == workload.id).collect();
        for image in images(workload.object, &[]) {
            if is_never_pulled(workload.spec, &image.container) {
                continue;
            }
            let of_container = running.iter().filter(|one| one.container == image.container);
            let digests: BTreeSet<String> = of_container
                .flat_map(|one| by_digest(&image.reference, one))
                .collect();
            found.insert(StartImage {
                workload: workload.id.clone(),
                reference: image.reference,
                running: digests.into_iter().collect(),
            });
        }
    }
    found.into_iter().collect()
}

/// What runs of a reference that names no digest. Pods of an old revision are not made again.
fn by_digest(reference: &str, running: &ImageFinding) -> Vec<String> {
    let image = reference.parse::<ImageReference>();
    let Some(image) = image.ok().filter(|image| image.digest.is_none()) else {
        return Vec::new();
    };
    let current = running.running.iter().filter(|one| !one.old_revision);
    let digests = current.filter_map(|one| one.digest.as_ref());
    digests.map(|digest| image.at_digest(digest)).collect()
}

/// Whether a node has to have a container's image already.
fn is_never_pulled(spec: &Value, container: &str) -> bool {
    let lists = ["initContainers", "containers"].iter();
    let mut containers = lists.flat_map(|list| spec[*list].as_array().into_iter().flatten());
    containers.any(|one| one["name"] == container && one["imagePullPolicy"] == "Never")
}
