//! One rich object of each kind, to be changed leaf by leaf.

use crate::harness::{Run, TestCluster, unique};
use kubectl_delivery::testing::model::{Gvk, ResourceType};
use serde_json::{Value, json};

/// One rich object of each kind; `NAME` stands for its name.
pub fn kinds() -> Vec<Value> {
    let pod = json!({"metadata": {"labels": {"app": "NAME"}}, "spec": {
        "containers": [{"name": "web", "image": "registry.example/web:1", "args": ["-a"], "env": [{"name": "A", "value": "a"}],
            "ports": [{"name": "http", "containerPort": 8080}], "resources": {"requests": {"cpu": "10m"}},
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}], "readinessProbe": {"httpGet": {"path": "/", "port": 8080}}}],
        "tolerations": [{"key": "a", "operator": "Exists"}], "volumes": [{"name": "tmp", "emptyDir": {}}]}});
    let job = {
        let mut job = pod.clone();
        job["spec"]["restartPolicy"] = "Never".into();
        job
    };
    let meta = json!({"name": "NAME", "labels": {"team": "shop"}, "annotations": {"note": "first"}});
    let of = |api: &str, kind: &str, rest: Value| {
        let mut object = json!({"apiVersion": api, "kind": kind, "metadata": meta});
        object
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        object
    };
    let apps = |rest: Value| {
        let mut spec = json!({"selector": {"matchLabels": {"app": "NAME"}}, "template": pod});
        spec.as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        json!({"spec": spec})
    };
    vec![
        of("apps/v1", "Deployment", apps(json!({"replicas": 0}))),
        of(
            "apps/v1",
            "StatefulSet",
            apps(json!({"replicas": 0, "serviceName": "NAME"})),
        ),
        of("apps/v1", "DaemonSet", {
            let mut set = apps(json!({}));
            set["spec"]["template"]["spec"]["nodeSelector"] = json!({"none": "such"});
            set
        }),
        of(
            "batch/v1",
            "Job",
            json!({"spec": {"suspend": true, "template": job}}),
        ),
        of(
            "batch/v1",
            "CronJob",
            json!({"spec": {"schedule": "0 3 * * *", "suspend": true, "jobTemplate": {"spec": {"template": job}}}}),
        ),
        of(
            "v1",
            "Service",
            json!({"spec": {"clusterIP": "None", "selector": {"app": "NAME"}, "ports": [{"name": "http", "port": 80}]}}),
        ),
        of("v1", "ConfigMap", json!({"data": {"A": "a", "B": "b"}})),
        of(
            "v1",
            "Secret",
            json!({"data": {"A": "aHVudGVyMg==", "B": "dGhpbmdz"}}),
        ),
        of(
            "v1",
            "ServiceAccount",
            json!({"automountServiceAccountToken": false}),
        ),
        of(
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {"storageClassName": "none", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        ),
        of(
            "networking.k8s.io/v1",
            "Ingress",
            json!({"spec": {"rules": [{"host": "a.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}),
        ),
        of(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {"podSelector": {"matchLabels": {"app": "NAME"}}, "ingress": [{"ports": [{"port": 80}]}]}}),
        ),
        of(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}, "minReplicas": 1, "maxReplicas": 3}}),
        ),
        of(
            "policy/v1",
            "PodDisruptionBudget",
            json!({"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "NAME"}}}}),
        ),
        of(
            "rbac.authorization.k8s.io/v1",
            "Role",
            json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        ),
        of(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}, "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}]}),
        ),
    ]
}

/// A kind of its own, with defaults and fields that nobody defined; it goes when it is dropped.
pub struct Oven {
    pub group: String,
}

impl Oven {
    pub fn defined() -> Self {
        let oven = Self {
            group: format!("g{}.example.com", unique()),
        };
        let spec = json!({"type": "object", "properties": {
            "heat": {"type": "integer", "default": 180},
            "fan": {"type": "boolean"},
            "trays": {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "size": {"type": "string", "default": "large"}}}},
            "racks": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "height": {"type": "integer"}, "holds": {"type": "string"}}}},
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {
                "a": {"type": "string"}, "b": {"type": "string"}}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
        let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": oven.name()},
            "spec": {"group": oven.group, "scope": "Namespaced",
                "names": {"plural": "ovens", "singular": "oven", "kind": "Oven"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": spec}}}}]}});
        TestCluster::get()
            .kubectl()
            .args(["create", "-f", "-"])
            .run_with(&crd.to_string())
            .ok();
        let established = [
            "wait",
            "--for=condition=Established",
            "--timeout=20s",
            "crd",
            &oven.name(),
        ];
        TestCluster::get().kubectl().args(established).run().ok();
        oven
    }

    /// Of its definition.
    pub fn name(&self) -> String {
        format!("ovens.{}", self.group)
    }

    pub fn resource(gvk: Gvk) -> ResourceType {
        ResourceType {
            group: gvk.group,
            version: gvk.version,
            kind: gvk.kind,
            plural: "ovens".into(),
            namespaced: true,
        }
    }

    /// A rich one; `NAME` stands for its name.
    pub fn kind(&self) -> Value {
        json!({"apiVersion": format!("{}/v1", self.group), "kind": "Oven",
            "metadata": {"name": "NAME", "labels": {"team": "shop"}, "annotations": {"note": "first"}},
            "spec": {"heat": 200, "trays": [{"name": "top"}], "racks": [{"name": "low", "holds": "bread"}],
                "tags": ["hot", "new"], "labels": {"a": "b"}, "whole": {"a": "x"},
                "free": {"any": {"thing": [1, {"a": "b"}]}, "other": true}}})
    }
}

impl Drop for Oven {
    fn drop(&mut self) {
        let gone = [
            "delete",
            "crd",
            &self.name(),
            "--wait=false",
            "--ignore-not-found",
        ];
        TestCluster::get().kubectl().args(gone).run();
    }
}
