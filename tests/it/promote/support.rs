//! Releases to promote, and a look at everything that a namespace holds.

use crate::harness::{Namespace, Ran, Run, TestCluster};
use kubectl_delivery::testing::model::Object;
use kubectl_delivery::testing::model::state_key::StateKey;
use kubectl_delivery::testing::objects::content_hash;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A release file of these objects.
pub struct ReleaseFile {
    folder: tempfile::TempDir,
}

impl ReleaseFile {
    pub fn new(name: &str, version: &str, objects: Vec<Value>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut release = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release",
            "metadata": {"name": name, "version": version}});
        release["spec"]["objects"] = objects.into();
        std::fs::write(folder.path().join("release.yaml"), release.to_string()).unwrap();
        Self { folder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("release.yaml")
    }

    /// A path beside the release.
    pub fn sibling(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Promotes as administrator.
pub fn promote(namespace: &Namespace, release: &ReleaseFile, flags: &[&str]) -> Ran {
    let mut command = TestCluster::get().delivery();
    command
        .arg("promote")
        .arg(release.path())
        .args(["-n", namespace.name()])
        .args(flags)
        .run()
}

/// Everything in a namespace that a promotion could touch: identity → uid and hash of its content.
pub fn contents(namespace: &Namespace) -> BTreeMap<String, String> {
    let kinds = "configmaps,secrets,services,serviceaccounts,deployments.apps,statefulsets.apps,jobs.batch,\
                 roles.rbac.authorization.k8s.io,horizontalpodautoscalers.autoscaling,leases.coordination.k8s.io,\
                 persistentvolumeclaims,resourcequotas";
    let listed = namespace
        .kubectl()
        .args(["get", kinds, "-o", "json", "--show-managed-fields"])
        .run()
        .exits(0)
        .json();
    let entry = |value: &Value| {
        let object = Object::new(value.clone()).unwrap();
        (
            object.id().to_string(),
            format!(
                "{} {}",
                object.uid(),
                content_hash(&object, StateKey::new([0; 32]).bind(None, "").content())
            ),
        )
    };
    listed["items"].as_array().unwrap().iter().map(entry).collect()
}

pub fn config(name: &str, data: Value) -> Value {
    let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    map["data"] = data;
    map
}

/// A Deployment of one container that becomes ready at once.
pub fn deployment(name: &str, image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image,
            "resources": {"requests": {"cpu": "100m"}},
            "readinessProbe": {"tcpSocket": {"port": 80}}}]}}}})
}

pub fn job(name: &str, image: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}}}})
}

/// kubectl apply, as users of it install an application.
pub fn kubectl_apply(namespace: &Namespace, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    namespace
        .kubectl()
        .args(["apply", "-f", "-"])
        .run_with(&list.to_string())
        .ok();
}
