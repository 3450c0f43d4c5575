//! A namespace with releases made of manifests, and the commands on them.

use super::snapshot::{Copy, copy};
use crate::harness::{Namespace, Ran, Run, TestCluster, blocking};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// The name of the releases.
pub const NAME: &str = "app";

/// A namespace and the releases made for it.
pub struct App {
    pub namespace: Namespace,
    cluster: TestCluster,
    folder: tempfile::TempDir,
}

impl App {
    pub fn new() -> Self {
        Self::on(TestCluster::get())
    }

    /// On a cluster of a test's own.
    pub fn on(cluster: &TestCluster) -> Self {
        let namespace = cluster.namespace_named("t-exec");
        Self {
            namespace,
            cluster: cluster.clone(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Records a release of these manifests.
    pub fn release(&self, version: &str, objects: &[Value]) -> PathBuf {
        self.release_named(NAME, version, objects)
    }

    /// Records a release of this name.
    pub fn release_named(&self, name: &str, version: &str, objects: &[Value]) -> PathBuf {
        let manifests = self.folder.path().join(format!("{name}-{version}.json"));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        std::fs::write(&manifests, list.to_string()).unwrap();
        let file = self.folder.path().join(format!("{name}-{version}.yaml"));
        let mut record = self.cluster.delivery();
        record.args([
            "record",
            "--offline",
            "--quiet",
            "--name",
            name,
            "--version",
            version,
        ]);
        record.arg("-f").arg(&manifests).arg("-o").arg(&file).run().ok();
        file
    }

    /// `promote` of a release made of these manifests.
    pub fn promote(&self, version: &str, objects: &[Value]) -> Command {
        let file = self.release(version, objects);
        let mut command = self.cluster.delivery();
        command
            .arg("promote")
            .arg(file)
            .args(["-n", self.namespace.name(), "-y", "--settle", "0s"]);
        command
    }

    /// The program, as administrator of the cluster.
    pub fn delivery(&self) -> Command {
        self.cluster.delivery()
    }

    pub fn revert(&self) -> Command {
        let mut command = self.cluster.delivery();
        command.args(["revert", NAME, "-y", "-n", self.namespace.name()]);
        command
    }

    /// Undoes the current revision, also where a later promotion was rolled back.
    pub fn undo_current(&self) -> Command {
        let mut command = self.revert();
        let revision = self.status()["revision"].to_string();
        command.args(["--undo-revision", &revision]);
        command
    }

    pub fn revert_to(&self, revision: &str) -> Command {
        let mut command = self.revert();
        command.args(["--to-revision", revision]);
        command
    }

    pub fn status(&self) -> Value {
        let mut command = self.cluster.delivery();
        command.args(["status", NAME, "-n", self.namespace.name(), "-o", "json"]);
        command.run().exits(0).json()[0].clone()
    }

    pub fn history(&self) -> Value {
        let mut command = self.cluster.delivery();
        command.args(["history", NAME, "-n", self.namespace.name(), "-o", "json"]);
        command.run().exits(0).json()
    }

    pub fn copy(&self, objects: &[Value]) -> Copy {
        blocking(async {
            let client = self.cluster.connect().await;
            copy(client.as_ref(), self.namespace.name(), objects).await
        })
    }

    /// kubectl in this namespace; fails where it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.namespace.kubectl().args(arguments).run().ok()
    }

    pub fn kubectl_with(&self, arguments: &[&str], object: &Value) -> Ran {
        self.namespace
            .kubectl()
            .args(arguments)
            .args(["-f", "-"])
            .run_with(&object.to_string())
    }
}

/// A ConfigMap.
pub fn map(name: &str, data: Value) -> Value {
    let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    map["data"] = data;
    map
}

/// An image with a digest of one digit.
pub fn image(digit: char) -> String {
    format!("registry.example/app@sha256:{}", digit.to_string().repeat(64))
}

/// A workload of one container; `play` is what its pods' simulated node plays.
pub fn workload(kind: &str, name: &str, digit: char, play: Option<&str>) -> Value {
    let mut labels = json!({"app": name});
    if let Some(play) = play {
        labels["kwok-play"] = play.into();
    }
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
                "name": "main", "image": image(digit), "readinessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 1}}]}},
        },
    });
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = name.into();
    }
    if kind != "DaemonSet" {
        object["spec"]["replicas"] = 2.into();
    }
    object
}
