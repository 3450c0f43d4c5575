//! The program inside of the cluster: its ServiceAccount is all that it needs.

use super::image;
use crate::harness::{Namespace, Run, TestCluster};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A pod on the real node that runs the program. There is no proxy for Services on it: the API server is named.
fn pod(name: &str, account: &str, arguments: &[&str]) -> Value {
    let cluster = TestCluster::get();
    let address = cluster.server.trim_start_matches("https://");
    let (host, port) = address.rsplit_once(':').unwrap();
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "serviceAccountName": account, "restartPolicy": "Never", "hostNetwork": true,
            "nodeSelector": {"kubectl-delivery.io/node": "real"},
            "tolerations": [{"key": "kubectl-delivery.io/node", "operator": "Exists"}],
            "containers": [{
                "name": "delivery", "image": image::pushed(cluster), "args": arguments,
                "env": [
                    {"name": "KUBERNETES_SERVICE_HOST", "value": host},
                    {"name": "KUBERNETES_SERVICE_PORT", "value": port},
                ],
                "securityContext": {
                    "runAsUser": 65532, "runAsNonRoot": true, "readOnlyRootFilesystem": true,
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    })
}

/// The pod's exit code and log, once it has ended.
fn ended(namespace: &Namespace, name: &str) -> (i64, String) {
    let start = Instant::now();
    loop {
        let pod = namespace.get("", "Pod", name).unwrap();
        let code = pod
            .at("/status/containerStatuses/0/state/terminated/exitCode")
            .and_then(Value::as_i64);
        if let Some(code) = code {
            return (code, namespace.kubectl().args(["logs", name]).run().ok());
        }
        let waited = start.elapsed();
        assert!(
            waited < Duration::from_secs(90),
            "the pod has not ended after {waited:?}: {:?}",
            pod.at("/status")
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn in_a_pod_the_service_account_is_enough() {
    let namespace = TestCluster::get().namespace_named("t-pod");
    namespace.apply(pod("version", "default", &["version", "-o", "json"]));
    let (code, log) = ended(&namespace, "version");
    assert_eq!(code, 0, "{log}");
    let ran: Value = serde_json::from_str(&log).unwrap_or_else(|error| panic!("{error}: {log}"));
    assert_eq!(
        ran["serverVersion"]["address"],
        TestCluster::get().server.as_str()
    );
}

/// The Job of `deploy/job.yaml`, moved to the real node; all else is as in the file.
fn example_job(pod: &Value) -> Vec<Value> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/job.yaml");
    let mut documents: Vec<Value> =
        serde_yaml::from_multiple(&std::fs::read_to_string(file).unwrap()).unwrap();
    let job = documents
        .iter_mut()
        .find(|document| document["kind"] == "Job")
        .unwrap();
    let spec = &mut job["spec"]["template"]["spec"];
    for field in ["hostNetwork", "nodeSelector", "tolerations"] {
        spec[field] = pod["spec"][field].clone();
    }
    for field in ["image", "env"] {
        spec["containers"][0][field] = pod["spec"]["containers"][0][field].clone();
    }
    documents
}

#[test]
fn the_example_job_promotes_from_inside_of_the_cluster() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-pod");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let manifests = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "nodeSelector": {"kubectl-delivery.io/node": "real"},
                    "tolerations": [{"key": "kubectl-delivery.io/node", "operator": "Exists"}],
                    "containers": [{"name": "web", "image": format!("{}/shop/web:1.0.0", cluster.registry)}],
                },
            },
        },
    });
    std::fs::write(file("manifests.json"), manifests.to_string()).unwrap();
    let environment = "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Environment\nmetadata: {name: pod}\n";
    std::fs::write(file("environment.yaml"), environment).unwrap();
    let record = ["record", "--name", "shop", "--version", "1.0.0", "-f"];
    let mut command = cluster.delivery();
    command
        .args(record)
        .arg(file("manifests.json"))
        .arg("-o")
        .arg(file("release.yaml"))
        .run()
        .ok();
    let from = |name: &str| format!("--from-file={}", file(name).display());
    let create = ["create", "configmap", "shop-release"];
    namespace
        .kubectl()
        .args(create)
        .args([from("release.yaml"), from("environment.yaml")])
        .run()
        .ok();
    for document in example_job(&pod("unused", "delivery", &[])) {
        namespace
            .kubectl()
            .args(["apply", "-f", "-"])
            .run_with(&document.to_string())
            .ok();
    }
    let wait = [
        "wait",
        "job/promote-shop",
        "--for=condition=Complete",
        "--timeout=120s",
    ];
    let waited = namespace.kubectl().args(wait).run();
    let log = namespace
        .kubectl()
        .args(["logs", "job/promote-shop"])
        .run()
        .stdout;
    assert_eq!(waited.code, Some(0), "{}\n{log}", waited.stderr);
    let web = namespace.get("apps", "Deployment", "web").unwrap();
    assert!(
        web.text("/spec/template/spec/containers/0/image")
            .contains("@sha256:")
    );
    assert_eq!(web.at("/status/readyReplicas"), Some(&json!(1)));
}
