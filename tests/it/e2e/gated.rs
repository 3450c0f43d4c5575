//! The environment's gates through whole promotions: a Job on a real kubelet, with its log, and a real Prometheus.

use crate::execute::snapshot::copy_shared;
use crate::harness::{Namespace, Ran, Run, TestCluster, blocking};
use crate::rollout::gates::Prometheus;
use serde_json::{Value, json};
use std::path::Path;

fn objects(greeting: &str) -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"greeting": greeting}}),
    ]
}

/// Promotes with these gates; the gate's Job runs `image`.
fn promote(namespace: &Namespace, folder: &Path, greeting: &str, image: &str, gate: &Value) -> Ran {
    let write = |name: &str, value: &Value| {
        let path = folder.join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path
    };
    let pod = json!({"restartPolicy": "Never", "nodeSelector": {"kubectl-delivery.io/node": "real"},
        "tolerations": [{"key": "kubectl-delivery.io/node", "operator": "Exists"}],
        "containers": [{"name": "smoke", "image": format!("{}/{image}", TestCluster::get().registry)}]});
    write(
        "smoke.json",
        &json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "smoke"},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}}}),
    );
    let smoke = json!({"name": "smoke", "job": "smoke.json", "timeoutSeconds": 60});
    let gates = if gate.is_null() {
        json!([smoke])
    } else {
        json!([smoke, gate])
    };
    let environment = write(
        "environment.yaml",
        &json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment",
        "metadata": {"name": "test"}, "spec": {"gates": gates}}),
    );
    let release = write(
        "release.yaml",
        &json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release",
        "metadata": {"name": "shop", "version": greeting}, "spec": {"objects": objects(greeting)}}),
    );
    let mut command = TestCluster::get().delivery();
    command
        .arg("promote")
        .arg(release)
        .arg("-e")
        .arg(environment)
        .args(["-n", namespace.name(), "-y"])
        .run()
}

#[test]
fn gates_let_a_promotion_pass_or_put_everything_back_with_the_jobs_log() {
    let namespace = TestCluster::get().namespace_named("t-gated");
    let folder = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start();
    let gate = |query: &str| {
        let asked =
            json!({"url": prometheus.url, "query": query, "condition": "result.all(value, value < 0.5)"});
        json!({"name": "errors", "prometheus": asked, "timeoutSeconds": 5})
    };
    let good = "shop/migrate:1.0.0";
    let ran = promote(&namespace, folder.path(), "one", good, &gate("vector(0.25)")).exits(0);
    assert!(
        ran.stderr.contains("gate smoke passed") && ran.stderr.contains("gate errors passed"),
        "{}",
        ran.stderr
    );
    let before = blocking(copy_shared(namespace.name(), &objects("one")));

    let ran = promote(&namespace, folder.path(), "two", "test/crash:1.0.0", &Value::Null).exits(3);
    assert!(
        ran.stderr.contains("FAILED   ") && ran.stderr.contains("gate smoke: "),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("log: cannot read /etc/app/config"),
        "{}",
        ran.stderr
    );
    blocking(copy_shared(namespace.name(), &objects("one"))).must_be(&before, "after the Job failed");

    let ran = promote(&namespace, folder.path(), "three", good, &gate("vector(0.75)")).exits(3);
    assert!(
        ran.stderr.contains("gate errors not passed within 5s") && ran.stderr.contains("[0.75]"),
        "{}",
        ran.stderr
    );
    blocking(copy_shared(namespace.name(), &objects("one"))).must_be(&before, "after the query failed");
    let jobs = namespace.kubectl().args(["get", "jobs", "-o", "name"]).run().ok();
    assert_eq!(jobs, "", "a gate leaves nothing behind");
}
