//! Workloads: which kinds have pods, and the pod that a template makes.

use crate::model::k8s::kinds::built_in;
use crate::model::preflight::PodDryRun;
use crate::model::{Object, ObjectId, ResourceType};
use serde_json::{Value, json};

/// Whether a kind's rollout is followed through its pods.
pub(super) fn is_watched(resource: &ResourceType) -> bool {
    matches!(
        (&*resource.group, &*resource.kind),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") | ("batch", "Job")
    )
}

/// Whether pods of a kind are found by the chains of their owners: of a CronJob, and of kinds that are not built in.
pub(super) fn has_chained_pods(resource: &ResourceType) -> bool {
    let is_cron_job = (&*resource.group, &*resource.kind) == ("batch", "CronJob");
    is_cron_job || built_in(&resource.group, &resource.kind).is_none()
}

/// The pod template of a workload.
pub(super) fn template(workload: &Object) -> Option<&Value> {
    // Kinds of others have templates of their own making: what pods come of them, their controllers know.
    let gvk = workload.gvk();
    match (&*gvk.group, &*gvk.kind) {
        ("apps", _) | ("batch", "Job") => workload.at("/spec/template"),
        ("batch", "CronJob") => workload.at("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}

/// The pod that a workload would make: admission, quota and pod security judge pods, not workloads.
pub(super) fn pod_of(workload: &Object, id: &ObjectId) -> Option<PodDryRun> {
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
