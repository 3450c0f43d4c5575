//! Which pods belong to the new revision.

use super::super::fields::{condition, number};
use super::super::subject::RolloutContext;
use crate::model::Object;
use crate::model::k8s::controller::Controller;
use crate::model::k8s::ownership::DEPLOYMENT_REVISION;
use crate::model::k8s::pod::PodFacts;
use serde_json::Value;

/// The ReplicaSet of a Deployment's newest revision: the one that carries the same number as the Deployment (a return
/// to an old template takes its old ReplicaSet and gives it a new number).
pub(super) fn new_replica_set<'a>(deployment: &Object, context: &RolloutContext<'a>) -> Option<&'a Object> {
    let revision = deployment.annotation(DEPLOYMENT_REVISION)?;
    let is_new =
        |one: &&&Object| one.kind() == "ReplicaSet" && one.annotation(DEPLOYMENT_REVISION) == Some(revision);

    let newest = context.owned.iter().find(is_new).copied();
    newest.filter(|newest| !is_still_old(newest, deployment))
}

/// Whether it is still the old one: where all old pods stop before new ones come (`Recreate`), the controller takes the
/// new ReplicaSet, and moves the number, after that. Until then the Deployment counts no pod as updated.
fn is_still_old(replica_set: &Object, deployment: &Object) -> bool {
    let is_emptied = replica_set.at("/spec/replicas").is_some() && number(replica_set, "/spec/replicas") == 0;
    let has_old_pods =
        number(replica_set, "/status/replicas") > 0 && number(deployment, "/status/updatedReplicas") == 0;
    deployment.text("/spec/strategy/type") == "Recreate" && (is_emptied || has_old_pods)
}

/// The revision hash of a DaemonSet's newest ControllerRevision.
pub(super) fn newest_controller_revision<'a>(context: &RolloutContext<'a>) -> Option<&'a str> {
    let revisions = context
        .owned
        .iter()
        .filter(|one| one.kind() == "ControllerRevision");
    // By number and not by age: a return to an old template gives its old revision the highest number.
    let newest = revisions.max_by_key(|one| one.at("/revision").and_then(Value::as_i64))?;
    newest.label("controller-revision-hash")
}

/// Pods that are not going and that an object of this uid controls.
pub(super) fn pods_of<'a>(uid: &str, context: &RolloutContext<'a>) -> Vec<&'a PodFacts> {
    let is_its = |controller: &Controller| controller.uid == uid;
    let all = context.pods.iter().copied();
    all.filter(|pod| !pod.deleting && pod.controller.as_ref().is_some_and(is_its))
        .collect()
}

/// Those of an object's pods that are of this revision hash.
pub(super) fn pods_at<'a>(revision: &str, pods: &[&'a PodFacts]) -> Vec<&'a PodFacts> {
    let is_of_it = |pod: &&&PodFacts| pod.revision.as_deref() == Some(revision);
    pods.iter().filter(is_of_it).copied().collect()
}

/// How many of the pods are ready.
pub(super) fn ready(pods: &[&PodFacts]) -> u32 {
    pods.iter().filter(|pod| pod.ready).count() as u32
}

/// How many pods of the new revision there are, of so many: a status may be behind the pods that are there.
pub(super) fn created(counted: u32, pods: &[&PodFacts], wanted: u32) -> u32 {
    counted.max(pods.len() as u32).min(wanted)
}

/// `spec.replicas`, 1 where it is absent.
pub(super) fn replicas(object: &Object) -> u32 {
    if object.at("/spec/replicas").is_some() {
        number(object, "/spec/replicas")
    } else {
        1
    }
}

/// Why a ReplicaSet or a ReplicationController cannot create its pods, by its own condition.
pub(super) fn refused_creation(controller: &Object) -> Option<String> {
    condition(controller, "ReplicaFailure")
        // The same condition tells of deletions that fail: these hold back no new pod.
        .filter(|one| one.status == "True" && one.reason == "FailedCreate")
        .map(|one| one.says().to_owned())
}

/// A figure that rises while an amount falls.
pub(super) fn falling(amount: u32) -> u32 {
    u32::MAX - amount
}
