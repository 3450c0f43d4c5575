//! Which objects make pods anew, and when they do so next.

use super::StartingWorkload;
use crate::model::finding::Comparison;
use crate::model::k8s::controller::Controller;
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::start::StartTime;
use crate::model::{Object, ObjectId};
use serde_json::Value;
use std::collections::HashSet;

/// The workloads of a comparison that are there and that stay: what is extra goes with the next promotion, and what
/// another of them controls is looked at by its owner.
pub fn starting_workloads(comparison: &Comparison) -> Vec<StartingWorkload<'_>> {
    let live = comparison.objects.iter().filter_map(|one| one.live.object());
    let uids: HashSet<&str> = live.map(Object::uid).filter(|uid| !uid.is_empty()).collect();
    let is_controlled = |object: &Object| {
        let controller = Controller::from_object(object.value());
        controller.is_some_and(|controller| uids.contains(&*controller.uid))
    };

    let staying = comparison.objects.iter().filter(|one| one.desired.is_some());
    let workloads = staying.filter_map(|one| {
        let object = one.live.object()?;
        let is_looked_at = !object.is_being_deleted() && !is_controlled(object);
        is_looked_at.then(|| StartingWorkload::new(one.id(), object))?
    });
    workloads.collect()
}

impl<'o> StartingWorkload<'o> {
    /// None where an object makes no pods any more, or where that is not known of its kind.
    pub fn new(id: ObjectId, object: &'o Object) -> Option<Self> {
        Some(Self {
            id,
            object,
            spec: pod_spec(object)?,
            when: start_time(object)?,
        })
    }
}

/// When a workload makes its next pods; none where it never does, or where that is not known of its kind.
pub(super) fn start_time(object: &Object) -> Option<StartTime> {
    let number = |pointer: &str| object.at(pointer).and_then(Value::as_i64);
    let is_suspended = object.at("/spec/suspend") == Some(&Value::Bool(true));
    let now_unless = |is_idle: bool| {
        if is_idle {
            StartTime::Resumed
        } else {
            StartTime::Now
        }
    };

    let gvk = object.gvk();
    match (&*gvk.group, &*gvk.kind) {
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet") | ("", "ReplicationController") => {
            Some(now_unless(number("/spec/replicas") == Some(0)))
        }
        // No node of the cluster is one of its own.
        ("apps", "DaemonSet") => Some(now_unless(number("/status/desiredNumberScheduled") == Some(0))),
        ("batch", "Job") => (!has_finished(object)).then(|| now_unless(is_suspended)),
        ("batch", "CronJob") if is_suspended => Some(StartTime::Resumed),
        ("batch", "CronJob") => Some(StartTime::NextRun),
        // A pod by itself is never made again, and templates of other kinds are their controllers' own.
        _ => None,
    }
}

/// Whether a Job makes no pods any more.
fn has_finished(job: &Object) -> bool {
    let conditions = job.at("/status/conditions").and_then(Value::as_array);
    let is_end = |condition: &Value| {
        matches!(
            condition["type"].as_str(),
            Some("Complete" | "Failed" | "SuccessCriteriaMet" | "FailureTarget")
        ) && condition["status"] == "True"
    };
    conditions.is_some_and(|conditions| conditions.iter().any(is_end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::runs("apps/v1", "Deployment", &json!({"spec": {"replicas": 2}}), Some(StartTime::Now))]
    #[case::scaled_to_0("apps/v1", "StatefulSet", &json!({"spec": {"replicas": 0}}), Some(StartTime::Resumed))]
    #[case::on_no_node("apps/v1", "DaemonSet", &json!({"status": {"desiredNumberScheduled": 0}}), Some(StartTime::Resumed))]
    #[case::scheduled("batch/v1", "CronJob", &json!({"spec": {}}), Some(StartTime::NextRun))]
    #[case::suspended("batch/v1", "CronJob", &json!({"spec": {"suspend": true}}), Some(StartTime::Resumed))]
    #[case::job("batch/v1", "Job", &json!({"status": {"active": 1}}), Some(StartTime::Now))]
    #[case::done("batch/v1", "Job", &json!({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}), None)]
    #[case::failed("batch/v1", "Job", &json!({"status": {"conditions": [{"type": "Failed", "status": "True"}]}}), None)]
    #[case::pod("v1", "Pod", &json!({}), None)]
    #[case::custom("argoproj.io/v1alpha1", "Rollout", &json!({"spec": {"replicas": 2}}), None)]
    fn workloads_make_pods_at_different_times(
        #[case] version: &str,
        #[case] kind: &str,
        #[case] fields: &Value,
        #[case] when: Option<StartTime>,
    ) {
        let mut value = fields.clone();
        value["apiVersion"] = version.into();
        value["kind"] = kind.into();
        value["metadata"] = json!({"name": "web", "namespace": "shop"});
        assert_eq!(start_time(&Object::new(value).unwrap()), when);
    }
}
