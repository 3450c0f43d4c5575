//! What another cluster's server wrote into a manifest: a release leaves it out, for it names or is given by that cluster.
//!
//! Addresses and the like go only from what carries a server's own mark (a UID, a resourceVersion): in a manifest by
//! hand they are somebody's choice. What goes beyond the marks is named, since the object means less without it.

use crate::model::k8s::ownership::DEPLOYMENT_REVISION;
use crate::model::k8s::writers::drop_server_written;
use crate::model::path_text::escape;
use crate::model::{Object, ObjectId};
use serde_json::Value;

/// It quotes the whole object, perhaps a Secret.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Where only an exported object has a value of the server's: in a manifest by hand these are somebody's choice.
const ASSIGNED: &[(&str, &[&str])] = &[
    ("Service", &["spec", "clusterIP"]),
    ("Service", &["spec", "clusterIPs"]),
    ("Service", &["spec", "healthCheckNodePort"]),
    ("Service", &["spec", "ports", "*", "nodePort"]),
    ("PersistentVolumeClaim", &["spec", "volumeName"]),
    (
        "PersistentVolumeClaim",
        &["metadata", "annotations", "pv.kubernetes.io/bind-completed"],
    ),
    (
        "PersistentVolumeClaim",
        &["metadata", "annotations", "pv.kubernetes.io/bound-by-controller"],
    ),
    (
        "PersistentVolumeClaim",
        &["metadata", "annotations", "volume.kubernetes.io/selected-node"],
    ),
    ("Pod", &["spec", "nodeName"]),
    ("Deployment", &["metadata", "annotations", DEPLOYMENT_REVISION]),
];

/// Fields of one object that a release leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The object.
    pub object: ObjectId,
    /// As paths: `/metadata/ownerReferences`.
    pub paths: Vec<String>,
}

/// The objects without what a server wrote, and what of that is worth a word.
pub fn leave_out_server_fields(objects: Vec<Object>) -> (Vec<Object>, Vec<LeftOut>) {
    let mut left_out = Vec::new();
    let mut clean = Vec::new();

    for mut object in objects {
        let id = object.id();
        let paths = clean_object(&mut object);
        if !paths.is_empty() {
            left_out.push(LeftOut { object: id, paths });
        }
        clean.push(object);
    }
    (clean, left_out)
}

fn clean_object(object: &mut Object) -> Vec<String> {
    // Only the API server gives these.
    let is_exported = !object.uid().is_empty() || !object.resource_version().is_empty();
    // A custom kind may be called Service too, and mean something else by its fields.
    let is_core = matches!(object.gvk().group.as_str(), "" | "apps");
    let kind = object.kind().to_owned();
    let mut removed = Vec::new();

    // The garbage collector deletes what is owned by a UID that its cluster does not have.
    remove(
        object.value_mut(),
        &["metadata", "ownerReferences"],
        "",
        &mut removed,
    );

    if is_exported && is_core {
        for (_, path) in ASSIGNED.iter().filter(|(of, _)| *of == kind) {
            remove(object.value_mut(), path, "", &mut removed);
        }
    }

    let Some(map) = object.value_mut().as_object_mut() else {
        return removed;
    };

    map.shift_remove("status");
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        // Without a word, as every exported object has them.
        drop_server_written(metadata);
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.shift_remove(LAST_APPLIED);
        }
    }
    removed
}

/// Removes what stands at a path, and says where; `None` is a choice and no address.
fn remove(value: &mut Value, path: &[&str], at: &str, removed: &mut Vec<String>) {
    match (path, value) {
        (["*", rest @ ..], Value::Array(items)) => {
            // Every item has its own: a Service's ports are handed out one by one.
            for (index, item) in items.iter_mut().enumerate() {
                remove(item, rest, &format!("{at}/{index}"), removed);
            }
        }
        ([field], Value::Object(map)) => {
            let is_headless = match map.get(*field) {
                Some(Value::Array(items)) => items.iter().any(|item| item == "None"),
                other => other.is_some_and(|value| value == "None"),
            };
            if is_headless {
                return;
            }

            // A null says nothing, so that nothing is told of it.
            let found = map.shift_remove(*field);
            if found.is_some_and(|value| !value.is_null()) {
                let name = escape(field);
                removed.push(format!("{at}/{name}"));
            }
        }
        ([field, rest @ ..], Value::Object(map)) => {
            if let Some(inner) = map.get_mut(*field) {
                remove(inner, rest, &format!("{at}/{field}"), removed);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn clean(value: Value) -> (Value, Vec<String>) {
        let mut object = Object::new(value).unwrap();
        let paths = clean_object(&mut object);
        (object.into_value(), paths)
    }

    #[test]
    fn the_servers_marks_stay_out_in_silence() {
        let (object, paths) = clean(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "uid": "u", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"}}, "status": {}}),
        );
        assert_eq!(
            object,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "annotations": {"a": "b"}}})
        );
        assert!(paths.is_empty());
    }

    #[test]
    fn an_owner_stays_out_and_is_named() {
        let (object, paths) = clean(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "ownerReferences": [{"uid": "u"}]}}),
        );
        assert_eq!(object["metadata"], json!({"name": "m"}));
        assert_eq!(paths, ["/metadata/ownerReferences"]);
    }

    #[test]
    fn addresses_of_a_service_stay_out_only_where_a_server_gave_them() {
        let service = |uid: Option<&str>, ip: &str| {
            let mut object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
                "spec": {"clusterIP": ip, "clusterIPs": [ip], "ports": [{"port": 80, "nodePort": 30080}]}});
            if let Some(uid) = uid {
                object["metadata"]["uid"] = uid.into();
            }
            clean(object)
        };

        let (exported, paths) = service(Some("u"), "10.0.0.1");
        assert_eq!(exported["spec"], json!({"ports": [{"port": 80}]}));
        assert_eq!(
            paths,
            ["/spec/clusterIP", "/spec/clusterIPs", "/spec/ports/0/nodePort"]
        );

        let (headless, _) = service(Some("u"), "None");
        assert_eq!(
            (&headless["spec"]["clusterIP"], &headless["spec"]["clusterIPs"]),
            (&json!("None"), &json!(["None"]))
        );

        // Nobody exported this one: the address is what its author wants.
        assert!(service(None, "10.0.0.1").1.is_empty());
    }
}
