//! What stands in the namespace before the first release: what objects refer to, and the definitions of two kinds.

use super::Scene;
use crate::harness::{Run, TestCluster};
use base64::Engine;
use serde_json::{Value, json};

impl Scene {
    /// What the objects refer to, and the definitions of the two kinds that are no built-in ones.
    pub(super) fn prepare(&self) {
        let of = |kind: &str, name: &str, rest: Value| {
            let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": self.place.namespace}});
            object
                .as_object_mut()
                .unwrap()
                .extend(rest.as_object().unwrap().clone());
            object
        };
        let mut items = vec![
            of("ServiceAccount", "account", json!({})),
            of("ConfigMap", "c", json!({"data": {"k": "v"}})),
            of("Secret", "s", json!({"data": {"k": "dg=="}})),
            of(
                "Secret",
                "t",
                json!({"data": {"tls.crt": "dg==", "tls.key": "dg=="}}),
            ),
        ];
        let mut scaled = of(
            "Deployment",
            "scaled",
            json!({"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "scaled"}},
            "template": {"metadata": {"labels": {"app": "scaled"}}, "spec": {"containers": [{"name": "main", "image": "registry.example/main:1"}]}}}}),
        );
        scaled["apiVersion"] = "apps/v1".into();
        items.push(scaled);
        items.extend(self.definitions());
        items.extend(["one", "two"].map(|name| {
            let name = format!("{}-{name}", self.place.namespace);
            json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
                "provisioner": "none.example", "volumeBindingMode": "WaitForFirstConsumer"})
        }));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        let kubectl = || TestCluster::get().kubectl();
        kubectl()
            .args(["apply", "--server-side", "-f", "-"])
            .run_with(&list)
            .ok();
        // No ingress controller runs here: each promotion would wait half a minute for its addresses.
        let environment = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment",
            "metadata": {"name": "random"},
            "spec": {"wait": [{"target": {"kind": "Ingress"}, "reason": "no ingress controller runs here"}]}});
        std::fs::write(self.environment(), environment.to_string()).unwrap();
        std::fs::write(
            self.state_key(),
            base64::engine::general_purpose::STANDARD.encode([7; 32]),
        )
        .unwrap();
        for plural in ["things", "looses"] {
            let name = format!("crd/{plural}.{}", self.place.group());
            kubectl()
                .args(["wait", "--for=condition=Established", "--timeout=30s", &name])
                .run()
                .ok();
        }
    }

    /// A kind with every kind of list and map, defaults at each depth, and what may be null; and a kind that keeps anything.
    fn definitions(&self) -> Vec<Value> {
        let item = json!({"type": "object", "properties": {"key": {"type": "string"}, "value": {"type": "integer"},
            "kind": {"type": "string", "default": "plain"}}, "required": ["key"]});
        let atom = json!({"type": "object", "properties": {"x": {"type": "integer"}, "d": {"type": "integer", "default": 3}}});
        let deep = json!({"type": "object", "properties": {"on": {"type": "boolean", "default": true}}});
        let spec = json!({"type": "object", "properties": {
            "size": {"type": "integer", "default": 5}, "color": {"type": "string", "default": "red"},
            "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            "atomic": {"type": "array", "items": atom, "x-kubernetes-list-type": "atomic"},
            "map": {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["key", "kind"]},
            "whole": {"type": "object", "additionalProperties": {"type": "string"}, "x-kubernetes-map-type": "atomic"},
            "inner": {"type": "object", "default": {}, "properties": {"text": {"type": "string", "default": "t"}, "deep": deep}},
            "maybe": {"type": "string", "nullable": true},
            "any": {"x-kubernetes-preserve-unknown-fields": true}}});
        let of = |kind: &str, plural: &str, schema: Value| {
            let group = self.place.group();
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": format!("{plural}.{group}")},
                "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
                    "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}})
        };
        vec![
            of(
                "Thing",
                "things",
                json!({"type": "object", "properties": {"spec": spec}}),
            ),
            of(
                "Loose",
                "looses",
                json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
            ),
        ]
    }
}
