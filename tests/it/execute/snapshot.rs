//! A copy of what runs, and an exact comparison with another: spec, labels, annotations, data and field ownership.

use crate::harness::TestCluster;
use kubectl_delivery::testing::cluster::Cluster;
use kubectl_delivery::testing::model::k8s::kinds::well_known;
use kubectl_delivery::testing::model::k8s::marks::is_controllers_annotation;
use kubectl_delivery::testing::model::{Object, ResourceType, Target};
use kubectl_delivery::testing::objects::differing;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Objects by kind and name, without what only a server or a controller decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copy(pub BTreeMap<String, Value>);

/// Reads the objects that these manifests name, those that are there.
pub async fn copy(cluster: &dyn Cluster, namespace: &str, manifests: &[Value]) -> Copy {
    let reads = manifests.iter().map(|manifest| async move {
        let object = Object::new(manifest.clone()).unwrap();
        let gvk = object.gvk();
        let resource = well_known(&gvk).unwrap_or_else(|| ResourceType {
            group: gvk.group.clone(),
            version: gvk.version.clone(),
            kind: gvk.kind.clone(),
            plural: format!("{}s", gvk.kind.to_lowercase()),
            namespaced: true,
        });
        let target = Target::new(&resource, Some(namespace), object.name());
        let live = match cluster.get(&target).await {
            Ok(live) => live,
            Err(kubectl_delivery::testing::cluster::ApiError::NotServed { .. }) => None,
            Err(error) => panic!("{target}: {error}"),
        };
        live.map(|live| (target.to_string(), plain(live)))
    });
    Copy(
        futures::future::join_all(reads)
            .await
            .into_iter()
            .flatten()
            .collect(),
    )
}

/// Without uid, versions, times and status; owners in order.
pub fn plain(live: Object) -> Value {
    let mut value = live.into_value();
    value.as_object_mut().unwrap().shift_remove("status");
    forget_derived(&mut value);
    let metadata = value["metadata"].as_object_mut().unwrap();
    for field in ["uid", "resourceVersion", "generation", "creationTimestamp"] {
        metadata.shift_remove(field);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|key, _| !is_controllers_annotation(key));
        if annotations.is_empty() {
            metadata.shift_remove("annotations");
        }
    }
    if let Some(entries) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
        entries.retain(|entry| entry["subresource"] != "status");
        for entry in entries.iter_mut() {
            entry.as_object_mut().unwrap().shift_remove("time");
        }
        entries.sort_by_key(Value::to_string);
    }
    value
}

/// What a server derives from a uid, or hands out anew, for an object that was deleted and created again; and the
/// value of the annotation that restarts pods, which is another one for each promotion.
fn forget_derived(value: &mut Value) {
    if value["kind"] == "Job" {
        value["spec"].as_object_mut().unwrap().shift_remove("selector");
        for pointer in ["/metadata/labels", "/spec/template/metadata/labels"] {
            if let Some(labels) = value.pointer_mut(pointer).and_then(Value::as_object_mut) {
                labels.retain(|key, _| !key.contains("controller-uid") && !key.contains("job-name"));
            }
        }
    }
    // Version 2's own Service is given another address each time it is created.
    if value["kind"] == "Service" && value["metadata"]["name"] == "api" {
        let spec = value["spec"].as_object_mut().unwrap();
        spec.shift_remove("clusterIP");
        spec.shift_remove("clusterIPs");
    }
    if let Some(mark) =
        value.pointer_mut("/spec/template/metadata/annotations/kubectl-delivery.io~1config-hash")
    {
        *mark = json!("some");
    }
}

impl Copy {
    /// Without the addresses of Services.
    pub fn without_addresses(mut self) -> Self {
        for (_, value) in self.0.iter_mut().filter(|(_, value)| value["kind"] == "Service") {
            let spec = value["spec"].as_object_mut().unwrap();
            spec.shift_remove("clusterIP");
            spec.shift_remove("clusterIPs");
        }
        self
    }

    /// Where this one differs from `expected`; empty where nowhere.
    pub fn differences(&self, expected: &Copy) -> Vec<String> {
        let mut found = Vec::new();
        for (name, value) in &expected.0 {
            match self.0.get(name) {
                None => found.push(format!("{name}: is not there")),
                Some(now) if now == value => {}
                Some(now) => {
                    let (one, other) = (
                        Object::new(now.clone()).unwrap(),
                        Object::new(value.clone()).unwrap(),
                    );
                    let paths: Vec<_> = differing(&one, &other).iter().map(ToString::to_string).collect();
                    let owners = |value: &Value| value["metadata"]["managedFields"].clone();
                    let owned = if owners(now) == owners(value) {
                        String::new()
                    } else {
                        format!("\n  owners now {}\n  expected   {}", owners(now), owners(value))
                    };
                    found.push(format!("{name}: {paths:?}{owned}"));
                }
            }
        }
        let extra = self.0.keys().filter(|name| !expected.0.contains_key(*name));
        found.extend(extra.map(|name| format!("{name}: should not be there")));
        found
    }

    /// Fails where it is not `expected`.
    pub fn must_be(&self, expected: &Copy, when: &str) {
        let differences = self.differences(expected);
        assert!(differences.is_empty(), "{when}:\n{}", differences.join("\n"));
    }
}

/// As administrator of the shared cluster.
pub async fn copy_shared(namespace: &str, manifests: &[Value]) -> Copy {
    let client = TestCluster::get().connect().await;
    copy(client.as_ref(), namespace, manifests).await
}
