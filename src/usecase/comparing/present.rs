//! Objects that were read already, compared as `diff` compares them: what `wait` and `status` share with it.

use super::Mode;
use super::expecting::expect_drift;
use super::object_comparer::ObjectComparer;
use crate::cluster::Cluster;
use crate::compare::{DesiredObject, Rules};
use crate::model::admission::Admission;
use crate::model::environment::Environment;
use crate::model::finding::{Comparison, ObjectComparison};
use crate::model::snapshot::Observed;
use crate::model::{Object, Target};
use crate::{observe, plan};
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// One object: its target, desired and live.
pub struct PresentObject {
    /// Where it is reached.
    pub target: Target,
    /// As a promotion would apply it.
    pub desired: Object,
    /// As it was read.
    pub live: Observed,
}

/// How they are compared.
pub struct PresentRequest<'a> {
    /// The differences that this cluster may have.
    pub environment: &'a Environment,
    /// The ApplySet id of the release here.
    pub set: &'a str,
    /// Whom to ask.
    pub mode: Mode,
    /// What may change or refuse an object on its way.
    pub admission: Admission,
    /// Autoscalers that are desired, besides those that the cluster holds.
    pub autoscalers: Vec<Object>,
    /// Today (UTC), for rules that expire.
    pub today: Date,
}

/// Compares them. Autoscalers are read only where replicas differ.
pub async fn compare_present(
    cluster: &dyn Cluster,
    request: PresentRequest<'_>,
    objects: Vec<PresentObject>,
) -> Vec<ObjectComparison> {
    let (mut targets, mut desired, mut live) = (Vec::new(), Vec::new(), Vec::new());
    for object in objects {
        targets.push(object.target);
        live.push(object.live);
        desired.push(Mutex::new(Some(DesiredObject {
            object: object.desired,
            tested: None,
            untested: Vec::new(),
        })));
    }

    let comparer = ObjectComparer {
        set: request.set.into(),
        mode: request.mode,
        admission: request.admission,
        is_brief: false,
        targets: targets.into(),
        desired,
    };
    let first = live
        .into_iter()
        .enumerate()
        .map(|(index, live)| (index, comparer.compare(index, live)));
    let mut objects = super::resolve(cluster, first.collect()).await;

    let rules = Rules::new(request.environment, request.today);
    for object in &mut objects {
        expect_drift(object, &rules);
    }
    leave_replicas_to_autoscalers(cluster, objects, request.autoscalers).await
}

async fn leave_replicas_to_autoscalers(
    cluster: &dyn Cluster,
    objects: Vec<ObjectComparison>,
    mut autoscalers: Vec<Object>,
) -> Vec<ObjectComparison> {
    let is_scaled = |object: &&ObjectComparison| {
        let mut changes = object.changes.iter();
        changes.any(|change| change.path.to_string() == "/spec/replicas")
    };
    let namespaces: BTreeSet<String> = objects
        .iter()
        .filter(is_scaled)
        .filter_map(|object| object.target.namespace.clone())
        .collect();
    if namespaces.is_empty() {
        return objects;
    }

    // Who may not read them is told of replicas that differ, as by `diff`.
    let namespaces: Vec<String> = namespaces.into_iter().collect();
    let (found, _unread) = observe::autoscalers(cluster, &namespaces).await;
    autoscalers.extend(found);

    let mut comparison = Comparison {
        objects,
        ..Comparison::default()
    };
    plan::ignore_autoscaled_replicas(&mut comparison, &autoscalers);
    comparison.objects
}
