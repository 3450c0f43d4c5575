//! Steps that cannot be undone: they are named before anything is touched, and nothing is put back past them by itself.

use crate::execute::app::{App, map, workload};
use crate::harness::{Run, TestCluster};
use serde_json::{Value, json};

/// What the plan says of steps that cannot be undone.
fn named(app: &App, version: &str, objects: &[Value], kubeconfig: Option<&std::path::Path>) -> String {
    let mut promote = app.promote(version, objects);
    if let Some(kubeconfig) = kubeconfig {
        promote.env("KUBECONFIG", kubeconfig);
    }
    let ran = promote.arg("--dry-run=server").run().exits(0);
    ran.stderr
        .lines()
        .filter(|line| line.contains("irreversible: "))
        .collect()
}

/// Deletes objects of the whole cluster at the end.
struct Gone(Vec<String>);

impl Drop for Gone {
    fn drop(&mut self) {
        let mut delete = TestCluster::get().kubectl();
        delete
            .args(["delete", "--wait=false", "--ignore-not-found"])
            .args(&self.0)
            .run();
    }
}

#[test]
fn a_claim_that_grows_is_named_and_stays_grown() {
    let app = App::new();
    let name = app.namespace.name().to_owned();
    let _gone = Gone(vec![format!("pv/{name}"), format!("storageclass/{name}")]);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": "example.com/none", "allowVolumeExpansion": true},
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": name,
            "hostPath": {"path": "/tmp"}, "claimRef": {"namespace": name, "name": "data"}}}]});
    app.kubectl_with(&["apply"], &list).exits(0);
    let claim = |size: &str| {
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
            "storageClassName": name, "volumeName": name, "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}}}})
    };
    app.promote("1", &[claim("1Gi"), map("config", json!({"v": "1"}))])
        .run()
        .exits(0);
    let broken = workload("Deployment", "web", '2', Some("image-not-found"));
    let new = [claim("2Gi"), map("config", json!({"v": "2"})), broken];
    let message = named(&app, "2", &new, None);
    assert!(
        message.contains("data") && message.contains("from 1Gi to 2Gi"),
        "{message}"
    );
    let ran = app.promote("2", &new).run().exits(4);
    assert!(
        ran.stderr.contains("cannot shrink") && ran.stderr.contains("revert app"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        app.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/v"),
        "2",
        "nothing is put back"
    );
    assert_eq!(app.status()["unfinished"]["version"], "2");
    // Asked for, everything else is put back; the claim is named.
    let ran = app.revert().run().exits(4);
    assert!(
        ran.stderr.contains("PersistentVolumeClaim") && ran.stderr.contains("data"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        app.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/v"),
        "1"
    );
    let data = app.namespace.get("", "PersistentVolumeClaim", "data").unwrap();
    assert_eq!(data.text("/spec/resources/requests/storage"), "2Gi");
}

#[test]
fn a_definition_with_a_new_storage_version_and_a_foreign_finalizer_are_named() {
    let app = App::new();
    let group = format!("{}.example.com", app.namespace.name());
    let _gone = Gone(vec![format!("crd/things.{group}")]);
    let version = |name: &str, storage: bool| json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": {"type": "object"}}});
    let definition = |versions: Value| {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("things.{group}")}, "spec": {"group": group, "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things", "singular": "thing"}, "versions": versions}})
    };
    app.promote("1", &[definition(json!([version("v1", true)]))])
        .run()
        .exits(0);
    let mut held = map("held", json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let new = [
        definition(json!([version("v1", false), version("v2", true)])),
        held,
    ];
    let message = named(&app, "2", &new, None);
    for word in ["things.", "stored as v2", "held", "example.com/hold"] {
        assert!(message.contains(word), "nothing said of {word}: {message}");
    }
    let broken = workload("Deployment", "web", '2', Some("image-not-found"));
    let ran = app.promote("2", &[new[0].clone(), broken]).run().exits(4);
    assert!(ran.stderr.contains("stored as v2"), "{}", ran.stderr);
    assert_eq!(app.status()["unfinished"]["version"], "2");
    let allowed = format!("CustomResourceDefinition/things.{group}");
    app.revert()
        .args(["--allow-unconfirmed", &allowed])
        .run()
        .exits(4);
}

#[test]
fn a_role_that_a_limited_user_reduces_is_named() {
    let app = App::new();
    let role = |resources: Value| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
            "rules": [{"apiGroups": ["example.com"], "resources": resources, "verbs": ["get"]}]})
    };
    app.promote("1", &[role(json!(["apples", "pears"]))])
        .run()
        .exits(0);
    // Holds what an admin of the namespace holds, and apples; not pears.
    let user = app
        .namespace
        .user("ci")
        .with_role("admin")
        .may(&["get"], "example.com", &["apples"]);
    let user = user
        .may(
            &["get", "create", "update", "delete"],
            "coordination.k8s.io",
            &["leases"],
        )
        .ready();
    let smaller = [role(json!(["apples"]))];
    let message = named(&app, "2", &smaller, Some(&user.kubeconfig()));
    assert!(
        message.contains("reader") && message.contains("the dry run of its restore was rejected"),
        "{message}"
    );
    assert_eq!(
        named(&app, "2", &smaller, None),
        "",
        "an administrator can put it back"
    );
}
