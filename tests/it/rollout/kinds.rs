//! Kinds other than Deployments, on the real control plane.

use super::followed::{deployment, follow, quick, workload};
use crate::harness::{AT_ONCE, Run, TestCluster};
use kubectl_delivery::testing::model::verdict::{CauseKind, Health};
use kubectl_delivery::testing::rollout::RolloutPolicy;
use rstest::rstest;
use serde_json::json;

const IMAGE: &str = "127.0.0.1:5000/app:1";

#[rstest]
fn a_set_is_done_when_all_its_pods_are_of_the_new_revision(#[values("StatefulSet", "DaemonSet")] kind: &str) {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let first = follow(&namespace, &workload(kind, 2, IMAGE, None), quick());
    assert_eq!(first.verdicts.last(), Some(&Health::ready()), "{first:#?}");
    let second = follow(
        &namespace,
        &workload(kind, 2, "127.0.0.1:5000/app:2", None),
        quick(),
    );
    assert_eq!(second.verdicts.last(), Some(&Health::ready()), "{second:#?}");
    let pods = namespace
        .kubectl()
        .args(["get", "pods", "-o", "json"])
        .run()
        .exits(0)
        .json();
    let live = pods["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let images: Vec<_> = live.map(|pod| &pod["spec"]["containers"][0]["image"]).collect();
    let is_new = |image: &&serde_json::Value| **image == "127.0.0.1:5000/app:2";
    assert!(
        images.len() > 1 && images.iter().all(is_new),
        "it said done before all had moved: {images:?} {second:#?}"
    );
    let failed = follow(
        &namespace,
        &workload(kind, 2, "127.0.0.1:5000/app:3", Some("image-not-found")),
        quick(),
    );
    assert_eq!(failed.cause().kind, CauseKind::ImageNotFound, "{failed:#?}");
}

#[test]
fn zero_replicas_verify_nothing_and_say_so() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    assert!(
        follow(&namespace, &deployment(0, IMAGE, None), quick())
            .note()
            .contains("no pods to verify")
    );
}

#[test]
fn a_paused_deployment_says_that_nothing_is_rolled_out() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let mut object = deployment(1, IMAGE, None);
    object["spec"]["paused"] = true.into();
    assert!(follow(&namespace, &object, quick()).note().contains("paused"));
}

#[rstest]
#[case::deployment("Deployment")]
#[case::stateful_set("StatefulSet")]
#[case::daemon_set("DaemonSet")]
fn pods_that_a_quota_refuses_fail_at_once(#[case] kind: &str) {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    namespace.quota(json!({"pods": "0"}));
    let failed = follow(&namespace, &workload(kind, 1, IMAGE, None), quick());
    assert_eq!(failed.cause().kind, CauseKind::Quota, "{failed:#?}");
    assert!(
        failed.cause().message.contains("exceeded quota: small"),
        "{}",
        failed.cause().message
    );
    assert!(failed.took < AT_ONCE, "{:?}", failed.took);
}

fn job(play: Option<&str>) -> serde_json::Value {
    let labels = play.map(|play| json!({"kwok-play": play}));
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}, "spec": {"backoffLimit": 0, "template": {
        "metadata": {"labels": labels},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "migrate", "image": IMAGE}]},
    }}})
}

#[test]
fn a_job_is_done_when_it_is_complete_and_not_when_it_has_started() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let done = follow(&namespace, &job(None), quick());
    assert_eq!(done.verdicts.last(), Some(&Health::ready()), "{done:#?}");
    assert!(done.verdicts.len() > 1, "{done:#?}");
}

#[test]
fn a_failed_job_fails_with_the_pod_that_shows_why() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let failed = follow(&namespace, &job(Some("job-fails")), quick());
    assert_eq!(failed.cause().kind, CauseKind::JobFailed, "{failed:#?}");
    assert!(
        failed.cause().message.contains("BackoffLimitExceeded"),
        "{}",
        failed.cause().message
    );
    assert!(
        failed
            .cause()
            .pod
            .as_deref()
            .is_some_and(|pod| pod.starts_with("migrate-")),
        "{failed:#?}"
    );
}

#[test]
fn a_claim_that_waits_for_its_first_pod_is_not_waited_for() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let name = format!("{namespace}-lazy");
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": "example.com/none", "volumeBindingMode": "WaitForFirstConsumer"});
    namespace.apply(class);
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "storageClassName": name, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}});
    let done = follow(&namespace, &claim, quick());
    namespace
        .kubectl()
        .args(["delete", "storageclass", &name])
        .output()
        .unwrap();
    assert!(done.note().contains("WaitForFirstConsumer"), "{done:#?}");
}

#[test]
fn a_load_balancer_without_an_address_is_waited_for_until_the_timeout_where_waiting_is_strict() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}});
    let policy = RolloutPolicy {
        timeout: Some(5),
        strict: true,
        ..quick()
    };
    let failed = follow(&namespace, &service, policy);
    assert!(
        failed
            .cause()
            .message
            .contains("not ready within 5s (--timeout): waiting for a load balancer address"),
        "{failed:#?}"
    );
}

#[test]
fn what_has_no_rollout_is_done_when_it_is_written() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop"}, "data": {"A": "1"}});
    assert_eq!(follow(&namespace, &map, quick()).verdicts, [Health::ready()]);
}
