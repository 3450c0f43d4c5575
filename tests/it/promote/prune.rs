//! What is pruned and what stays: kept kinds, objects that are another one by now, and replicas of an autoscaler.

use crate::execute::app::{App, map, workload};
use crate::harness::{Act, KillProxy, Run, TestCluster, unique};
use serde_json::{Value, json};

/// A claim that waits for the first pod that uses it.
fn claim(class: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "storageClassName": class, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}})
}

fn maps(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| map(name, json!({"n": "1"}))).collect()
}

struct Gone(String);

impl Drop for Gone {
    fn drop(&mut self) {
        let names = ["delete", "--ignore-not-found", "--wait=false"];
        let cluster = TestCluster::get();
        cluster.kubectl().args(names).args(["namespace", &self.0]).run();
        cluster
            .kubectl()
            .args(names)
            .args(["crd", &crd_name(&self.0)])
            .run();
        cluster
            .kubectl()
            .args(names)
            .args(["storageclass", &self.0])
            .run();
    }
}

fn crd_name(unique: &str) -> String {
    format!("things.{unique}.example.com")
}

fn definition(unique: &str) -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": crd_name(unique)}, "spec": {"group": format!("{unique}.example.com"),
            "names": {"kind": "Thing", "plural": "things"}, "scope": "Namespaced", "versions": [{
                "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}

#[test]
fn claims_namespaces_and_definitions_stay_until_they_are_named() {
    let app = App::new();
    let other = format!("t-kept-{}", unique());
    let _gone_at_the_end = Gone(other.clone());
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}});
    app.namespace.apply(
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": other},
        "provisioner": "example.com/none", "volumeBindingMode": "WaitForFirstConsumer"}),
    );
    let retained = [
        maps(&["a", "b", "c"]),
        vec![namespace, definition(&other), claim(&other)],
    ]
    .concat();
    app.promote("1", &retained).run().exits(0);
    let named = format!(
        "customresourcedefinition.apiextensions.k8s.io/{}",
        crd_name(&other)
    );
    let ran = app
        .promote("2", &maps(&["a", "b"]))
        .args(["--prune-kept", &named])
        .run()
        .exits(0);
    for (kind, name) in [("namespace", &*other), ("persistentvolumeclaim", "data")] {
        app.kubectl(&["get", kind, name]);
        let message = |line: &str| line.contains("left in place: a ") && line.contains(name);
        assert!(
            ran.stderr.lines().any(message),
            "nothing said of {name}:\n{}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains(&format!("--prune-kept {kind}/{name}")),
            "{}",
            ran.stderr
        );
    }
    assert!(app.namespace.get("", "ConfigMap", "c").is_none());
    let left = app
        .namespace
        .kubectl()
        .args(["get", "customresourcedefinition", &crd_name(&other)])
        .run();
    assert!(
        left.stderr.contains("not found"),
        "named, it goes: {}{}",
        left.stdout,
        left.stderr
    );
}

#[test]
fn what_has_the_name_of_a_pruned_object_and_is_another_one_stays() {
    let app = App::new();
    app.promote("1", &maps(&["a", "b", "c", "d"])).run().exits(0);
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    // Writes: lock, head, parts, record, the journal before, head, head, then the steps.
    proxy.at_write(8, Act::HoldBefore);
    let mut new = maps(&["a", "b", "c"]);
    new[0]["data"]["n"] = "2".into();
    let running = proxy.spawn(&mut app.promote("2", &new));
    proxy.wait_for_act();
    app.kubectl(&["delete", "configmap", "d"]);
    let id = app.namespace.get("", "ConfigMap", "a").unwrap();
    let part_of = format!(
        "applyset.kubernetes.io/part-of={}",
        id.label("applyset.kubernetes.io/part-of").unwrap()
    );
    app.kubectl(&["create", "configmap", "d", "--from-literal=n=theirs"]);
    app.kubectl(&["label", "configmap", "d", &part_of]);
    proxy.release();
    let ran = running.wait().exits(0);
    let left = app.namespace.get("", "ConfigMap", "d");
    assert_eq!(left.expect(&ran.stderr).text("/data/n"), "theirs");
}

#[test]
fn replicas_that_an_autoscaler_set_go_through_a_promotion() {
    let app = App::new();
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}});
    let version = |digit, hpa: &[Value]| [&[workload("Deployment", "web", digit, None)], hpa].concat();
    // The replicas were ours before there was an autoscaler: they are released, not reset to one.
    app.promote("1", &version('1', &[])).run().exits(0);
    app.promote("2", &version('2', std::slice::from_ref(&hpa)))
        .run()
        .exits(0);
    let replicas = || {
        app.namespace
            .get("apps", "Deployment", "web")
            .unwrap()
            .at("/spec/replicas")
            .cloned()
    };
    assert_eq!(replicas(), Some(json!(2)), "handed over as they were");
    app.kubectl(&["scale", "deployment", "web", "--replicas=4"]);
    app.promote("3", &version('3', &[hpa])).run().exits(0);
    assert_eq!(replicas(), Some(json!(4)));
}
