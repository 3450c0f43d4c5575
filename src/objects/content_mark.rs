//! A short mark of what an object holds, to tell whether it moved: another mark, another content.
//!
//! Of a pod it is what of it is compared: what it runs, who controls it, whether it ends. Its other fields and most of its
//! status change for as long as it lives.

use super::content::write_content;
use crate::model::Object;
use crate::model::k8s::pod::PodFacts;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The mark of an object's content: versions with the same content have the same one, within one process.
pub fn content_mark(object: &Object) -> u64 {
    let mut hasher = DefaultHasher::new();
    if object.kind() == "Pod" && object.api_version() == "v1" {
        hash_pod(&PodFacts::reduce(object), &mut hasher);
    } else {
        let mut text = Vec::new();
        write_content(&mut text, object, false);
        text.hash(&mut hasher);
    }
    hasher.finish()
}

fn hash_pod(pod: &PodFacts, hasher: &mut DefaultHasher) {
    let controller = pod.controller.as_ref().map(|controller| &controller.uid);
    (&pod.uid, pod.generation, controller, &pod.revision).hash(hasher);
    (pod.deleting, &pod.phase).hash(hasher);
    for container in &pod.containers {
        (&container.name, &container.image, &container.image_id).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn changed(object: &Value, pointer: &str, value: Value) -> u64 {
        let mut object = object.clone();
        *object.pointer_mut(pointer).unwrap() = value;
        content_mark(&Object::new(object).unwrap())
    }

    fn mark(object: &Value) -> u64 {
        content_mark(&Object::new(object.clone()).unwrap())
    }

    #[test]
    fn a_status_a_version_and_ownership_leave_the_mark_and_a_field_a_label_and_a_deletion_do_not() {
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 2,
                "labels": {"app": "web"}, "managedFields": [], "deletionTimestamp": null},
            "spec": {"replicas": 2}, "status": {"replicas": 1}});

        for (pointer, value) in [
            ("/status", json!({"replicas": 9})),
            ("/metadata/resourceVersion", json!("8")),
            ("/metadata/generation", json!(3)),
            ("/metadata/managedFields", json!([{"manager": "helm"}])),
        ] {
            assert_eq!(changed(&object, pointer, value), mark(&object), "{pointer}");
        }
        for (pointer, value) in [
            ("/spec/replicas", json!(3)),
            ("/metadata/labels", json!({"app": "api"})),
            ("/metadata/deletionTimestamp", json!("2027-01-01T00:00:00Z")),
        ] {
            assert_ne!(changed(&object, pointer, value), mark(&object), "{pointer}");
        }
    }

    #[test]
    fn of_a_pod_its_digests_count_and_its_restarts_do_not() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", "annotations": {}},
            "spec": {"containers": [{"name": "web", "image": "acme/web:1"}]},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "web", "imageID": "acme/web@sha256:a", "restartCount": 1, "ready": true}]}});

        for (pointer, value) in [
            ("/status/containerStatuses/0/restartCount", json!(9)),
            ("/status/containerStatuses/0/ready", json!(false)),
            ("/metadata/annotations", json!({"a": "b"})),
        ] {
            assert_eq!(changed(&pod, pointer, value), mark(&pod), "{pointer}");
        }
        for (pointer, value) in [
            ("/status/containerStatuses/0/imageID", json!("acme/web@sha256:b")),
            ("/status/phase", json!("Failed")),
            ("/metadata/uid", json!("v")),
        ] {
            assert_ne!(changed(&pod, pointer, value), mark(&pod), "{pointer}");
        }
    }
}
