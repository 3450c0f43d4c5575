//! Verdicts on kinds without pods, whose controllers are the real ones.

use super::followed::{Followed, follow, quick};
use crate::harness::{AT_ONCE, Namespace, Run, TestCluster};
use kubectl_delivery::testing::model::environment::HealthCheck;
use kubectl_delivery::testing::model::verdict::{CauseKind, Health};
use kubectl_delivery::testing::rollout::RolloutPolicy;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn namespace() -> Namespace {
    TestCluster::get().namespace_named("t-kinds")
}

/// Nothing is waited for longer than controllers take on a busy machine.
fn short() -> RolloutPolicy {
    RolloutPolicy {
        timeout: Some(10),
        ..quick()
    }
}

/// Deletes what is not in a namespace, after a panic too.
struct Gone(&'static str, String);

impl Drop for Gone {
    fn drop(&mut self) {
        TestCluster::get()
            .kubectl()
            .args(["delete", "--wait=false", "--ignore-not-found", self.0, &self.1])
            .run();
    }
}

fn is_done(followed: &Followed) -> bool {
    matches!(followed.verdicts.last(), Some(Health::Ready { .. }))
}

fn is_unknown(followed: &Followed, words: &str) {
    match followed.verdicts.last() {
        Some(Health::Unknown { message }) => assert!(message.contains(words), "{followed:#?}"),
        _ => panic!("expected unknown health, found {followed:#?}"),
    }
}

fn waits_for(followed: &Followed, words: &str) {
    failed(followed, CauseKind::Stalled, words);
}

fn failed(followed: &Followed, kind: CauseKind, words: &str) {
    let cause = followed.cause();
    assert_eq!(cause.kind, kind, "{followed:#?}");
    assert!(
        cause.message.contains(words),
        "expected `{words}`, found: {}",
        cause.message
    );
}

/// At once: it is not waited for.
fn fails_with(followed: &Followed, kind: CauseKind, words: &str) {
    failed(followed, kind, words);
    assert!(followed.took < AT_ONCE, "{:?}", followed.took);
}

fn within(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}: not in time");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_autoscaler_whose_target_is_not_there_says_that_it_cannot_scale() {
    let namespace = namespace();
    let hpa = |label: &str| {
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "labels": {"a": label}},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "absent"}, "maxReplicas": 3,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}})
    };
    namespace.apply(hpa("1"));
    within("the controller", || {
        let found = namespace
            .get("autoscaling", "HorizontalPodAutoscaler", "web")
            .unwrap();
        found.at("/status/conditions/0").is_some()
    });
    waits_for(&follow(&namespace, &hpa("2"), short()), "cannot scale its target");
}

#[test]
fn a_disruption_budget_that_allows_none_says_so() {
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    assert_eq!(
        follow(&namespace(), &budget, short()).note(),
        "allows no disruption now"
    );
}

#[test]
fn an_ingress_that_nobody_serves_says_so_and_is_no_failure() {
    let ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"},
        "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}});
    let namespace = namespace();
    assert!(
        follow(&namespace, &ingress, short())
            .note()
            .contains("waiting for an ingress controller")
    );
    let status = r#"{"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}}"#;
    namespace
        .kubectl()
        .args([
            "patch",
            "ingress",
            "web",
            "--subresource=status",
            "--type=merge",
            "-p",
            status,
        ])
        .run()
        .ok();
    assert_eq!(follow(&namespace, &ingress, short()).note(), "");
}

#[test]
fn a_claim_is_pending_with_the_reason_lost_or_bound() {
    let namespace = namespace();
    let volume = format!("{namespace}-volume");
    let _gone_at_the_end = Gone("persistentvolume", volume.clone());
    let claim = |name: &str, class: &str, volume: Option<&str>| {
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": {
            "storageClassName": class, "volumeName": volume, "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}}}})
    };
    waits_for(
        &follow(&namespace, &claim("pending", "no-such-class", None), short()),
        "\"no-such-class\" not found",
    );
    let mut lost = claim("lost", "", Some("no-such-volume"));
    lost["metadata"]["annotations"] = json!({"pv.kubernetes.io/bind-completed": "yes"});
    let words = "has lost its PersistentVolume";
    fails_with(
        &follow(&namespace, &lost, short()),
        CauseKind::VolumeNotMounted,
        words,
    );
    namespace.apply(
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume}, "spec": {
        "storageClassName": "", "capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"],
        "claimRef": {"namespace": namespace.name(), "name": "bound"}, "hostPath": {"path": "/tmp/none"}}}),
    );
    // Where the controller sees the claim before the volume, it looks again after fifteen seconds.
    let patient = RolloutPolicy {
        timeout: Some(60),
        ..quick()
    };
    let bound = follow(&namespace, &claim("bound", "", Some(&volume)), patient);
    assert!(is_done(&bound) && bound.note().is_empty(), "{bound:#?}");
}

#[test]
fn a_namespace_that_is_going_takes_nothing_new() {
    let namespace = namespace();
    let name = format!("{namespace}-other");
    let _gone_at_the_end = Gone("namespace", name.clone());
    let object = |label: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"a": label}}});
    assert!(is_done(&follow(&namespace, &object("1"), short())));
    let cluster = TestCluster::get();
    let held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "namespace": name, "finalizers": ["example.com/held"]}});
    cluster
        .kubectl()
        .args(["create", "-f", "-"])
        .run_with(&held.to_string())
        .ok();
    cluster
        .kubectl()
        .args(["delete", "namespace", &name, "--wait=false"])
        .run()
        .ok();
    let going = follow(&namespace, &object("2"), short());
    let free = [
        "patch",
        "configmap",
        "held",
        "-n",
        &name,
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":null}}"#,
    ];
    cluster.kubectl().args(free).run().ok();
    fails_with(
        &going,
        CauseKind::Disappeared,
        "being deleted (phase Terminating)",
    );
}

#[test]
fn a_webhook_configuration_waits_for_an_endpoint_of_its_service() {
    let namespace = namespace();
    let name = format!("{namespace}-hook");
    let _gone_at_the_end = Gone("validatingwebhookconfiguration", name.clone());
    // It is asked about nothing.
    let hook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": name},
        "webhooks": [{"name": "test.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "clientConfig": {"service": {"namespace": namespace.name(), "name": "hook"}},
            "namespaceSelector": {"matchLabels": {"no-such-label": "x"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]}]});
    let silent = format!("no ready endpoint of service {namespace}/hook");
    waits_for(&follow(&namespace, &hook, short()), &silent);
    let endpoints = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "hook", "labels": {"kubernetes.io/service-name": "hook"}},
        "endpoints": [{"addresses": ["192.0.2.1"], "conditions": {"ready": true}}], "ports": [{"port": 443}]});
    namespace
        .kubectl()
        .args(["create", "-f", "-"])
        .run_with(&endpoints.to_string())
        .ok();
    assert!(is_done(&follow(&namespace, &hook, short())));
}

#[test]
fn an_api_that_the_server_serves_itself_is_available() {
    let namespace = namespace();
    let group = format!("{namespace}.example.com");
    let name = format!("v1.{group}");
    let _gone_at_the_end = Gone("apiservice", name.clone());
    let service = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name},
        "spec": {"group": group, "version": "v1", "groupPriorityMinimum": 10, "versionPriority": 10}});
    assert!(is_done(&follow(&namespace, &service, short())));
}

/// A definition in a group of its own; its objects hold whatever status is applied with them.
fn definition(group: &str, plural: &str, kind: &str) -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "names": {"kind": kind, "plural": plural}, "scope": "Namespaced", "versions": [{
            "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}

#[test]
fn a_definition_is_done_when_it_is_served_and_one_whose_kind_is_taken_fails() {
    let namespace = namespace();
    let group = format!("{namespace}.example.com");
    let _gone_at_the_end = ["things", "others"].map(|plural| Gone("crd", format!("{plural}.{group}")));
    assert!(is_done(&follow(
        &namespace,
        &definition(&group, "things", "Thing"),
        short()
    )));
    let taken = follow(&namespace, &definition(&group, "others", "Thing"), short());
    fails_with(&taken, CauseKind::ReportedByObject, "names not accepted");
}

#[test]
fn a_custom_resource_says_by_its_status_how_it_is() {
    use CauseKind::{ReportedByObject, Stalled};
    let condition = |kind: &str, status: &str, message: &str| json!({"type": kind, "status": status, "reason": "Why", "message": message});
    let ready = condition("Ready", "True", "");
    let unready = condition("Ready", "False", "no disk");
    let stalled = condition("Stalled", "True", "no such bucket");
    let busy = condition("Reconciling", "True", "resizing");
    let rule = |phase: &str| json!({"phase": phase, "rule": true});
    let cases = [
        ("ready", json!({"conditions": [ready]}), Ok(None)),
        (
            "without a status",
            json!({}),
            Ok(Some("applied; no controller reports its health")),
        ),
        (
            "not ready",
            json!({"conditions": [unready]}),
            Err((
                ReportedByObject,
                "not ready within 10s (--timeout): not ready: no disk",
            )),
        ),
        (
            "stalled",
            json!({"conditions": [unready, stalled]}),
            Err((ReportedByObject, "no such bucket")),
        ),
        (
            "reconciling",
            json!({"conditions": [ready, busy]}),
            Err((Stalled, "resizing")),
        ),
        (
            "not looked at",
            json!({"observedGeneration": 0, "conditions": [ready]}),
            Ok(Some("observedGeneration 0 of 1")),
        ),
        ("current by its rule", rule("Running"), Ok(None)),
        (
            "failed by its rule",
            rule("Broken"),
            Err((ReportedByObject, "its health check failed")),
        ),
        (
            "not yet by its rule",
            rule("Starting"),
            Err((Stalled, "its health check has not passed yet")),
        ),
    ];
    let namespace = namespace();
    let group = format!("{namespace}.example.com");
    let _gone_at_the_end = Gone("crd", format!("things.{group}"));
    assert!(is_done(&follow(
        &namespace,
        &definition(&group, "things", "Thing"),
        short()
    )));
    within("the definition", || {
        let probe = namespace
            .kubectl()
            .args(["get", &format!("things.{group}")])
            .run();
        probe.code == Some(0)
    });
    for (index, (what, status, expected)) in cases.into_iter().enumerate() {
        println!("{what}");
        let mut policy = short();
        if status["rule"] == true {
            policy.health_checks = vec![HealthCheck {
                group: group.clone(),
                kind: "Thing".into(),
                failed: Some("self.status.phase == 'Broken'".into()),
                current: "self.status.phase == 'Running'".into(),
            }];
        }
        let thing = json!({"apiVersion": format!("{group}/v1"), "kind": "Thing", "metadata": {"name": format!("thing-{index}")},
            "spec": {"a": 1}, "status": status});
        let followed = follow(&namespace, &thing, policy);
        match expected {
            Ok(None) => assert!(is_done(&followed), "{followed:#?}"),
            Ok(Some(words)) => is_unknown(&followed, words),
            Err((Stalled, words)) => waits_for(&followed, words),
            // Its controller may mend it until the deadline.
            Err((kind, words)) if what == "not ready" => failed(&followed, kind, words),
            Err((kind, words)) => fails_with(&followed, kind, words),
        }
    }
}
