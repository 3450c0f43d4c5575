//! Every method of the client, against the real server.

mod held;
mod reads;
mod who;
mod writes;

use crate::harness::{Namespace, TestCluster};
use kubectl_delivery::testing::cluster::{ApplyOptions, DeleteOptions, WriteOptions};
use kubectl_delivery::testing::model::k8s::kinds::built_in;
use kubectl_delivery::testing::model::plan::Propagation;
use kubectl_delivery::testing::model::{Object, ResourceType, Target};
use serde_json::{Value, json};

pub fn namespace() -> Namespace {
    TestCluster::get().namespace_named("t-client")
}

pub fn kind(group: &str, kind: &str) -> ResourceType {
    built_in(group, kind).unwrap()
}

pub fn map(namespace: &Namespace, name: &str) -> Target {
    Target::new(&kind("", "ConfigMap"), Some(namespace.name()), name)
}

pub fn map_body(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}})
}

pub fn write() -> WriteOptions {
    WriteOptions {
        manager: "test".into(),
        dry_run: false,
        not_after: None,
    }
}

pub fn apply() -> ApplyOptions {
    ApplyOptions {
        manager: "test".into(),
        force: false,
        dry_run: false,
        not_after: None,
    }
}

pub fn delete(object: &Object) -> DeleteOptions {
    DeleteOptions {
        uid: object.uid().into(),
        resource_version: None,
        propagation: Propagation::Background,
        dry_run: false,
        not_after: None,
    }
}
