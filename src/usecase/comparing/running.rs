//! What runs of the objects that were compared: the images of their pods, and pods with configuration that changed since.
//!
//! Pods are read together with the objects (`reading.rs`) and looked at afterwards, as often as something new is known of
//! the images: nothing here asks anybody.

use crate::compare::{self, DesiredObject, Running, RunningWorkload};
use crate::model::finding::Comparison;
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::running::ImageTrees;
use crate::model::{Object, ObjectId};
use crate::observe::Pods;
use crate::usecase::inputs::Inputs;
use std::collections::{BTreeSet, HashMap};

/// Adds what runs to a comparison: images and stale pods.
pub fn examine(inputs: &Inputs, comparison: &mut Comparison, pods: Pods, trees: &ImageTrees) {
    let workloads: Vec<(Object, Object)> = comparison
        .objects
        .iter()
        .filter_map(|object| Some((object.desired.clone()?, object.live.object()?.clone())))
        .filter(|(_, live)| makes_lasting_pods(live))
        .collect();
    let running = Running {
        pods: pods.pods,
        between: pods.between,
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

/// The namespaces of what makes pods that stay.
pub(super) fn pod_namespaces(objects: &[DesiredObject]) -> Vec<String> {
    let namespaces: BTreeSet<&str> = objects
        .iter()
        .map(|one| &one.object)
        .filter(|object| makes_lasting_pods(object))
        .filter_map(Object::namespace)
        .collect();
    namespaces.into_iter().map(String::from).collect()
}

fn makes_lasting_pods(object: &Object) -> bool {
    !matches!(object.kind(), "Job" | "CronJob") && pod_spec(object).is_some()
}
