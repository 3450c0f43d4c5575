//! `deploy/job.yaml`: what it grants is enough, and all of it is needed.

use crate::harness::{Namespace, Ran, Run, TestCluster};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn documents() -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/job.yaml");
    serde_yaml::from_multiple(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Applies all but the Job, after a change to the Role.
fn grant(namespace: &Namespace, change: impl Fn(&mut Value)) {
    for mut document in documents() {
        if document["kind"] == "Job" {
            continue;
        }
        if document["kind"] == "Role" {
            change(&mut document);
        }
        namespace
            .kubectl()
            .args(["apply", "-f", "-"])
            .run_with(&document.to_string())
            .ok();
    }
}

/// A release such as the file speaks of: a Deployment, a Service, a ConfigMap.
fn release(folder: &Path) -> PathBuf {
    let manifests = folder.join("manifests.yaml");
    let digest = format!("sha256:{}", "ab".repeat(32));
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web}}\ndata: {{a: b}}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  selector: {{matchLabels: {{app: web}}}}\n  \
         template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      containers:\n      \
         - {{name: web, image: 'registry.invalid/web@{digest}', envFrom: [{{configMapRef: {{name: web}}}}]}}\n"
    );
    std::fs::write(&manifests, text).unwrap();
    let file = folder.join("release.yaml");
    let record = ["record", "--offline", "--name", "shop", "--version", "1", "-f"];
    TestCluster::get()
        .delivery()
        .args(record)
        .arg(&manifests)
        .arg("-o")
        .arg(&file)
        .run()
        .ok();
    file
}

fn tried(namespace: &Namespace, release: &Path) -> Ran {
    let account = namespace.user("delivery").ready();
    let mut command = TestCluster::get().delivery();
    command.env("KUBECONFIG", account.kubeconfig());
    command
        .arg("promote")
        .arg(release)
        .args(["-n", namespace.name(), "--dry-run=server"])
        .run()
}

#[test]
fn the_role_of_the_job_is_enough_for_its_release() {
    let namespace = TestCluster::get().namespace_named("t-deploy");
    let folder = tempfile::tempdir().unwrap();
    grant(&namespace, |_| {});
    let ran = tried(&namespace, &release(folder.path()));
    assert!(
        !ran.stderr.contains("[permissions]") && !ran.stdout.contains("[permissions]"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    ran.exits(0);
}

#[test]
fn without_a_rule_of_it_the_preflight_names_what_is_missing() {
    let namespace = TestCluster::get().namespace_named("t-deploy");
    let folder = tempfile::tempdir().unwrap();
    grant(&namespace, |role| {
        role["rules"][0]["verbs"] = serde_json::json!(["get", "list", "watch"]);
    });
    let ran = tried(&namespace, &release(folder.path())).exits(2);
    let message = format!("{}{}", ran.stdout, ran.stderr);
    assert!(
        message.contains("deployments.apps") && message.contains("patch"),
        "{message}"
    );
}

#[test]
fn the_job_itself_is_accepted_under_the_strictest_pod_security() {
    let namespace = TestCluster::get().namespace_named("t-deploy");
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    namespace
        .kubectl()
        .args(["label", "namespace", namespace.name(), restricted])
        .run()
        .ok();
    let job = documents()
        .into_iter()
        .find(|document| document["kind"] == "Job")
        .unwrap();
    let ran = namespace
        .kubectl()
        .args(["apply", "--dry-run=server", "-f", "-"])
        .run_with(&job.to_string());
    assert!(!ran.stderr.contains("Warning"), "{}", ran.stderr);
    ran.exits(0);
}
