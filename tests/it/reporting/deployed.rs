//! `deploy/watch.yaml`: the API server takes it, what it grants is enough, and it grants no write to a release.

use super::Scene;
use crate::harness::{Namespace, Run, TestCluster, User, WatchProcess};
use serde_json::Value;
use std::path::Path;

const NAMESPACE: &str = "kubectl-delivery";

/// The documents of the file, for a namespace of a test's own. What is cluster-scoped gets that name at its end.
pub fn documents(namespace: &str) -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/watch.yaml");
    let mut documents: Vec<Value> =
        serde_yaml::from_multiple(&std::fs::read_to_string(file).unwrap()).unwrap();
    documents.retain(|document| document["kind"] != "Namespace");
    for document in &mut documents {
        let is_wide = document["kind"].as_str().unwrap().starts_with("Cluster");
        if is_wide {
            let name = document["metadata"]["name"].as_str().unwrap();
            document["metadata"]["name"] = format!("{name}-{namespace}").into();
        } else {
            document["metadata"]["namespace"] = namespace.into();
        }
        if document["roleRef"]["name"] == "kubectl-delivery-watch" {
            document["roleRef"]["name"] = format!("kubectl-delivery-watch-{namespace}").into();
        }
        for subject in document["subjects"].as_array_mut().into_iter().flatten() {
            assert_eq!(subject["namespace"], NAMESPACE);
            subject["namespace"] = namespace.into();
        }
    }
    documents
}

/// What was granted; what is cluster-scoped goes when it is dropped.
pub struct Granted(Vec<Value>);

impl Granted {
    /// Applies everything but the Deployment.
    pub fn apply(namespace: &Namespace) -> Self {
        let documents: Vec<Value> = documents(namespace.name())
            .into_iter()
            .filter(|document| document["kind"] != "Deployment")
            .collect();
        let granted = Self(documents);
        for document in &granted.0 {
            let mut kubectl = TestCluster::get().kubectl();
            kubectl
                .args(["apply", "-f", "-"])
                .run_with(&document.to_string())
                .ok();
        }
        granted
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        for document in &self.0 {
            if document["metadata"]["namespace"].is_null() {
                let mut kubectl = TestCluster::get().kubectl();
                kubectl
                    .args(["delete", "--wait=false", "-f", "-"])
                    .run_with(&document.to_string());
            }
        }
    }
}

fn account(namespace: &Namespace) -> User<'_> {
    namespace.user("watch").ready()
}

#[test]
fn the_api_server_takes_every_document_under_the_strictest_pod_security() {
    let namespace = TestCluster::get().namespace_named("t-deploy");
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    let label = ["label", "namespace", namespace.name(), restricted];
    namespace.kubectl().args(label).run().ok();

    for document in documents(namespace.name()) {
        let mut kubectl = TestCluster::get().kubectl();
        let ran = kubectl
            .args(["apply", "--dry-run=server", "--validate=strict", "-f", "-"])
            .run_with(&document.to_string());
        assert!(!ran.stderr.contains("Warning"), "{}", ran.stderr);
        ran.exits(0);
    }
}

#[test]
fn its_account_watches_every_namespace_and_leads() {
    let scene = Scene::promote();
    let namespace = TestCluster::get().namespace_named("t-deploy");
    let _granted = Granted::apply(&namespace);
    let account = account(&namespace);

    let mut command = scene.app.delivery();
    command.env("KUBECONFIG", account.kubeconfig());
    let deployment = documents(namespace.name()).pop().unwrap();
    let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let arguments: Vec<String> = serde_json::from_value(arguments).unwrap();
    command.args(arguments.iter().filter(|word| !word.starts_with("--listen")));
    let watch = WatchProcess::start(command);

    watch.wait_for("the release is watched, and the Secret not verified", |page| {
        let of_release =
            |name: &str, label: &str| crate::harness::series(page, &[name, &scene.labels(), label]);
        let requirements = of_release("release_unverified", r#"coverage="requirements""#);
        page.contains("kubectl_delivery_leader 1")
            && !of_release("release_info", "").is_empty()
            && requirements.iter().any(|(_, count)| *count == 1.0)
    });
    // Of everything else in the release it may read enough.
    let unknown = watch.series(&["unknown_findings", &scene.labels()]);
    assert!(unknown.is_empty(), "{unknown:?}");
    scene.drift();
    watch.wait_for("drift", |page| {
        !crate::harness::series(page, &["drift_findings", &scene.labels()]).is_empty()
    });
    let forbidden = watch.series(&["watch_errors_total", "forbidden"]);
    let others: Vec<_> = forbidden
        .iter()
        // Kinds of the releases of others are none that the role lists.
        .filter(|(name, _)| !name.contains("secrets") && !name.contains("example.com"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(
        watch.series(&["sink_failures_total"]).is_empty(),
        "{}",
        watch.metrics()
    );
}

#[test]
fn its_account_may_write_no_object_of_a_release_and_read_no_secret() {
    let namespace = TestCluster::get().namespace_named("t-deploy");
    let _granted = Granted::apply(&namespace);
    let account = account(&namespace);
    let may = |verb: &str, resource: &str| {
        let mut kubectl = std::process::Command::new(TestCluster::get().tools.join("kubectl"));
        kubectl.arg("--kubeconfig").arg(account.kubeconfig());
        let ran = kubectl
            .args(["auth", "can-i", verb, resource, "--namespace", "default"])
            .run();
        ran.stdout.trim() == "yes"
    };

    for resource in [
        "configmaps",
        "deployments.apps",
        "services",
        "secrets",
        "pods",
        "roles.rbac.authorization.k8s.io",
    ] {
        for verb in ["create", "update", "patch", "delete"] {
            assert!(!may(verb, resource), "{verb} {resource}");
        }
    }
    assert!(!may("get", "secrets") && !may("list", "secrets"));
    assert!(
        may("list", "deployments.apps")
            && may("create", "events")
            && may("watch", "leases.coordination.k8s.io")
    );
}
