//! What is zero, empty, null or left out in a release and has a default of the server's: silent in each mode while it is
//! so, named in each mode where somebody changes it, and brought back by `--overwrite`.

use super::support::{ReleaseFile, deployment, kubectl_apply};
use super::target::{diff, lands, live};
use crate::harness::{Namespace, Run, TestCluster};
use rstest::rstest;
use serde_json::{Value, json};

const MODES: [&str; 3] = ["auto", "server", "readonly"];

/// Each mode names the change by its path, and a promotion that overwrites it ends where the first one had.
fn is_named_and_overwritten(
    namespace: &Namespace,
    release: &ReleaseFile,
    (resource, at): (&str, &str),
    patch: &Value,
    path: &str,
) {
    let before = live(namespace, resource).pointer(at).cloned();
    let patch = ["patch", resource, "--type=json", "-p", &patch.to_string()];
    namespace.kubectl().args(patch).run().ok();
    for mode in MODES {
        let ran = diff(namespace, release, mode).exits(1);
        assert!(ran.stdout.contains(path), "{mode}: {}", ran.stdout);
    }
    lands(namespace, release, &["--overwrite"]);
    assert_eq!(live(namespace, resource).pointer(at).cloned(), before);
}

#[rstest]
#[case::period("periodSeconds", 10)]
#[case::timeout("timeoutSeconds", 1)]
#[case::failures("failureThreshold", 3)]
#[case::successes("successThreshold", 1)]
fn a_zero_of_a_probe_is_the_servers_default(#[case] field: &str, #[case] default: u32) {
    let namespace = TestCluster::get().namespace_named("t-defaults");
    let mut web = deployment("web", "web:1");
    let container = &mut web["spec"]["template"]["spec"]["containers"][0];
    container["readinessProbe"] = json!({"tcpSocket": {"port": 80}, field: 0});
    let release = ReleaseFile::new("shop", "1", vec![web]);
    lands(&namespace, &release, &[]);

    let at = format!("/spec/template/spec/containers/0/readinessProbe/{field}");
    assert_eq!(
        live(&namespace, "deployment/web").pointer(&at),
        Some(&default.into())
    );
    let patch = json!([{"op": "replace", "path": at, "value": 20}]);
    let path = format!("/spec/template/spec/containers/[name=main]/readinessProbe/{field}");
    is_named_and_overwritten(&namespace, &release, ("deployment/web", &at), &patch, &path);
}

#[rstest]
#[case::null(json!(null))]
#[case::empty(json!({}))]
fn an_autoscalers_behavior_that_says_nothing_is_the_servers(#[case] behavior: Value) {
    let namespace = TestCluster::get().namespace_named("t-defaults");
    let mut scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "annotations": {"kubectl-delivery.io/wait": "false"}},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}, "maxReplicas": 3}});
    scaler["spec"]["behavior"] = behavior;
    let release = ReleaseFile::new("shop", "1", vec![scaler]);
    lands(&namespace, &release, &[]);

    let down = json!({"scaleDown": {"stabilizationWindowSeconds": 7}});
    let patch = json!([{"op": "add", "path": "/spec/behavior", "value": down}]);
    let place = ("hpa/web", "/spec/behavior");
    is_named_and_overwritten(&namespace, &release, place, &patch, "/spec/behavior");
}

#[rstest]
#[case::empty(json!({}))]
#[case::null(json!(null))]
#[case::zero(json!({"start": 0}))]
fn ordinals_that_say_nothing_start_at_zero(#[case] ordinals: Value) {
    let namespace = TestCluster::get().namespace_named("t-defaults");
    let mut set = deployment("db", "web:1");
    set["kind"] = "StatefulSet".into();
    set["spec"]["serviceName"] = "db".into();
    set["spec"]["ordinals"] = ordinals;
    let release = ReleaseFile::new("shop", "1", vec![set]);
    lands(&namespace, &release, &[]);

    let patch = json!([{"op": "add", "path": "/spec/ordinals", "value": {"start": 2}}]);
    let place = ("statefulset/db", "/spec/ordinals");
    is_named_and_overwritten(&namespace, &release, place, &patch, "/spec/ordinals");
}

/// The policy that the server gives a reference follows from its tag alone.
#[rstest]
#[case::a_digest("web@sha256:DIGEST", "IfNotPresent")]
#[case::a_tag_with_a_digest("web:1@sha256:DIGEST", "IfNotPresent")]
#[case::latest_with_a_digest("web:latest@sha256:DIGEST", "Always")]
#[case::no_tag("other", "Always")]
fn a_pull_policy_that_is_left_out_follows_the_reference(#[case] second: &str, #[case] policy: &str) {
    let second = second.replace("DIGEST", &"a".repeat(64));
    let at = "/spec/template/spec/containers/0/imagePullPolicy";
    for first in ["web:latest", "web:1"] {
        for is_adopted in [true, false] {
            let namespace = TestCluster::get().namespace_named("t-defaults");
            if is_adopted {
                kubectl_apply(&namespace, &[deployment("web", first)]);
            } else {
                lands(
                    &namespace,
                    &ReleaseFile::new("shop", "1", vec![deployment("web", first)]),
                    &[],
                );
            }
            let release = ReleaseFile::new("shop", "2", vec![deployment("web", &second)]);
            let flags: &[&str] = if is_adopted { &["--adopt", "kubectl"] } else { &[] };
            lands(&namespace, &release, flags);
            assert_eq!(
                live(&namespace, "deployment/web").pointer(at),
                Some(&policy.into()),
                "after {first}"
            );

            let patch = json!([{"op": "replace", "path": at, "value": "Never"}]);
            let path = "/spec/template/spec/containers/[name=main]/imagePullPolicy";
            is_named_and_overwritten(&namespace, &release, ("deployment/web", at), &patch, path);
        }
    }
}
