//! `deploy/watch.yaml` in pods on the real node, found by a real Prometheus through its annotation.

use super::image;
use crate::harness::{Namespace, Receiver, Run, TestCluster, free_port, until};
use crate::observability::{Alertmanager, Prometheus, PrometheusConfig};
use crate::reporting::Scene;
use crate::reporting::deployed::{Granted, documents};
use serde_json::{Value, json};

/// A Deployment of the file on the real node, under another name and on a port of its own: there is no proxy for Services on the
/// node, and with the host's network two pods cannot share one port. All else is as in the file.
fn deployment(namespace: &Namespace, name: &str) -> Value {
    let cluster = TestCluster::get();
    let mut deployment = documents(namespace.name()).pop().unwrap();
    assert_eq!(deployment["kind"], "Deployment");
    let port = free_port();

    deployment["metadata"]["name"] = name.into();
    deployment["spec"]["replicas"] = 1.into();
    let label = json!({"app.kubernetes.io/name": name});
    deployment["spec"]["selector"]["matchLabels"] = label.clone();
    let template = &mut deployment["spec"]["template"];
    template["metadata"]["labels"] = label;
    template["metadata"]["annotations"]["prometheus.io/port"] = port.to_string().into();
    let spec = &mut template["spec"];
    spec["hostNetwork"] = true.into();
    spec["nodeSelector"] = json!({"kubectl-delivery.io/node": "real"});
    spec["tolerations"] = json!([{"key": "kubectl-delivery.io/node", "operator": "Exists"}]);
    let container = &mut spec["containers"][0];
    container["image"] = image::pushed(cluster).into();
    container["ports"][0]["containerPort"] = port.into();
    let arguments = container["args"].as_array_mut().unwrap();
    let listen = arguments
        .iter_mut()
        .find(|word| *word == "--listen=:8080")
        .unwrap();
    *listen = format!("--listen=:{port}").into();
    let (host, api_port) = cluster
        .server
        .trim_start_matches("https://")
        .rsplit_once(':')
        .unwrap();
    container["env"] = json!([
        {"name": "KUBERNETES_SERVICE_HOST", "value": host},
        {"name": "KUBERNETES_SERVICE_PORT", "value": api_port},
    ]);
    deployment
}

/// As Prometheus is commonly set up to find pods by their annotations.
fn scrape_by_annotation(namespace: &Namespace) -> Value {
    let annotation = |name: &str| format!("__meta_kubernetes_pod_annotation_prometheus_io_{name}");
    json!([{
        "job_name": "kubernetes-pods",
        "kubernetes_sd_configs": [{
            "role": "pod", "kubeconfig_file": TestCluster::get().kubeconfig,
            "namespaces": {"names": [namespace.name()]},
        }],
        "relabel_configs": [
            {"source_labels": [annotation("scrape")], "action": "keep", "regex": "true"},
            {"source_labels": [annotation("path")], "action": "replace", "target_label": "__metrics_path__", "regex": "(.+)"},
            {"source_labels": ["__meta_kubernetes_pod_ip", annotation("port")], "action": "replace", "regex": "(.+);(.+)",
                "replacement": "$1:$2", "target_label": "__address__"},
            {"source_labels": ["__meta_kubernetes_namespace"], "action": "replace", "target_label": "namespace"},
            {"source_labels": ["__meta_kubernetes_pod_name"], "action": "replace", "target_label": "pod"},
        ],
    }])
}

fn describe(namespace: &Namespace) -> String {
    let show = |words: &[&str]| {
        let ran = namespace.kubectl().args(words).run();
        format!("{}{}", ran.stdout, ran.stderr)
    };
    let logs = [
        "logs",
        "-l",
        "app.kubernetes.io/name in (watch, watch-2)",
        "--tail=40",
        "--prefix",
    ];
    show(&["describe", "pods"]) + &show(&logs)
}

#[test]
fn pods_of_the_file_report_drift_to_prometheus_and_one_takes_the_others_place() {
    let (scene, pager) = (Scene::promote(), Receiver::start());
    let namespace = TestCluster::get().namespace_named("t-watch");
    let _granted = Granted::apply(&namespace);
    for name in ["watch", "watch-2"] {
        let text = deployment(&namespace, name).to_string();
        namespace
            .kubectl()
            .args(["apply", "-f", "-"])
            .run_with(&text)
            .ok();
    }
    let wait = ["rollout", "status", "--timeout=180s"];
    for name in ["deployment/watch", "deployment/watch-2"] {
        let ran = namespace.kubectl().args(wait).arg(name).run();
        assert_eq!(ran.code, Some(0), "{}{}", ran.stderr, describe(&namespace));
    }

    let alertmanager = Alertmanager::start(&pager.url("/page"));
    let rules = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/watch-rules.yaml"),
    );
    let prometheus = Prometheus::start(&PrometheusConfig {
        scrape: scrape_by_annotation(&namespace),
        rules: &rules.unwrap().replace("for: 1m", "for: 1s"),
        alertmanager: alertmanager.address(),
    });
    let leaders = || prometheus.query("kubectl_delivery_leader == 1");
    assert!(
        until(60, || leaders().len() == 1),
        "{:#}\n{}",
        prometheus.targets(),
        describe(&namespace)
    );

    scene.drift();
    let labels = [
        ("alertname", "ReleaseDrift"),
        ("release_namespace", scene.namespace()),
    ];
    assert!(
        until(60, || !alertmanager.firing(&labels).is_empty()),
        "{}",
        describe(&namespace)
    );
    let events = scene.app.kubectl(&["get", "events", "-o", "name"]);
    assert!(events.contains("delivery-app"), "{events}");

    let leader = leaders()[0]["metric"]["pod"].as_str().unwrap().to_owned();
    namespace
        .kubectl()
        .args(["delete", "pod", &leader, "--wait=false"])
        .run()
        .ok();
    let is_another = || {
        let found = leaders();
        found.len() == 1 && found[0]["metric"]["pod"] != leader.as_str()
    };
    assert!(until(60, is_another), "{}", describe(&namespace));

    scene.undo();
    assert!(
        until(60, || alertmanager.firing(&labels).is_empty()),
        "{}",
        describe(&namespace)
    );
}
