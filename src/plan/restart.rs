//! Which pods must start again: those that read a ConfigMap or Secret that a promotion changes.
//!
//! Pods read configuration when they start. Volumes are updated in running pods after a while, but few programs
//! look again, so that every reference counts, projected volumes included.

use super::tool_metadata::template_annotations;
use crate::model::{Object, ObjectId};
use serde_json::Value;
use std::collections::BTreeSet;

/// The ConfigMaps and Secrets that a workload's pods read, where its pods restart with its template.
pub fn configuration_read_by(workload: &Object) -> BTreeSet<ObjectId> {
    let mut read = BTreeSet::new();
    // What does not restart with its template cannot be made to read anew.
    if template_annotations(workload).is_none() {
        return read;
    }
    let mut add = |kind: &str, name: Option<&Value>| {
        if let Some(name) = name.and_then(Value::as_str) {
            read.insert(ObjectId::new("", kind, workload.namespace(), name));
        }
    };
    let Some(spec) = workload.at("/spec/template/spec") else {
        return read;
    };
    // The environment of a running container never changes.
    for list in ["containers", "initContainers"] {
        for container in items(&spec[list]) {
            for variable in items(&container["env"]) {
                add("ConfigMap", variable.pointer("/valueFrom/configMapKeyRef/name"));
                add("Secret", variable.pointer("/valueFrom/secretKeyRef/name"));
            }
            for source in items(&container["envFrom"]) {
                add("ConfigMap", source.pointer("/configMapRef/name"));
                add("Secret", source.pointer("/secretRef/name"));
            }
        }
    }
    // A running pod gets the new files after a while, and mostly does not look at them again.
    for volume in items(&spec["volumes"]) {
        add("ConfigMap", volume.pointer("/configMap/name"));
        add("Secret", volume.pointer("/secret/secretName"));
        for source in items(&volume["projected"]["sources"]) {
            add("ConfigMap", source.pointer("/configMap/name"));
            add("Secret", source.pointer("/secret/name"));
        }
    }

    read
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Whether what pods read of a ConfigMap or Secret differs between two versions of it.
pub(super) fn data_differs(live: &Object, planned: &Object) -> bool {
    // To a pod an empty map and none are the same.
    let empty = |object: &Object, field: &str| {
        object
            .at(field)
            .and_then(Value::as_object)
            .filter(|map| !map.is_empty())
            .cloned()
    };

    ["/data", "/binaryData"]
        .iter()
        .any(|field| empty(live, field) != empty(planned, field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_way_to_read_configuration_is_found() {
        let workload = Object::new(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"template": {"spec": {
                "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "s1"}}]}],
                "containers": [{"name": "c",
                    "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c1", "key": "a"}}},
                            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s2", "key": "b"}}},
                            {"name": "C", "value": "plain"}],
                    "envFrom": [{"configMapRef": {"name": "c2"}}]}],
                "volumes": [{"name": "v", "configMap": {"name": "c3"}}, {"name": "w", "secret": {"secretName": "s3"}},
                    {"name": "p", "projected": {"sources": [{"configMap": {"name": "c4"}}, {"secret": {"name": "s4"}}]}}]
            }}}
        }))
        .unwrap();

        let names: Vec<_> = configuration_read_by(&workload)
            .iter()
            .map(|id| format!("{}/{}", id.kind, id.name))
            .collect();

        let expected: Vec<_> = (1..=4)
            .map(|n| format!("ConfigMap/c{n}"))
            .chain((1..=4).map(|n| format!("Secret/s{n}")))
            .collect();

        assert_eq!(names, expected);
    }

    #[test]
    fn a_label_on_a_config_map_restarts_nothing_and_an_empty_map_is_no_map() {
        let map = |metadata: Value, data: Value| {
            Object::new(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}))
                .unwrap()
        };

        let live = map(json!({"name": "a"}), json!({}));
        // The label is nothing that a pod reads.
        assert!(!data_differs(
            &live,
            &map(json!({"name": "a", "labels": {"x": "y"}}), Value::Null)
        ));
        assert!(data_differs(&live, &map(json!({"name": "a"}), json!({"k": "v"}))));
    }
}
