//! Workloads whose `replicas` belong to a HorizontalPodAutoscaler (KEDA makes one, too).
//!
//! A release that names replicas beside an autoscaler would set them back with every promotion. So they are left out of
//! what is compared and of what is sent, for autoscalers of the release and for those that somebody else put there.

use crate::model::finding::{Comparison, ObjectStatus};
use crate::model::{FieldPath, Object, ObjectId};
use std::collections::BTreeSet;

/// The targets of every autoscaler that is desired or that the cluster holds.
pub(super) fn workloads(comparison: &Comparison, live: &[Object]) -> BTreeSet<ObjectId> {
    let is_autoscaler = |object: &&Object| {
        let gvk = object.gvk();
        gvk.group == "autoscaling" && gvk.kind == "HorizontalPodAutoscaler"
    };

    // A desired one counts before it is there: the apply must not own what it will decide.
    let of_comparison = comparison
        .objects
        .iter()
        .filter(|object| object.desired.is_some());
    let desired = of_comparison.flat_map(|object| {
        // Its manifest may name no namespace; its target knows the one that it lies in.
        let namespace = object.target.namespace.clone();
        object
            .desired
            .iter()
            .filter(is_autoscaler)
            .map(move |hpa| (namespace.clone(), hpa))
    });

    let live = live
        .iter()
        .filter(is_autoscaler)
        .map(|hpa| (hpa.namespace().map(str::to_owned), hpa));

    desired
        .chain(live)
        .filter_map(|(namespace, hpa)| target(namespace.as_deref(), hpa))
        .collect()
}

/// Takes out of a comparison what an autoscaler decides: the replicas of its target.
pub fn ignore_autoscaled_replicas(comparison: &mut Comparison, live: &[Object]) {
    let targets = workloads(comparison, live);
    let replicas = FieldPath::root().field("spec").field("replicas");
    for object in comparison
        .objects
        .iter_mut()
        .filter(|object| targets.contains(&object.id()))
    {
        let differed = !object.changes.is_empty();
        object.changes.retain(|change| change.path != replicas);
        // Any other status says more than its fields do.
        if differed && object.changes.is_empty() && object.status == ObjectStatus::Changed {
            object.status = ObjectStatus::Same;
        }
    }
}

fn target(namespace: Option<&str>, hpa: &Object) -> Option<ObjectId> {
    let reference = hpa.at("/spec/scaleTargetRef")?;
    let version = reference["apiVersion"].as_str().unwrap_or_default();
    // By group and without the version: it may name an older one of the kind.
    let group = version.split_once('/').map_or("", |(group, _)| group);

    Some(ObjectId::new(
        group,
        reference["kind"].as_str()?,
        namespace,
        reference["name"].as_str()?,
    ))
}
