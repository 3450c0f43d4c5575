//! A tag that moves under an unchanged manifest: what the pods really run is told apart, pod by pod.

use crate::harness::{Run, TestCluster, unique};
use serde_json::{Value, json};
use std::process::Command;

fn crane(words: &[&str]) {
    let mut command = Command::new(TestCluster::get().tools.join("crane"));
    command.arg("--insecure").args(words).run().ok();
}

#[test]
fn a_tag_that_moved_between_two_pods_is_mixed_across_replicas_and_both_are_named() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-tags");
    let image = format!("{}/{}/web:1", cluster.registry, unique());
    crane(&["copy", &format!("{}/shop/web:1.0.0", cluster.registry), &image]);
    let folder = tempfile::tempdir().unwrap();
    let manifest = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "nodeSelector": {"kubectl-delivery.io/node": "real"},
                "tolerations": [{"key": "kubectl-delivery.io/node", "operator": "Exists"}],
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "web", "image": image, "imagePullPolicy": "Always"}]}}}});
    std::fs::write(folder.path().join("web.json"), manifest.to_string()).unwrap();
    let delivery = |words: &[&str]| {
        let mut command = cluster.delivery();
        command.current_dir(folder.path()).args(words);
        command
    };
    delivery(&["record", "-f", "web.json", "--name", "tags", "--version", "1", "-o", "tags.yaml"]).run().ok();
    namespace.kubectl().arg("apply").arg("-f").arg(folder.path().join("web.json")).run().ok();
    let ready = || {
        namespace.kubectl().args(["rollout", "status", "deployment/web", "--timeout=60s"]).run().ok();
    };
    ready();
    let images = |words: &[&str]| -> Vec<Value> {
        let ran = delivery(&["images", "-n", namespace.name(), "-o", "json"]).args(words).run();
        ran.exits(0).json().as_array().unwrap().clone()
    };
    let before = images(&[]);
    assert_eq!((before.len(), &before[0]["tag"]["is"]), (1, &json!("current")), "{before:?}");
    assert_eq!(images(&["--offline"])[0]["tag"]["is"], "unknown");

    crane(&["copy", &format!("{}/shop/api:1.0.0", cluster.registry), &image]);
    let one = namespace.kubectl().args(["get", "pods", "-o", "name"]).run().ok();
    let one = one.lines().next().unwrap().trim_start_matches("pod/").to_owned();
    namespace.kubectl().args(["delete", "pod", &one]).run().ok();
    ready();
    let ran = delivery(&["diff", "tags.yaml", "-n", namespace.name(), "-o", "json"]).run().exits(1);
    let view: Value = serde_json::from_str(&ran.stdout).unwrap();
    let found = &view["images"][0];
    assert_eq!((&found["state"], &found["container"]), (&json!("mixed"), &json!("web")), "{view}");
    let pods: Vec<usize> = found["running"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["pods"].as_array().unwrap().len())
        .collect();
    assert!(pods == [1, 2] || pods == [2, 1], "the pods of each digest are named: {found}");
    let after = images(&[]);
    let mut tags: Vec<&str> = after.iter().map(|line| line["tag"]["is"].as_str().unwrap()).collect();
    tags.sort_unstable();
    assert_eq!(tags, ["current", "moved"], "{after:?}");
    let shown = delivery(&["diff", "tags.yaml", "-n", namespace.name()]).run().exits(1).stdout;
    assert!(shown.contains("mixed across replicas"), "{shown}");
}
