//! A namespace with an application of one Deployment on the real node, what happens behind its back, and what is said of it.

use crate::harness::{Namespace, Ran, Repository, Run, TestCluster, unique, until};
use crate::promote::support::contents;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::path::PathBuf;
use std::process::Command;

/// Where one world is played.
pub struct Place {
    pub namespace: Namespace,
    /// A text of its own: for what is named in the whole cluster.
    pub mark: String,
    /// Its own images.
    pub images: Repository,
    folder: tempfile::TempDir,
    wide: RefCell<Vec<String>>,
}

/// The name of the workload.
pub const WEB: &str = "web";

/// A Deployment of one container on the real node, of which the old pod goes before the new one comes; `change` is done
/// to its template.
pub fn web(image: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut template = json!({"metadata": {"labels": {"app": WEB}}, "spec": {
        "nodeSelector": {"kubectl-delivery.io/node": "real"},
        "tolerations": [{"key": "kubectl-delivery.io/node", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "web", "image": image, "env": [{"name": "LEVEL", "value": "info"}],
            "resources": {"requests": {"cpu": "10m"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}}]}});
    change(&mut template);
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": WEB}, "spec": {
        "replicas": 1, "strategy": {"type": "Recreate"}, "progressDeadlineSeconds": 60,
        "selector": {"matchLabels": {"app": WEB}}, "template": template}})
}

/// An image that `tests/cluster/README.md` lists.
pub fn image(name: &str) -> String {
    format!("{}/{name}", TestCluster::get().registry)
}

impl Place {
    pub fn new() -> Self {
        Self {
            namespace: TestCluster::get().namespace_named("t-starts"),
            mark: format!("t-starts-{}", unique()),
            images: Repository::new(),
            folder: tempfile::tempdir().unwrap(),
            wide: RefCell::default(),
        }
    }

    /// kubectl in the namespace; fails where it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.namespace.kubectl().args(arguments).run().ok()
    }

    /// Creates what is no part of the release. What is cluster-wide is to be named with `mark`, and goes with the place.
    pub fn create(&self, object: &Value) {
        let mut command = self.namespace.kubectl();
        command.args(["create", "-f", "-", "-o", "name"]);
        let name = command.run_with(&object.to_string()).ok();
        if object["metadata"]["name"]
            .as_str()
            .is_some_and(|name| name.starts_with(&self.mark))
        {
            self.wide.borrow_mut().push(name.trim().into());
        }
    }

    /// Sets a label of the real node.
    pub fn label_node(&self, label: &str) {
        let labelled = [
            "label",
            "--overwrite",
            "node",
            "-l",
            "kubectl-delivery.io/node=real",
            label,
        ];
        self.kubectl(&labelled);
    }

    pub fn delivery(&self, words: &[&str]) -> Command {
        let mut command = TestCluster::get().delivery();
        command.args(words).args(["-n", self.namespace.name()]);
        command
    }

    /// Records a release of these objects, with what the registry says of their images.
    pub fn record(&self, version: &str, objects: &[Value]) -> PathBuf {
        let manifests = self.folder.path().join(format!("{version}.json"));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        std::fs::write(&manifests, list.to_string()).unwrap();
        let file = self.folder.path().join(format!("{version}.yaml"));
        let mut record = TestCluster::get().delivery();
        record.args(["record", "--quiet", "--name", "shop", "--version", version]);
        record.arg("-f").arg(&manifests).arg("-o").arg(&file).run().ok();
        file
    }

    pub fn promote(&self, release: &PathBuf, flags: &[&str]) -> Ran {
        let mut command = self.delivery(&["promote", "-y", "--settle", "0s"]);
        command.arg(release).args(flags).run()
    }

    pub fn diff(&self, release: &PathBuf, flags: &[&str]) -> Ran {
        self.delivery(&["diff"]).arg(release).args(flags).run()
    }

    /// Everything here that a promotion could touch, and the pods.
    pub fn everything(&self) -> (Vec<String>, Vec<String>) {
        let held = contents(&self.namespace);
        let held = held
            .into_iter()
            .map(|(name, content)| format!("{name} {content}"));
        (held.collect(), self.pods())
    }

    /// The UIDs of the pods that are not on their way out.
    pub fn pods(&self) -> Vec<String> {
        self.listed()
            .iter()
            .map(|pod| pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    fn listed(&self) -> Vec<Value> {
        let mut listed = self.namespace.kubectl();
        let listed = listed.args(["get", "pods", "-o", "json"]).run().exits(0).json();
        let pods = listed["items"].as_array().unwrap().iter();
        pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .cloned()
            .collect()
    }

    /// The UIDs of the pods that are ready.
    pub fn ready(&self) -> Vec<String> {
        let is_ready = |pod: &&Value| {
            let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            conditions
                .filter(|condition| condition["type"] == "Ready")
                .any(|condition| condition["status"] == "True")
        };
        let listed = self.listed();
        let ready = listed.iter().filter(is_ready);
        ready
            .map(|pod| pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Whether a ready pod stands in the place of those that are deleted now, within so many seconds.
    pub fn comes_back(&self, seconds: u64) -> bool {
        let old = self.pods();
        self.kubectl(&["delete", "pods", "-l", &format!("app={WEB}"), "--wait=false"]);
        until(seconds, || self.ready().iter().any(|uid| !old.contains(uid)))
    }

    /// What the cluster itself says of pods that do not start: their status, the events, and the ReplicaSets' conditions.
    pub fn witnesses(&self) -> String {
        let mut listed = self.namespace.kubectl();
        listed.args(["get", "pods,events,replicasets.apps", "-o", "json"]);
        listed.run().ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let wide = self.wide.borrow();
        if !wide.is_empty() {
            let mut delete = TestCluster::get().kubectl();
            delete
                .args(["delete", "--wait=false", "--ignore-not-found"])
                .args(wide.iter())
                .run();
        }
    }
}
