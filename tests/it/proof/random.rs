//! Random objects of several kinds: with what makes a proof hard in them.

use crate::harness::{Namespace, Run, TestCluster};
use kubectl_delivery::testing::model::ResourceType;
use kubectl_delivery::testing::model::k8s::kinds::built_in;
use serde_json::{Value, json};

/// A seeded source of numbers (SplitMix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }

    /// True in so many of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

#[derive(Clone, Copy)]
pub enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    Service,
    ServiceAccount,
    Claim,
    Ingress,
    Budget,
    ConfigMap,
    Secret,
    Role,
    NetworkPolicy,
    CronJob,
    Thing,
}

impl Kind {
    pub fn any(random: &mut Random) -> Self {
        use Kind::*;
        random.one(&[
            Deployment,
            Deployment,
            Deployment,
            StatefulSet,
            DaemonSet,
            Service,
            Service,
            ServiceAccount,
            Claim,
            Ingress,
            Budget,
            ConfigMap,
            Secret,
            Role,
            NetworkPolicy,
            CronJob,
            Thing,
            Thing,
        ])
    }

    pub fn resource(self, things: &ResourceType) -> ResourceType {
        match self {
            Kind::Deployment => built_in("apps", "Deployment"),
            Kind::StatefulSet => built_in("apps", "StatefulSet"),
            Kind::DaemonSet => built_in("apps", "DaemonSet"),
            Kind::Service => built_in("", "Service"),
            Kind::ServiceAccount => built_in("", "ServiceAccount"),
            Kind::Claim => built_in("", "PersistentVolumeClaim"),
            Kind::Ingress => built_in("networking.k8s.io", "Ingress"),
            Kind::Budget => built_in("policy", "PodDisruptionBudget"),
            Kind::ConfigMap => built_in("", "ConfigMap"),
            Kind::Secret => built_in("", "Secret"),
            Kind::Role => built_in("rbac.authorization.k8s.io", "Role"),
            Kind::NetworkPolicy => built_in("networking.k8s.io", "NetworkPolicy"),
            Kind::CronJob => built_in("batch", "CronJob"),
            Kind::Thing => Some(things.clone()),
        }
        .unwrap()
    }

    pub fn object(self, random: &mut Random, seed: u64, resource: &ResourceType, namespace: &str) -> Value {
        let version = resource.gvk().api_version();
        let mut object = json!({"apiVersion": version, "kind": resource.kind,
            "metadata": {"name": format!("x{seed}"), "namespace": namespace}});
        if random.chance(50) {
            object["metadata"]["labels"] = json!({"app": random.one(&["a", "b"]), "tier": "t"});
        }
        if random.chance(30) {
            object["metadata"]["annotations"] = json!({"example.com/note": random.one(&["x", "y"])});
            // The server has rules of its own for some of these.
            let own = random.one(&[
                "service.beta.kubernetes.io/load-balancer-source-ranges",
                "volume.beta.kubernetes.io/storage-class",
                "kubernetes.io/description",
                "plain",
            ]);
            object["metadata"]["annotations"][own] = "10.0.0.0/8".into();
        }
        match self {
            Kind::Deployment => {
                object["spec"] = json!({"replicas": 0, "selector": {"matchLabels": {"app": "x"}}, "template": template(random)});
                if random.chance(30) {
                    object["spec"]["strategy"] = random.one(&[
                        json!({"type": "Recreate"}),
                        json!({"rollingUpdate": {"maxSurge": 1}}),
                    ]);
                }
            }
            Kind::StatefulSet => {
                object["spec"] = json!({"replicas": 0, "serviceName": "x", "selector": {"matchLabels": {"app": "x"}}, "template": template(random)});
            }
            // No node has that label.
            Kind::DaemonSet => {
                let mut template = template(random);
                template["spec"]["nodeSelector"] = json!({"none": "such"});
                object["spec"] = json!({"selector": {"matchLabels": {"app": "x"}}, "template": template});
            }
            Kind::ServiceAccount => object["automountServiceAccountToken"] = random.chance(50).into(),
            Kind::Claim => {
                object["spec"] = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "none",
                    "resources": {"requests": {"storage": "1Gi"}}});
            }
            Kind::Ingress => {
                let backend = json!({"service": {"name": "x", "port": {"number": 80}}});
                object["spec"] = json!({"rules": [{"host": "a.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]});
            }
            Kind::Budget => {
                object["spec"] = json!({"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}});
            }
            Kind::CronJob => {
                let mut template = template(random);
                template["spec"]["restartPolicy"] = "Never".into();
                object["spec"] = json!({"schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": {"spec": {"template": template}}});
            }
            Kind::Service => {
                object["spec"] = json!({"selector": {"app": "x"}, "ports": ports(random, "port")});
                if random.chance(20) {
                    object["spec"]["clusterIP"] = "None".into();
                }
            }
            Kind::ConfigMap => {
                object["data"] = json!({"a": "1", "b": random.one(&["", "two", "three\n"])});
                if random.chance(10) {
                    object["immutable"] = true.into();
                }
            }
            Kind::Secret => {
                object["data"] = json!({"a": "YQ==", "b": random.one(&["Yg==", "Yw=="])});
                if random.chance(20) {
                    object["type"] = "kubernetes.io/basic-auth".into();
                    object["data"]["username"] = "YQ==".into();
                }
            }
            Kind::Role => {
                let verbs = random.one(&[json!(["get"]), json!(["get", "list"]), json!(["list", "get"])]);
                object["rules"] = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}]);
            }
            Kind::NetworkPolicy => {
                object["spec"] = json!({"podSelector": {"matchLabels": {"app": "x"}},
                    "ingress": [{"ports": [{"port": random.one(&[json!(80), json!("http")])}]}]});
                if random.chance(50) {
                    object["spec"]["policyTypes"] = json!(["Ingress"]);
                }
            }
            Kind::Thing => object["spec"] = thing(random),
        }
        object
    }
}

/// Ports with one number and two protocols, with and without the default.
fn ports(random: &mut Random, key: &str) -> Value {
    let mut ports = vec![json!({"name": "one", key: 53, "protocol": "UDP"})];
    let mut second = json!({"name": "two", key: random.one(&[53, 80])});
    if random.chance(40) {
        second["protocol"] = "TCP".into();
    }
    ports.insert(random.below(2), second);
    ports.into()
}

fn template(random: &mut Random) -> Value {
    let env: Vec<Value> = ["A", "B", "C"]
        .iter()
        .take(1 + random.below(3))
        .map(|name| match random.below(3) {
            0 => json!({"name": name, "value": "1"}),
            1 => json!({"name": name, "value": ""}),
            _ => json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}),
        })
        .collect();
    let mut container = json!({"name": "main", "image": "a.example/main:1", "env": env, "ports": ports(random, "containerPort")});
    if random.chance(50) {
        let cpu = random.one(&["500m", "0.5", "1", "1000m"]);
        container["resources"] =
            json!({"limits": {"cpu": cpu, "memory": random.one(&["1Gi", "1024Mi", "64Mi"])}});
    }
    if random.chance(40) {
        container["args"] = json!(["a", "b"]);
    }
    if random.chance(30) {
        container["readinessProbe"] = json!({"httpGet": {"path": "/", "port": 80}});
    }
    let mut spec = json!({"containers": [container]});
    if random.chance(30) {
        let side = json!({"name": "side", "image": "a.example/side:1"});
        let at = random.below(2);
        spec["containers"].as_array_mut().unwrap().insert(at, side);
    }
    if random.chance(40) {
        spec["nodeSelector"] = json!({"disk": "ssd", "zone": "a"});
    }
    if random.chance(30) {
        spec["tolerations"] = json!([{"key": "a", "operator": "Exists"}]);
    }
    if random.chance(40) {
        spec["volumes"] = json!([{"name": "v", "configMap": {"name": "c"}}, {"name": "e", "emptyDir": {}}]);
    }
    if random.chance(20) {
        spec["securityContext"] = random.one(&[json!({}), json!({"runAsUser": 1000})]);
    }
    if random.chance(30) {
        spec["initContainers"] = json!([{"name": "first", "image": "a.example/first:1", "command": ["a"]}]);
    }
    let mut metadata = json!({"labels": {"app": "x"}});
    if random.chance(40) {
        metadata["labels"]["app.kubernetes.io/version"] = "1".into();
        metadata["annotations"] = json!({"example.com/config": "1"});
        let apparmor = "container.apparmor.security.beta.kubernetes.io/main";
        if random.chance(30) {
            metadata["annotations"][apparmor] = "runtime/default".into();
        }
    }
    json!({"metadata": metadata, "spec": spec})
}

fn thing(random: &mut Random) -> Value {
    let mut spec = json!({"set": ["a", "b"], "atomic": [{"x": 1}, {"x": 2}],
        "map": [{"key": "one", "value": 1}, {"key": "two"}], "whole": {"a": "1", "b": "2"}, "any": {"x": [1, {"y": null}]}});
    for field in ["set", "atomic", "map", "whole", "any"] {
        if random.chance(40) {
            spec.as_object_mut().unwrap().shift_remove(field);
        }
    }
    spec["size"] = random.one(&[json!(1), json!(2)]);
    if spec["any"].is_object() && random.chance(70) {
        spec["any"] = json!({"x": [1, 2], "deep": {"y": true}});
    }
    spec
}

/// The definition of a kind with every kind of list and map, defaults and unknown fields.
pub fn install(namespace: &Namespace) -> ResourceType {
    let group = format!("{}.example.com", namespace.name());
    let item = json!({"type": "object", "properties": {"key": {"type": "string"}, "value": {"type": "integer"},
        "kind": {"type": "string", "default": "plain"}}, "required": ["key"]});
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "size": {"type": "integer"}, "color": {"type": "string", "default": "red"},
        "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "atomic": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "integer"}, "d": {"type": "integer", "default": 3}}}, "x-kubernetes-list-type": "atomic"},
        "map": {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["key", "kind"]},
        "whole": {"type": "object", "additionalProperties": {"type": "string"}, "x-kubernetes-map-type": "atomic"},
        "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}});
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("things.json");
    std::fs::write(&file, definition.to_string()).unwrap();
    let cluster = TestCluster::get();
    cluster.kubectl().arg("apply").arg("-f").arg(&file).run().ok();
    let name = format!("crd/things.{group}");
    cluster
        .kubectl()
        .args(["wait", "--for=condition=Established", "--timeout=20s", &name])
        .run()
        .ok();
    ResourceType {
        group,
        version: "v1".into(),
        kind: "Thing".into(),
        plural: "things".into(),
        namespaced: true,
    }
}

/// Removes the definition again.
pub fn remove(namespace: &Namespace) {
    let name = format!("things.{}.example.com", namespace.name());
    TestCluster::get()
        .kubectl()
        .args(["delete", "crd", &name, "--wait=false"])
        .run()
        .ok();
}
