//! A release of one custom workload, and the objects that its controller would make.

use crate::harness::{Namespace, Ran, Run, TestCluster, until};
use crate::readiness::{Definition, definition, group};
use kubectl_delivery::testing::model::Sha256Digest;
use serde_json::{Value, json};
use std::process::Command;

/// The image of a release whose registry nobody can reach.
pub const IMAGE: &str = "registry.example/verification:1";

/// The digest of an image of that name.
pub fn digest(name: &str) -> Sha256Digest {
    Sha256Digest::compute(name.as_bytes())
}

/// A namespace, and a kind `Rollout` of a group that nothing knows, with a kind `Middle` that may stand in between.
pub struct Shop {
    pub namespace: Namespace,
    pub group: String,
    /// Where its image is said to be.
    pub registry: String,
    cluster: TestCluster,
    folder: tempfile::TempDir,
    _definitions: Vec<Definition>,
}

impl Shop {
    pub fn new() -> Self {
        let group = group();
        let definitions = ["rollouts", "middles"].map(|plural| Definition(format!("{plural}.{group}")));
        let shop = Self::on(TestCluster::get(), &group);
        Self {
            _definitions: definitions.into(),
            ..shop
        }
    }

    /// On a cluster of a test's own, where the group may be one that others use.
    pub fn on(cluster: &TestCluster, group: &str) -> Self {
        let shop = Self {
            namespace: cluster.namespace_named("t-verify"),
            group: group.into(),
            registry: "registry.example".into(),
            cluster: cluster.clone(),
            folder: tempfile::tempdir().unwrap(),
            _definitions: Vec::new(),
        };
        for kind in ["Rollout", "Middle"] {
            shop.create(&definition(group, kind));
            let name = format!("crd/{}s.{group}", kind.to_lowercase());
            let established = ["wait", "--for=condition=Established", "--timeout=20s", &name];
            shop.namespace.kubectl().args(established).run().ok();
        }
        shop
    }

    /// Creates an object, and returns it as the server holds it.
    pub fn create(&self, object: &Value) -> Value {
        let mut create = self.namespace.kubectl();
        create.args(["create", "-o", "json", "-f", "-"]);
        create.run_with(&object.to_string()).exits(0).json()
    }

    /// Creates the workload as another tool applies it: with the image that the release pins.
    pub fn create_workload(&self, replicas: u32) -> Value {
        let mut workload = self.workload(replicas);
        let pinned = format!("{}/verification@{}", self.registry, digest("tested"));
        workload["spec"]["template"]["spec"]["containers"][0]["image"] = pinned.into();
        self.create(&workload)
    }

    /// The image, as CI tested it.
    pub fn image(&self) -> String {
        format!("{}/verification:1", self.registry)
    }

    /// The workload, as the release holds it.
    pub fn workload(&self, replicas: u32) -> Value {
        json!({"apiVersion": format!("{}/v1", self.group), "kind": "Rollout", "metadata": {"name": "web"},
            "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "web", "image": self.image()}]}}}})
    }

    /// An object in between that is controlled by another.
    pub fn middle(&self, name: &str, owner: &Value) -> Value {
        self.create(
            &json!({"apiVersion": format!("{}/v1", self.group), "kind": "Middle",
            "metadata": {"name": name, "ownerReferences": [controlled_by(owner)]}}),
        )
    }

    /// A ReplicaSet with an owner, whose pods report this digest.
    pub fn pods(&self, name: &str, count: u32, runs: &str, owner: &Value) -> Value {
        let labels = json!({"app": name, "rollouts-pod-template-hash": name});
        let reported = format!("{}/verification@{}", self.registry, digest(runs));
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": name, "ownerReferences": [owner]},
            "spec": {"replicas": count, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": labels, "annotations": {"kwok-image-id/web": reported}},
                    "spec": {"containers": [{"name": "web", "image": self.image()}]}}}});
        let made = self.create(&set);

        let ready = || {
            let path = "jsonpath={.status.readyReplicas}";
            let mut get = self.namespace.kubectl();
            let text = get.args(["get", "replicaset", name, "-o", path]).run().ok();
            text == count.to_string()
        };
        assert!(until(30, ready), "the pods of {name} are not ready");
        made
    }

    /// Writes a file beside the release; gives its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    /// A release of these objects with the one image.
    pub fn release(&self, objects: &[Value]) -> String {
        let file = self.folder.path().join("release.json");
        let path = "/spec/template/spec/containers/[*]/image";
        let release = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release",
            "metadata": {"name": "shop", "version": "1.4.2"},
            "spec": {"images": [{"reference": self.image(), "digest": digest("tested")}],
                "imagePaths": [{"group": self.group, "kind": "Rollout", "path": path}], "objects": objects}});
        std::fs::write(&file, release.to_string()).unwrap();
        file.display().to_string()
    }

    /// A command on a release of these objects.
    pub fn command(&self, words: &str, objects: &[Value]) -> Command {
        let mut words = words.split(' ');
        let mut command = self.cluster.delivery();
        command.args(words.next()).arg(self.release(objects));
        command
            .args(["-n", self.namespace.name(), "--settle", "0s"])
            .args(words);
        command
    }

    /// `wait` for the workload.
    pub fn wait(&self, timeout: &str) -> Ran {
        self.command(&format!("wait --timeout {timeout}"), &[self.workload(5)])
            .run()
    }

    /// What is said of the release afterwards.
    pub fn status(&self) -> Value {
        let mut command = self.cluster.delivery();
        command.args(["status", "shop", "-n", self.namespace.name(), "-o", "json"]);
        command.run().exits(0).json()[0].clone()
    }

    /// Its history.
    pub fn history(&self) -> Value {
        let mut command = self.cluster.delivery();
        command.args(["history", "shop", "-n", self.namespace.name(), "-o", "json"]);
        command.run().exits(0).json()
    }
}

/// An ownerReference to an object that controls another.
pub fn controlled_by(owner: &Value) -> Value {
    owned_by(owner, true)
}

/// An ownerReference.
pub fn owned_by(owner: &Value, controls: bool) -> Value {
    json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": controls})
}
