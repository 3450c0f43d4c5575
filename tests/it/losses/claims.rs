//! Data that goes is named and needs an explicit word; a revert says which volumes are new, and which stay.

use crate::execute::app::{App, map, workload};
use crate::harness::{Run, TestCluster};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A class and volumes of it, of the whole cluster, which go at the end.
struct Volumes(String);

impl Volumes {
    fn new(app: &App, count: u32) -> Self {
        let name = app.namespace.name().to_owned();
        let mut items = vec![json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": name}, "provisioner": "kubernetes.io/no-provisioner"})];
        items.extend((0..count).map(|n| {
            json!({"apiVersion": "v1", "kind": "PersistentVolume",
                "metadata": {"name": format!("{name}-{n}"), "labels": {"loss-test": name}},
                "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": name,
                    "hostPath": {"path": "/tmp"}}})
        }));
        app.kubectl_with(
            &["apply"],
            &json!({"apiVersion": "v1", "kind": "List", "items": items}),
        )
        .exits(0);
        Self(name)
    }
}

impl Drop for Volumes {
    fn drop(&mut self) {
        let delete = ["delete", "--wait=false", "--ignore-not-found"];
        let cluster = TestCluster::get();
        cluster
            .kubectl()
            .args(delete)
            .args(["storageclass", &self.0])
            .run();
        cluster
            .kubectl()
            .args(delete)
            .args(["pv", "-l", &format!("loss-test={}", self.0)])
            .run();
    }
}

fn set(class: &str, replicas: u32, policy: Option<(&str, &str)>) -> Value {
    let mut set = workload("StatefulSet", "db", '1', None);
    set["spec"]["replicas"] = replicas.into();
    set["spec"]["podManagementPolicy"] = "Parallel".into();
    if let Some((scaled, deleted)) = policy {
        set["spec"]["persistentVolumeClaimRetentionPolicy"] =
            json!({"whenScaled": scaled, "whenDeleted": deleted});
    }
    set["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": {
        "storageClassName": class, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]);
    set
}

fn with_maps(objects: &[Value]) -> Vec<Value> {
    [objects, &[map("one", json!({})), map("two", json!({}))]].concat()
}

fn claims(app: &App) -> Vec<String> {
    let names = app.kubectl(&["get", "pvc", "-o", "jsonpath={.items[*].metadata.name}"]);
    names.split_whitespace().map(str::to_owned).collect()
}

fn allow(app: &App, name: &str) -> [String; 2] {
    [
        "--allow-data-loss".into(),
        format!("PersistentVolumeClaim/{}/{name}", app.namespace.name()),
    ]
}

fn wait(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn claims_that_a_set_deletes_are_named_need_a_word_each_and_are_new_after_a_revert() {
    let app = App::new();
    let volumes = Volumes::new(&app, 8);
    let policy = Some(("Delete", "Delete"));
    app.promote("1", &with_maps(&[set(&volumes.0, 3, policy)]))
        .run()
        .exits(0);
    assert_eq!(claims(&app).len(), 3);

    let fewer = with_maps(&[set(&volumes.0, 1, policy)]);
    let ran = app.promote("2", &fewer).args(["--allow-prune"]).run().exits(2);
    assert!(ran.stderr.contains("DATA THAT WILL BE DELETED"), "{}", ran.stderr);
    for name in ["data-db-1", "data-db-2"] {
        assert!(
            ran.stderr.contains(&allow(&app, name).join(" ")),
            "no hint for {name}:\n{}",
            ran.stderr
        );
    }
    assert!(!ran.stderr.contains("data-db-0"), "it stays: {}", ran.stderr);
    let ran = app
        .promote("2", &fewer)
        .args(allow(&app, "data-db-1"))
        .run()
        .exits(2);
    assert!(
        ran.stderr.contains("error [data-loss] PersistentVolumeClaim"),
        "{}",
        ran.stderr
    );
    assert_eq!(claims(&app).len(), 3, "nothing was changed");

    let both = [allow(&app, "data-db-1"), allow(&app, "data-db-2")].concat();
    app.promote("2", &fewer).args(&both).run().exits(0);
    wait("two claims go", || claims(&app).len() == 1);
    let ran = app.revert().run().exits(0);
    for name in ["data-db-1", "data-db-2"] {
        let is_told = |line: &str| line.contains(name) && line.contains("new and empty");
        assert!(
            ran.stderr.lines().any(is_told),
            "nothing said of {name}:\n{}",
            ran.stderr
        );
    }

    let without = with_maps(&[]);
    let ran = app.promote("3", &without).args(["--allow-prune"]).run().exits(2);
    for name in ["data-db-0", "data-db-1", "data-db-2"] {
        assert!(
            ran.stderr.contains(&allow(&app, name).join(" ")),
            "no hint for {name}:\n{}",
            ran.stderr
        );
    }
    assert!(app.namespace.get("apps", "StatefulSet", "db").is_some());
}

#[test]
fn each_retention_policy_counts_alone() {
    let app = App::new();
    let volumes = Volumes::new(&app, 4);
    app.promote("1", &with_maps(&[set(&volumes.0, 2, Some(("Retain", "Delete")))]))
        .run()
        .exits(0);
    app.promote("2", &with_maps(&[set(&volumes.0, 1, Some(("Retain", "Delete")))]))
        .run()
        .exits(0);
    assert_eq!(claims(&app).len(), 2, "whenScaled: Retain keeps them");
    let ran = app
        .promote("3", &with_maps(&[]))
        .arg("--allow-prune")
        .run()
        .exits(2);
    assert!(ran.stderr.contains("whenDeleted is Delete"), "{}", ran.stderr);
    // A set owns the claims of pods that it no longer has for good: the garbage collector asks no policy.
    app.promote("4", &with_maps(&[set(&volumes.0, 1, Some(("Delete", "Retain")))]))
        .run()
        .exits(0);
    let ran = app
        .promote("5", &with_maps(&[]))
        .arg("--allow-prune")
        .run()
        .exits(2);
    assert!(
        ran.stderr.contains("data-db-1") && !ran.stderr.contains("data-db-0"),
        "{}",
        ran.stderr
    );
    app.promote("5", &with_maps(&[]))
        .arg("--allow-prune")
        .args(allow(&app, "data-db-1"))
        .run()
        .exits(0);
    wait("the owned claim goes", || claims(&app) == ["data-db-0"]);
}

#[test]
fn a_claim_that_is_named_for_pruning_needs_the_word_for_its_data_too() {
    let app = App::new();
    let volumes = Volumes::new(&app, 1);
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "storageClassName": volumes.0, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    app.promote("1", &with_maps(&[claim])).run().exits(0);
    let named = ["--prune-kept", "persistentvolumeclaim/data"];
    let ran = app.promote("2", &with_maps(&[])).args(named).run().exits(2);
    assert!(
        ran.stderr.contains(&allow(&app, "data").join(" ")),
        "{}",
        ran.stderr
    );
    app.promote("2", &with_maps(&[]))
        .args(named)
        .args(allow(&app, "data"))
        .run()
        .exits(0);
    assert_eq!(claims(&app), Vec::<String>::new());
}

#[test]
fn a_revert_deletes_data_of_what_the_promotion_had_created_only_where_it_is_named() {
    let app = App::new();
    let volumes = Volumes::new(&app, 1);
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "storageClassName": volumes.0, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    app.promote("1", &with_maps(&[])).run().exits(0);
    app.promote("2", &with_maps(&[claim])).run().exits(0);
    wait("it is bound", || {
        app.kubectl(&["get", "pvc", "data", "-o", "jsonpath={.status.phase}"]) == "Bound"
    });
    let before = claims(&app);
    let ran = app.revert().run().exits(2);
    assert!(
        ran.stderr.contains(&allow(&app, "data").join(" ")),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
    assert_eq!(claims(&app), before);
    let ran = app.revert().args(allow(&app, "data")).run().exits(0);
    assert_eq!(claims(&app), Vec::<String>::new());
    let is_told = |line: &str| line.contains("data") && line.contains("deleted with its data");
    assert!(ran.stderr.lines().any(is_told), "{}", ran.stderr);
}

#[test]
fn a_revert_names_the_claims_that_go_with_a_set_or_with_its_pods() {
    let app = App::new();
    let volumes = Volumes::new(&app, 3);
    let with = |replicas| with_maps(&[set(&volumes.0, replicas, Some(("Delete", "Delete")))]);
    app.promote("1", &with(1)).run().exits(0);
    app.promote("2", &with(3)).run().exits(0);
    let ran = app.revert().run().exits(2);
    let is_asked = |name: &str| ran.stderr.contains(&allow(&app, name).join(" "));
    assert!(
        !is_asked("data-db-0") && is_asked("data-db-1") && is_asked("data-db-2"),
        "{}",
        ran.stderr
    );
    assert_eq!(claims(&app).len(), 3);
    let ran = app.revert().args(allow(&app, "data-db-1")).run().exits(2);
    assert!(
        ran.stderr.contains(&allow(&app, "data-db-2").join(" ")),
        "{}",
        ran.stderr
    );
    app.revert()
        .args(allow(&app, "data-db-1"))
        .args(allow(&app, "data-db-2"))
        .run()
        .exits(0);
    wait("two claims go", || claims(&app).len() == 1);
}

#[test]
fn claims_that_outlive_the_revert_of_their_set_are_named_with_what_deletes_them() {
    let app = App::new();
    let volumes = Volumes::new(&app, 3);
    app.promote("1", &with_maps(&[set(&volumes.0, 3, None)]))
        .run()
        .exits(0);
    let ran = app.revert().run().exits(0);
    assert_eq!(claims(&app).len(), 3);
    for n in 0..3 {
        let delete = format!(
            "kubectl delete persistentvolumeclaim/data-db-{n} -n {}",
            app.namespace.name()
        );
        assert!(ran.stderr.contains(&delete), "no hint for {n}:\n{}", ran.stderr);
    }
}
