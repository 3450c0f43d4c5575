//! What runs of the objects that were compared: the images of their pods, and pods with configuration that changed since.
//!
//! Pods are read together with the objects (`reading.rs`) and looked at afterwards, as often as something new is known of
//! the images: nothing here asks anybody.

use crate::compare::{self, DesiredObject, Running, RunningWorkload};
use crate::model::finding::Comparison;
use crate::model::k8s::images::images;
use crate::model::k8s::ownership;
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::release::ImagePath;
use crate::model::running::ImageTrees;
use crate::model::{Object, ObjectId, Target};
use crate::observe::{PodNamespace, Pods};
use crate::usecase::inputs::Inputs;
use std::collections::HashMap;

/// Adds what runs to a comparison: images and stale pods.
pub fn examine(inputs: &Inputs, comparison: &mut Comparison, pods: Pods, trees: &ImageTrees) {
    let paths = &inputs.release.release.spec.image_paths;
    let workloads: Vec<(Object, Object)> = comparison
        .objects
        .iter()
        .filter_map(|object| Some((object.desired.clone()?, object.live.object()?.clone())))
        .filter(|(desired, _)| makes_lasting_pods(desired, paths))
        .collect();
    let running = Running {
        pods: pods.pods,
        owners: pods.owners,
    };

    let pairs: Vec<RunningWorkload<'_>> = workloads
        .iter()
        .map(|(desired, live)| RunningWorkload { desired, live })
        .collect();
    let spec = &inputs.environment.environment.spec;
    comparison.images = compare::running_images(
        &pairs,
        &running,
        (&inputs.release.release.spec.images, trees),
        &spec.injected,
        paths,
    );
    let reason = |rule: usize| spec.differences.get(rule).map(|rule| rule.reason.clone());
    compare::expect_declared(&mut comparison.images, &comparison.objects, &reason);

    let live: Vec<&Object> = workloads.iter().map(|(_, live)| live).collect();
    let by_id: HashMap<ObjectId, &Object> = comparison
        .objects
        .iter()
        .filter_map(|object| Some((object.id(), object.live.object()?)))
        .collect();
    let source = |id: &ObjectId| by_id.get(id).copied();
    comparison.stale = compare::stale(&live, &running, &source);
}

/// The namespaces of what makes pods that stay. `targets` are where the objects are reached.
pub(super) fn pod_namespaces(
    objects: &[DesiredObject],
    targets: &[Target],
    paths: &[ImagePath],
    home: &str,
) -> Vec<PodNamespace> {
    let release = ownership::release_namespaces(targets.iter(), home);
    let both = objects.iter().map(|one| &one.object).zip(targets);
    let workloads = both.filter(|(object, _)| makes_lasting_pods(object, paths));
    let namespaces = workloads.flat_map(|(object, target)| {
        let is_custom = pod_spec(object).is_none();
        let namespaces = ownership::pod_namespaces(target, &release);
        namespaces.into_iter().map(move |name| (name, is_custom))
    });
    PodNamespace::collect(namespaces)
}

fn makes_lasting_pods(object: &Object, paths: &[ImagePath]) -> bool {
    let gvk = object.gvk();
    let ends = gvk.group == "batch" && matches!(&*gvk.kind, "Job" | "CronJob");
    !ends && (pod_spec(object).is_some() || !images(object, paths).is_empty())
}
