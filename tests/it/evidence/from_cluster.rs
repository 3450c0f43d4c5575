//! `record --from-cluster`: what the test cluster's pods ran.

use super::Scene;
use crate::harness::{Namespace, Ran, Run, TestCluster};
use serde_json::{Value, json};
use std::process::Command;

/// A web server from the cluster's registry, with what goes into its template's metadata and an init container.
fn web(metadata: &Value) -> String {
    let image = format!("{}/shop/web:1.0.0", TestCluster::get().registry);
    let mut metadata = metadata.clone();
    metadata["labels"]["app"] = "web".into();
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": metadata, "spec": {
            "initContainers": [{"name": "before", "image": image}], "containers": [{"name": "web", "image": image}]}}}})
    .to_string()
}

/// As CI does it: record, render, apply; `then` is what happens to the namespace before CI asks again.
fn tested(scene: &Scene, manifests: &str, namespace: &Namespace) {
    let cluster = TestCluster::get();
    scene.write("in.yaml", manifests);
    scene.record(&[], &[]).ok();
    let mut render = cluster.delivery();
    let rendered = render
        .current_dir(scene.folder.path())
        .args(["render", "shop.yaml", "-n", namespace.name()])
        .run()
        .ok();
    cluster
        .kubectl()
        .args(["apply", "-n", namespace.name(), "-f", "-"])
        .run_with(&rendered)
        .ok();
    std::fs::remove_file(scene.path("shop.yaml")).unwrap();
}

fn from_cluster(scene: &Scene, namespace: &Namespace) -> Ran {
    scene.record(
        &[
            "--from-cluster",
            "-n",
            namespace.name(),
            "--evidence",
            "integration=good.xml",
        ],
        &[],
    )
}

#[test]
fn what_the_pods_of_the_test_cluster_ran_goes_into_the_evidence() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-record");
    let scene = Scene::new();
    tested(&scene, &web(&json!({})), &namespace);
    let wait = [
        "rollout",
        "status",
        "deployment/web",
        "--timeout",
        "60s",
        "-n",
        namespace.name(),
    ];
    cluster.kubectl().args(wait).run().ok();
    from_cluster(&scene, &namespace).ok();
    let ran = scene.predicate("integration")["ran"].clone();
    assert_eq!(ran.as_array().unwrap().len(), 2, "{ran}");
    let image = format!("{}/shop/web:1.0.0", cluster.registry);
    let digest = Command::new(cluster.tools.join("crane"))
        .args(["digest", &image])
        .run()
        .ok();
    assert_eq!(
        ran[1],
        json!({"workload": "Deployment web", "container": "web", "image": image, "digests": [digest.trim()], "pods": 2})
    );
}

#[test]
fn a_workload_that_is_not_ready_or_runs_something_else_or_is_not_there_is_not_recorded() {
    let cluster = TestCluster::get();
    let other = kubectl_delivery::testing::model::Sha256Digest::compute(b"other");
    let id = format!("registry.example/web@{other}");
    let moved = json!({"annotations": {"kwok-image-id/web": id}});
    let broken = json!({"labels": {"kwok-play": "crash-loop"}});
    let cases = [
        (
            moved,
            "Deployment web, container web: runs ".to_owned(),
            other.short().to_owned(),
        ),
        (broken, "/web is not ready: ".to_owned(), String::new()),
    ];
    for (metadata, expected, also) in cases {
        let namespace = cluster.namespace_named("t-record");
        let scene = Scene::new();
        tested(&scene, &web(&metadata), &namespace);
        let condition = if also.is_empty() {
            "jsonpath={.status.unavailableReplicas}=2"
        } else {
            "condition=Available"
        };
        let wait = [
            "wait",
            "deployment/web",
            "--for",
            condition,
            "--timeout",
            "60s",
            "-n",
            namespace.name(),
        ];
        cluster.kubectl().args(wait).run().ok();
        let ran = from_cluster(&scene, &namespace).exits(1);
        assert!(
            ran.stderr.contains(&expected) && ran.stderr.contains(&also),
            "{}",
            ran.stderr
        );
        assert!(
            scene.files().is_empty(),
            "nothing is written: {:?}",
            scene.files()
        );
    }
    let namespace = cluster.namespace_named("t-record");
    let scene = Scene::new();
    scene.write("in.yaml", &web(&json!({})));
    let ran = from_cluster(&scene, &namespace).exits(1);
    assert!(
        ran.stderr.contains("/web: does not exist in the test cluster"),
        "{}",
        ran.stderr
    );
}
