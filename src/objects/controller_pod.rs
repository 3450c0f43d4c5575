//! The pod that a workload's controller would make of its template.
//!
//! Admission, quota and pod security judge pods, not workloads. They judge them by their labels and owners, too: the pod
//! carries what its controller would give it, so that it is judged as that one would be.

use crate::model::preflight::PodDryRun;
use crate::model::{Object, ObjectId};
use serde_json::{Map, Value, json};

/// Stands for the hash of a revision, which its controller works out. No real one is shorter, so that no name is too long with it.
const SOME_HASH: &str = "0";

/// The pod template of a workload.
pub fn template(workload: &Object) -> Option<&Value> {
    // Kinds of others have templates of their own making: what pods come of them, their controllers know.
    let gvk = workload.gvk();
    match (&*gvk.group, &*gvk.kind) {
        ("apps", _) | ("batch", "Job") => workload.at("/spec/template"),
        ("batch", "CronJob") => workload.at("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}

/// The pod that a workload would make.
pub fn pod_of(workload: &Object, id: &ObjectId) -> Option<PodDryRun> {
    let template = template(workload)?;

    let namespace = id.namespace.clone()?;
    let mut metadata = template
        .get("metadata")
        .filter(|value| value.is_object())
        .cloned()
        .unwrap_or(json!({}));
    // A name of its own, so that it meets no pod that is there.
    metadata["generateName"] = format!("{}-", id.name.chars().take(40).collect::<String>()).into();
    metadata["namespace"] = namespace.clone().into();

    // A name would win over the generated one, and a template can hold one.
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.shift_remove("name");
        metadata.shift_remove("creationTimestamp");
        add_labels(workload, &id.name, metadata);
        metadata.insert("ownerReferences".into(), json!([owner(workload, &id.name)]));
    }

    let mut spec = template.get("spec")?.clone();
    // Its mounts name the claims: without them as volumes the pod would be refused.
    let gvk = workload.gvk();
    if gvk.kind == "StatefulSet" {
        add_claims(workload, &id.name, &mut spec);
    }

    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec});
    Some(PodDryRun {
        workload: id.clone(),
        namespace,
        pod,
    })
}

/// A StatefulSet's claims become volumes of its pods.
fn add_claims(workload: &Object, name: &str, spec: &mut Value) {
    let claims = workload
        .at("/spec/volumeClaimTemplates")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if claims.is_empty() {
        return;
    }

    let mut volumes = spec["volumes"].as_array().cloned().unwrap_or_default();
    for claim in claims {
        let claim = claim["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        // The first ordinal stands for all: that the claim is not there yet is no reason to refuse a pod.
        volumes.push(
            json!({"name": claim, "persistentVolumeClaim": {"claimName": format!("{claim}-{name}-0")}}),
        );
    }

    spec["volumes"] = Value::Array(volumes);
}

/// The labels that its controller adds to a template's own.
fn add_labels(workload: &Object, name: &str, metadata: &mut Map<String, Value>) {
    let added = match workload.kind() {
        "Deployment" | "ReplicaSet" => json!({"pod-template-hash": SOME_HASH}),
        "StatefulSet" => json!({"controller-revision-hash": format!("{name}-{SOME_HASH}"),
            "statefulset.kubernetes.io/pod-name": format!("{name}-0"), "apps.kubernetes.io/pod-index": "0"}),
        "DaemonSet" => json!({"controller-revision-hash": SOME_HASH, "pod-template-generation": "1"}),
        "Job" | "CronJob" => json!({"job-name": name, "batch.kubernetes.io/job-name": name}),
        _ => return,
    };
    let Value::Object(added) = added else { return };
    let labels = metadata.entry("labels").or_insert(Value::Null);
    if labels.is_null() {
        *labels = json!({});
    }
    for (key, value) in added {
        // A Job that is there has them in its template.
        labels
            .as_object_mut()
            .map(|labels| labels.entry(key).or_insert(value));
    }
}

/// Its controller: of a Deployment a ReplicaSet, of a CronJob a Job, neither of which is known.
fn owner(workload: &Object, name: &str) -> Value {
    let between = format!("{name}-{SOME_HASH}");
    let (version, kind, name) = match workload.kind() {
        "Deployment" => ("apps/v1", "ReplicaSet", between.as_str()),
        "CronJob" => ("batch/v1", "Job", between.as_str()),
        kind => (workload.api_version(), kind, name),
    };
    // One that is to come has no uid; it must be given, and nothing is looked up by it.
    let uid = Some(workload.uid()).filter(|uid| !uid.is_empty());
    let uid = uid.unwrap_or("00000000-0000-0000-0000-000000000000");
    // Without `blockOwnerDeletion`, which asks for a permission of its own.
    json!({"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true})
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("apps/v1", "Deployment", "ReplicaSet", &["app", "pod-template-hash"])]
    #[case("apps/v1", "StatefulSet", "StatefulSet",
        &["app", "apps.kubernetes.io/pod-index", "controller-revision-hash", "statefulset.kubernetes.io/pod-name"])]
    #[case("apps/v1", "DaemonSet", "DaemonSet", &["app", "controller-revision-hash", "pod-template-generation"])]
    #[case("batch/v1", "CronJob", "Job", &["app", "batch.kubernetes.io/job-name", "job-name"])]
    fn a_pod_is_labelled_and_owned_as_its_controller_would_make_it(
        #[case] version: &str,
        #[case] kind: &str,
        #[case] owner: &str,
        #[case] labels: &[&str],
    ) {
        let template =
            json!({"metadata": {"name": "x", "labels": {"app": "web"}}, "spec": {"containers": []}});
        let spec = match kind {
            "CronJob" => json!({"jobTemplate": {"spec": {"template": template}}}),
            _ => json!({"template": template}),
        };
        let metadata = json!({"name": "web", "namespace": "shop", "uid": "u"});
        let workload = json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec});
        let workload = Object::new(workload).unwrap();

        let pod = pod_of(&workload, &workload.id()).unwrap().pod;
        let mut found: Vec<&String> = pod["metadata"]["labels"].as_object().unwrap().keys().collect();
        found.sort();
        assert_eq!(found, labels);
        assert_eq!(pod["metadata"]["ownerReferences"][0]["kind"], owner);
        assert_eq!(pod["metadata"].get("name"), None);
    }
}
