//! A real kubelet quotes a command with its variables filled in: the value of the Secret is hidden.

use crate::harness::{Run, TestCluster};
use serde_json::{Value, json};

const VALUE: &str = "correct-horse-battery";

#[test]
fn a_command_with_a_secret_in_it_is_quoted_by_the_kubelet_and_shown_without_its_value() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-real");
    let literal = format!("--from-literal=pass={VALUE}");
    namespace
        .kubectl()
        .args(["create", "secret", "generic", "s", &literal])
        .run()
        .ok();
    let from = json!({"secretKeyRef": {"name": "s", "key": "pass"}});
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
            "nodeSelector": {"kubectl-delivery.io/node": "real"},
            "tolerations": [{"key": "kubectl-delivery.io/node", "operator": "Exists"}],
            "containers": [{"name": "main", "image": format!("{}/shop/web:1.0.0", cluster.registry),
                "command": ["/opt/$(PASS)/run"], "env": [{"name": "PASS", "valueFrom": from}]}]}}}});
    let release = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release",
        "metadata": {"name": "shop", "version": "1"}, "spec": {"objects": [web]}});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("release.json");
    std::fs::write(&file, release.to_string()).unwrap();

    let mut promote = cluster.delivery();
    promote
        .arg("promote")
        .arg(&file)
        .args(["-n", namespace.name(), "-y", "-o", "json"]);
    let ran = promote.run().exits(3);
    let events: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        events.iter().any(|event| event["event"] == "failed"),
        "{}",
        ran.stdout
    );
    let shown = ran.stdout + &ran.stderr;
    assert!(
        shown.contains("<Secret s/pass>") && !shown.contains(VALUE),
        "{shown}"
    );
}
