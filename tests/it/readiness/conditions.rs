//! Conditions of custom resources, and workloads that are left without a pod.

use crate::execute::app::{App, image, map};
use crate::harness::{Run, TestCluster, unique};
use serde_json::{Value, json};

/// A CRD with a status of its own; its group is the test's alone.
pub fn definition(group: &str, kind: &str) -> Value {
    let plural = format!("{}s", kind.to_lowercase());
    let free = || json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": free(), "status": free()}}}}]}})
}

pub fn group() -> String {
    format!("{}.shop.example", unique())
}

/// Deletes a CRD at the end of a test.
pub struct Definition(pub String);

impl Drop for Definition {
    fn drop(&mut self) {
        let mut delete = TestCluster::get().kubectl();
        delete
            .args(["delete", "crd", &self.0, "--ignore-not-found", "--wait=false"])
            .output()
            .ok();
    }
}

#[test]
fn a_condition_of_an_older_spec_is_not_taken_for_the_new_ones() {
    let app = App::new();
    let group = group();
    let _definition = Definition(format!("routes.{group}"));
    let route = |host: &str| json!({"apiVersion": format!("{group}/v1"), "kind": "Route", "metadata": {"name": "web"}, "spec": {"host": host}});
    let objects = |host: &str| vec![definition(&group, "Route"), route(host)];
    app.promote("1", &objects("old.example")).run().exits(0);
    let report = |status: Value| {
        let patch = json!({"status": status}).to_string();
        let route = format!("routes.{group}");
        app.kubectl(&[
            "patch",
            &route,
            "web",
            "--subresource=status",
            "--type=merge",
            "-p",
            &patch,
        ]);
    };
    report(json!({"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]}));
    let next = objects("new.example");
    let strict = app
        .promote("2", &next)
        .args(["--timeout", "10s", "--wait=strict"])
        .run()
        .exits(3);
    let why = "waiting for its controller (observedGeneration 1 of 2)";
    assert!(strict.stderr.contains(why), "{strict:?}");
    report(json!({"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]}));
    let unknown = app
        .promote("2", &next)
        .args(["--timeout", "10s", "--waive", "quarantine"])
        .run()
        .exits(0);
    assert!(
        unknown
            .stderr
            .contains("waiting for its controller (observedGeneration 1 of "),
        "{unknown:?}"
    );
    report(
        json!({"parents": [{"conditions": [{"type": "Accepted", "status": "False", "reason": "NoMatchingParent"}]}],
        "conditions": null}),
    );
    let third = objects("third.example");
    let refused = app
        .promote("3", &third)
        .args(["--timeout", "10s", "--wait=strict"])
        .run()
        .exits(3);
    assert!(
        refused.stderr.contains("not accepted: NoMatchingParent"),
        "{refused:?}"
    );
}

#[test]
fn a_workload_that_is_left_without_the_pods_it_had_says_so() {
    let app = App::new();
    let set = |selector: Value| {
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {"metadata": {"labels": {"app": "agent"}},
                "spec": {"nodeSelector": selector, "containers": [{"name": "main", "image": image('1')}]}}}})
    };
    app.promote("1", &[set(json!({})), map("m", json!({}))])
        .run()
        .exits(0);
    let ran = app
        .promote("2", &[set(json!({"no": "such-node"})), map("m", json!({}))])
        .run()
        .exits(0);
    assert!(ran.stderr.contains("matches no node"), "{ran:?}");
    assert!(ran.stderr.contains("pods before)"), "{ran:?}");
}
