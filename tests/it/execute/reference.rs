//! The reference promotion: two versions of an application of 13 kinds, with creates, changes, prunes, a CRD with its
//! custom resources, and a Job that changes.

use crate::harness::{Namespace, Run, TestCluster};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// One namespace with the reference application's files.
pub struct Reference {
    pub namespace: Namespace,
    folder: tempfile::TempDir,
}

/// The name of the release.
pub const NAME: &str = "shop";

fn image(name: &str, version: u32) -> String {
    let digit = char::from_digit(version, 10).unwrap();
    let digits: String = std::iter::repeat_n(digit, 63).collect();
    format!("registry.example/{name}@sha256:{}{digits}", name.len() % 10)
}

fn pods(app: &str, image: &str, config: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "main", "image": image,
                "envFrom": [{"configMapRef": {"name": config}}],
                "readinessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 1},
            }],
        },
    })
}

impl Reference {
    /// Writes both versions' release files.
    pub fn new(prefix: &str) -> Self {
        let namespace = TestCluster::get().namespace_named(prefix);
        let folder = tempfile::tempdir().unwrap();
        let reference = Self { namespace, folder };
        for version in [1, 2] {
            let manifests = reference.folder.path().join(format!("v{version}.json"));
            let list = json!({"apiVersion": "v1", "kind": "List", "items": reference.objects(version)});
            std::fs::write(&manifests, list.to_string()).unwrap();
            let mut record = TestCluster::get().delivery();
            record
                .args(["record", "--offline", "--quiet", "--name", NAME])
                .arg("-f")
                .arg(&manifests);
            record
                .args(["--version", &format!("{version}.0")])
                .arg("-o")
                .arg(reference.release(version));
            record.run().ok();
        }
        reference
    }

    /// The release file of a version.
    pub fn release(&self, version: u32) -> PathBuf {
        self.folder.path().join(format!("release-{version}.yaml"))
    }

    /// `promote` of a version, not run yet.
    pub fn promote(&self, version: u32) -> Command {
        let mut command = TestCluster::get().delivery();
        command.arg("promote").arg(self.release(version));
        command.args(["-n", self.namespace.name(), "-y", "--settle", "0s"]);
        self.allow_what_is_beyond(&mut command);
        command
    }

    /// What a run wrote down of rights, the quota and what is cluster-wide is confirmed by nothing but this.
    fn allow_what_is_beyond(&self, command: &mut Command) {
        let namespace = self.namespace.name();
        for beyond in [
            format!("ResourceQuota/{namespace}/pods"),
            format!("Role/{namespace}/reader"),
            format!("RoleBinding/{namespace}/reader"),
            format!("ClusterRole/{}", self.cluster_role()),
            format!("CustomResourceDefinition/things.{}", self.group()),
        ] {
            command.args(["--allow-unconfirmed", &beyond]);
        }
    }

    /// `revert`, not run yet.
    pub fn revert(&self) -> Command {
        let mut command = TestCluster::get().delivery();
        command.args(["revert", NAME, "-y", "-n", self.namespace.name()]);
        self.allow_what_is_beyond(&mut command);
        command
    }

    /// `status -o json`.
    pub fn status(&self) -> Value {
        let mut command = TestCluster::get().delivery();
        command.args(["status", NAME, "-n", self.namespace.name(), "-o", "json"]);
        command.run().exits(0).json()[0].clone()
    }

    /// The API group of the custom resources.
    pub fn group(&self) -> String {
        format!("{}.example.com", self.namespace.name())
    }

    /// The name of the ClusterRole.
    pub fn cluster_role(&self) -> String {
        format!("{}-reader", self.namespace.name())
    }

    /// The objects of a version.
    pub fn objects(&self, version: u32) -> Vec<Value> {
        let mut objects = self.changing(version);
        objects.extend(self.custom(version));
        objects.extend(if version == 1 {
            self.gone()
        } else {
            self.new_ones()
        });
        for object in &mut objects {
            let namespaced = !matches!(
                object["kind"].as_str(),
                Some("CustomResourceDefinition" | "ClusterRole")
            );
            if namespaced {
                object["metadata"]["namespace"] = self.namespace.name().into();
            }
        }
        objects
    }

    fn changing(&self, version: u32) -> Vec<Value> {
        let app = |name: &str| json!({"matchLabels": {"app": name}});
        let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs(version)}]);
        vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"},
                "data": {"COLOUR": format!("v{version}"), "SIZE": "3"}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "static"}, "data": {"a": "b"}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "labels": {"v": version.to_string()}}}),
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"}, "rules": rules}),
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "reader"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                "subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": self.namespace.name()}]}),
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": self.cluster_role()}, "rules": rules}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 79 + version, "targetPort": 80}]}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {"replicas": 2, "selector": app("web"), "template": pods("web", &image("web", version), "config")}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "worker"},
                "spec": {"replicas": 1, "selector": app("worker"), "template": pods("worker", &image("worker", 1), "config")}}),
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
                "spec": {"replicas": 1, "serviceName": "web", "selector": app("db"), "template": pods("db", &image("db", version), "static")}}),
            json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"},
                "spec": {"selector": app("agent"), "template": pods("agent", &image("agent", version), "static")}}),
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"},
                "spec": {"schedule": format!("{version} 3 * * *"), "jobTemplate": {"spec": {"template": job_pods(&image("tick", 1))}}}}),
            json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"},
                "spec": {"suspend": true, "template": job_pods(&image("migrate", version))}}),
            json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
                "spec": {"maxUnavailable": version, "selector": app("web")}}),
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"},
                "spec": {"rules": [{"host": format!("v{version}.example.com"), "http": {"paths": [{"path": "/", "pathType": "Prefix",
                    "backend": {"service": {"name": "web", "port": {"name": "http"}}}}]}}]}}),
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"},
                "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"],
                    "ingress": [{"ports": [{"port": 79 + version}]}]}}),
            json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "pods"},
                "spec": {"hard": {"pods": (100 * version).to_string()}}}),
        ]
    }

    fn custom(&self, version: u32) -> Vec<Value> {
        let group = self.group();
        let mut fields = json!({"size": {"type": "integer"}});
        if version == 2 {
            fields["colour"] = json!({"type": "string"});
        }
        let big = json!({"apiVersion": format!("{group}/v1"), "kind": "Thing", "metadata": {"name": "big"}, "spec": {"size": version}});
        let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}});
        vec![
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("things.{group}")},
                "spec": {"group": group, "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
                    "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}]}}),
            big,
        ]
    }

    /// What version 2 no longer holds.
    fn gone(&self) -> Vec<Value> {
        vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "old"}, "data": {"x": "y"}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "old"}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "old"},
                "spec": {"selector": {"app": "old"}, "ports": [{"port": 80}]}}),
            json!({"apiVersion": format!("{}/v1", self.group()), "kind": "Thing", "metadata": {"name": "old"}, "spec": {"size": 1}}),
        ]
    }

    /// What only version 2 holds.
    fn new_ones(&self) -> Vec<Value> {
        let app = json!({"matchLabels": {"app": "api"}});
        vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "api"}, "data": {"x": "z"}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "api"},
                "spec": {"selector": {"app": "api"}, "ports": [{"port": 80}]}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"},
                "spec": {"replicas": 1, "selector": app, "template": pods("api", &image("api", 2), "api")}}),
            json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "api"},
                "spec": {"maxUnavailable": 1, "selector": app}}),
            json!({"apiVersion": format!("{}/v1", self.group()), "kind": "Thing", "metadata": {"name": "small"}, "spec": {"size": 1}}),
        ]
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let mut delete = TestCluster::get().kubectl();
        delete.args(["delete", "--wait=false", "--ignore-not-found"]);
        delete
            .arg(format!("crd/things.{}", self.group()))
            .arg(format!("clusterrole/{}", self.cluster_role()));
        delete.run();
    }
}

fn verbs(version: u32) -> Value {
    if version == 1 {
        json!(["get"])
    } else {
        json!(["get", "list"])
    }
}

fn job_pods(image: &str) -> Value {
    json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}})
}
