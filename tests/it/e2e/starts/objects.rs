//! What the worlds hold beside the release.

use super::Place;
use serde_json::{Value, json};

pub fn config(name: &str, data: Value) -> Value {
    let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    map["data"] = data;
    map
}

pub fn secret(name: &str, data: Value) -> Value {
    let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}});
    secret["stringData"] = data;
    secret
}

/// A volume of the node that only the claim of this name binds.
pub fn volume(place: &Place, claim: &str) -> Value {
    let name = format!("{}-{claim}", place.mark);
    json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
        "capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "", "claimRef": {"namespace": place.namespace.name(), "name": claim},
        "hostPath": {"path": "/tmp"}}})
}

pub fn claim(place: &Place, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": format!("{}-{name}", place.mark),
        "resources": {"requests": {"storage": "1Mi"}}}})
}

/// A policy that admits no pod of the namespace for which the expression is false, and what binds it.
pub fn policy(place: &Place, name: &str, expression: &str, message: &str) -> [Value; 2] {
    let group = "admissionregistration.k8s.io/v1";
    let name = format!("{}-{name}", place.mark);
    let rule =
        json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]});
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": place.namespace.name()}});
    [
        json!({"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
            "failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": expression, "message": message}]}}),
        json!({"apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": {
            "policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": here}}}),
    ]
}
