//! Fields that controllers set on objects of others. They are known by their place: who claims to have set one says nothing.

use crate::model::path::Step;
use crate::model::{FieldPath, Object};

/// Annotations that controllers of the control plane write, by key or by prefix up to the slash.
const ANNOTATIONS: &[&str] = &[
    "deployment.kubernetes.io/",
    "deprecated.daemonset.template.generation",
    "control-plane.alpha.kubernetes.io/leader",
    "autoscaling.alpha.kubernetes.io/",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/storage-provisioner",
];

/// Whether an annotation belongs to controllers: it is no content, and a revert leaves it as it is.
pub fn is_controllers_annotation(key: &str) -> bool {
    ANNOTATIONS.iter().any(|known| if known.ends_with('/') { key.starts_with(known) } else { key == *known })
}

/// Whether the field is one that controllers set on such an object, where nobody else does.
pub fn is_controllers(object: &Object, path: &FieldPath) -> bool {
    let steps: Vec<&str> = path
        .steps()
        .iter()
        .map(|step| match step {
            Step::Field(name) => name,
            Step::Value(value) => value.trim_matches('"'),
            Step::Key(_) | Step::Index(_) => "*",
        })
        .collect();
    match (object.kind(), &steps[..]) {
        // Certificate authorities are injected into whatever the API server calls.
        (
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
            ["webhooks", "*", "clientConfig", "caBundle"],
        )
        | ("APIService", ["spec", "caBundle"])
        | ("CustomResourceDefinition", ["spec", "conversion", "webhook", "clientConfig", "caBundle"]) => true,
        // A claim and its volume find each other.
        ("PersistentVolumeClaim", ["spec", "volumeName"])
        | ("PersistentVolume", ["spec", "claimRef", ..]) => true,
        ("Service", ["metadata", "finalizers", finalizer]) => {
            *finalizer == "service.kubernetes.io/load-balancer-cleanup"
        }
        ("ServiceAccount", ["secrets", ..]) => true,
        ("Secret", ["data", ..] | ["metadata", "annotations", "kubernetes.io/service-account.uid"]) => {
            object.text("/type") == "kubernetes.io/service-account-token"
        }
        ("Pod", ["spec", "nodeName"]) => true,
        (_, ["metadata", "annotations", key]) => is_controllers_annotation(key),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is_set(kind: &str, kind_of_secret: &str, path: &str) -> bool {
        let object =
            json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, "type": kind_of_secret});
        is_controllers(&Object::new(object).unwrap(), &path.parse().unwrap())
    }

    #[test]
    fn a_field_is_a_controllers_by_kind_and_place() {
        for (kind, path, expected) in [
            ("Deployment", "/metadata/annotations/deployment.kubernetes.io~1revision", true),
            ("Deployment", "/metadata/annotations/mine", false),
            ("Deployment", "/spec/template/spec/containers/[name=a]", false),
            ("ValidatingWebhookConfiguration", "/webhooks/[name=a]/clientConfig/caBundle", true),
            ("ValidatingWebhookConfiguration", "/webhooks/[name=a]/clientConfig/url", false),
            ("PersistentVolumeClaim", "/spec/volumeName", true),
            ("PersistentVolume", "/spec/claimRef/name", true),
            ("Pod", "/spec/nodeName", true),
            ("Deployment", "/spec/nodeName", false),
            ("Secret", "/data/token", false),
        ] {
            assert_eq!(is_set(kind, "", path), expected, "{kind} {path}");
        }
        assert!(is_set("Secret", "kubernetes.io/service-account-token", "/data/token"));
    }
}
