//! Where drawn workloads run: a namespace, a node of their own or the real one, and what is named in the whole cluster.

use super::need::Event;
use crate::harness::{Namespace, Run, TestCluster, unique};
use serde_json::{Value, json};

/// The place of some workloads.
pub struct Ground {
    pub namespace: Namespace,
    /// Begins the names of what is cluster-wide.
    pub mark: String,
    pub node: Node,
    folder: tempfile::TempDir,
}

/// Where the pods go.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A node that kwok plays, and that goes with the ground.
    Simulated(String),
    /// The one with a kubelet.
    Real,
}

impl Ground {
    pub fn simulated() -> Self {
        let ground = Self::new(Node::Simulated(format!("t-node-{}", unique())));
        if let Node::Simulated(name) = &ground.node {
            let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"own": ground.mark},
                "annotations": {"kwok.x-k8s.io/node": "fake"}},
                "spec": {"taints": [{"key": "own", "value": ground.mark, "effect": "NoSchedule"}]}});
            ground.kubectl_with(&["create"], &[node]);
            let ready = ["wait", "--for=condition=Ready", "--timeout=60s", "node", name];
            ground.kubectl(&ready);
        }
        ground
    }

    pub fn real() -> Self {
        Self::new(Node::Real)
    }

    fn new(node: Node) -> Self {
        let namespace = TestCluster::get().namespace_named("t-drawn");
        Self {
            mark: namespace.name().to_owned(),
            namespace,
            node,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// What sends a pod there.
    pub fn pod_spec(&self) -> Value {
        let (label, value) = match &self.node {
            Node::Simulated(_) => ("own", self.mark.as_str()),
            Node::Real => ("kubectl-delivery.io/node", "real"),
        };
        json!({"nodeSelector": {label: value}, "tolerations": [{"key": label, "operator": "Exists"}],
            "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false})
    }

    fn selector(&self) -> &'static str {
        match self.node {
            Node::Simulated(_) => "own",
            Node::Real => "kubectl-delivery.io/node",
        }
    }

    fn selected(&self) -> String {
        match &self.node {
            Node::Simulated(_) => format!("{}={}", self.selector(), self.mark),
            Node::Real => format!("{}=real", self.selector()),
        }
    }

    /// Sets or takes labels of its node.
    pub fn label(&self, labels: &[String]) {
        if labels.is_empty() {
            return;
        }
        let mut label = self.namespace.kubectl();
        label.args(["label", "--overwrite", "nodes", "-l", &self.selected()]);
        label.args(labels).run().ok();
    }

    pub fn kubectl(&self, words: &[&str]) -> String {
        self.namespace.kubectl().args(words).run().ok()
    }

    /// kubectl with these objects on its stdin.
    pub fn kubectl_with(&self, words: &[&str], objects: &[Value]) {
        if !objects.is_empty() {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
            let mut command = self.namespace.kubectl();
            command
                .args(words)
                .args(["-f", "-"])
                .run_with(&list.to_string())
                .ok();
        }
    }

    /// Lets it all happen.
    pub fn play(&self, events: &[Event]) {
        let of =
            |take: fn(&Event) -> Option<&Value>| events.iter().filter_map(take).cloned().collect::<Vec<_>>();
        let deleted = of(|event| match event {
            Event::Delete(object) => Some(object),
            Event::Replace(_) | Event::Unlabel(_) => None,
        });
        let replaced = of(|event| match event {
            Event::Replace(object) => Some(object),
            Event::Delete(_) | Event::Unlabel(_) => None,
        });
        let unlabelled = events.iter().filter_map(|event| match event {
            Event::Unlabel(label) => Some(format!("{label}-")),
            Event::Delete(_) | Event::Replace(_) => None,
        });
        self.label(&unlabelled.collect::<Vec<_>>());
        self.kubectl_with(&["replace"], &replaced);
        self.kubectl_with(&["delete", "--wait=false"], &deleted);
    }

    /// Records a release of these, and promotes it.
    pub fn promote(&self, objects: &[Value]) -> std::path::PathBuf {
        let manifests = self.folder.path().join("objects.json");
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        std::fs::write(&manifests, list.to_string()).unwrap();
        let release = self.folder.path().join("release.yaml");
        let mut record = TestCluster::get().delivery();
        record.args(["record", "--quiet", "--name", "drawn", "--version", "1", "-f"]);
        record.arg(&manifests).arg("-o").arg(&release).run().ok();
        let mut promote = TestCluster::get().delivery();
        promote
            .arg("promote")
            .arg(&release)
            .args(["-n", self.namespace.name(), "-y"]);
        promote.args(["--settle", "0s", "--timeout", "3m"]).run().ok();
        release
    }

    /// What `diff` finds.
    pub fn diff(&self, release: &std::path::Path, depth: &str) -> Value {
        let mut diff = TestCluster::get().delivery();
        diff.arg("diff")
            .arg(release)
            .args(["-n", self.namespace.name(), "-o", "json"]);
        diff.arg(format!("--starts={depth}")).run().json()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let wide = "persistentvolumes,priorityclasses,runtimeclasses,nodes";
        let kubectl = || TestCluster::get().kubectl();
        let listed = kubectl().args(["get", wide, "-o", "name"]).run().stdout;
        let is_own = |line: &&str| {
            line.contains(&format!("/{}-", self.mark))
                || matches!(&self.node, Node::Simulated(name) if line.ends_with(&format!("/{name}")))
        };
        let own: Vec<&str> = listed.lines().filter(is_own).collect();
        if !own.is_empty() {
            let delete = ["delete", "--wait=false", "--ignore-not-found"];
            kubectl().args(delete).args(own).run();
        }
        if self.node == Node::Real {
            let mut node = kubectl();
            node.args(["get", "nodes", "-l", &self.selected(), "-o", "json"]);
            let labels = node.run().json()["items"][0]["metadata"]["labels"].clone();
            let labels = labels.as_object().into_iter().flatten().map(|(label, _)| label);
            let left = labels.filter(|label| label.starts_with(&self.mark));
            self.label(&left.map(|label| format!("{label}-")).collect::<Vec<_>>());
        }
    }
}
