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
        let code = pod.at("/status/containerStatuses/0/state/terminated/exitCode").and_then(Value::as_i64);
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
    let told: Value = serde_json::from_str(&log).unwrap_or_else(|error| panic!("{error}: {log}"));
    assert_eq!(told["serverVersion"]["address"], TestCluster::get().server.as_str());
}
