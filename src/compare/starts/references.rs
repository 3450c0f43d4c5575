//! What the pods of a template cannot start without, each object once with all that is needed of it.
//!
//! What a pod may do without is left out, and so is what controllers make for it: the claims of a StatefulSet's templates,
//! a namespace's own certificates, the priority classes that are part of every cluster.

use super::StartingWorkload;
use crate::model::k8s::kinds::built_in;
use crate::model::k8s::pod_references::references;
use crate::model::{Object, ObjectId, ResourceType, Target};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What an object is to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReferenceRole {
    /// The pod does not start without it.
    Needed,
    /// A claim that the template names: the pod does not start without it, nor without its volume.
    Claim,
    /// A claim that a StatefulSet makes where it is missing.
    OwnClaim,
    /// A Secret to pull images with: a public image, or one that the node holds, needs none.
    PullSecret,
}

/// The keys that are read of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeysRead {
    /// Into variables: the kubelet takes these from `data` alone.
    pub variables: BTreeSet<String>,
    /// Into files.
    pub files: BTreeSet<String>,
}

/// What is needed, by object and role.
pub(super) type References = BTreeMap<(ObjectId, ReferenceRole), KeysRead>;

/// What controllers put into every namespace: where it is missing, it comes back.
const PUBLISHED: &str = "kube-root-ca.crt";

/// What the pods of a workload cannot start without.
pub(super) fn needed_references(workload: &StartingWorkload<'_>) -> References {
    let namespace = workload.id.namespace.as_deref();
    let mut found = References::new();
    let own = own_claim_templates(workload.object);
    let spec = mounted(workload.spec, &own);

    for reference in references(&spec) {
        if reference.optional || (reference.kind, &*reference.name) == ("ConfigMap", PUBLISHED) {
            continue;
        }
        let role = match reference.kind {
            "PersistentVolumeClaim" => ReferenceRole::Claim,
            _ => ReferenceRole::Needed,
        };
        let object = ObjectId::new("", reference.kind, namespace, &reference.name);
        let keys = found.entry((object, role)).or_default();
        let place = if reference.at_start {
            &mut keys.variables
        } else {
            &mut keys.files
        };
        place.extend(reference.key);
    }

    for secret in pull_secrets(workload.spec) {
        let id = ObjectId::new("", "Secret", namespace, &secret);
        found.entry((id, ReferenceRole::PullSecret)).or_default();
    }
    for claim in own_claims(workload, &own) {
        let id = ObjectId::new("", "PersistentVolumeClaim", namespace, &claim);
        found.entry((id, ReferenceRole::OwnClaim)).or_default();
    }
    for class in classes(workload.spec) {
        found.entry((class, ReferenceRole::Needed)).or_default();
    }
    found
}

/// The Secrets to pull images with that a pod takes over from its account: where its template names some, none.
pub(super) fn account_secrets(workload: &StartingWorkload<'_>, account: &Object) -> Vec<ObjectId> {
    if !pull_secrets(workload.spec).is_empty() {
        return Vec::new();
    }
    let namespace = workload.id.namespace.as_deref();
    let names = pull_secrets(account.value()).into_iter();
    names
        .map(|name| ObjectId::new("", "Secret", namespace, &name))
        .collect()
}

/// The account of a workload's pods.
pub(super) fn account(workload: &StartingWorkload<'_>) -> ObjectId {
    let name = workload.spec["serviceAccountName"].as_str().unwrap_or_default();
    let name = if name.is_empty() { "default" } else { name };
    ObjectId::new("", "ServiceAccount", workload.id.namespace.as_deref(), name)
}

/// Whether a volume of the pod itself brings Secrets: its driver makes them when it is mounted, and deletes them with the
/// last pod.
pub(super) fn brings_secrets(workload: &StartingWorkload<'_>) -> bool {
    let mut volumes = items(&workload.spec["volumes"]);
    volumes.any(|volume| volume["csi"]["driver"] == "secrets-store.csi.k8s.io")
}

/// Where an object that a template refers to is read: all of them are of built-in kinds.
pub(super) fn reference_target(id: &ObjectId) -> Option<Target> {
    let kind = built_in(&id.group, &id.kind)?;
    Some(Target::new(&kind, id.namespace.as_deref(), &id.name))
}

/// Whether objects of a kind are something that templates refer to.
pub fn is_start_reference(kind: &ResourceType) -> bool {
    let kinds = ["ConfigMap", "Secret", "ServiceAccount", "PersistentVolumeClaim"];
    match &*kind.group {
        "" => kinds.contains(&&*kind.kind),
        "scheduling.k8s.io" => kind.kind == "PriorityClass",
        "node.k8s.io" => kind.kind == "RuntimeClass",
        _ => false,
    }
}

/// A pod's spec as the kubelet takes it: of ConfigMaps and Secrets it reads those volumes alone that a container mounts.
/// Pull secrets are left out, and so are volumes that a claim of its own takes the place of.
fn mounted<'s>(spec: &'s Value, own_claims: &[String]) -> Cow<'s, Value> {
    let mut mounts: BTreeSet<&str> = BTreeSet::new();
    for list in ["initContainers", "containers"] {
        for container in items(&spec[list]) {
            mounts.extend(items(&container["volumeMounts"]).filter_map(|mount| mount["name"].as_str()));
        }
    }
    let is_read = |volume: &&Value| {
        let name = volume["name"].as_str().unwrap_or_default();
        let is_claim = volume.get("persistentVolumeClaim").is_some();
        (is_claim || mounts.contains(name)) && !own_claims.iter().any(|own| own == name)
    };

    let volumes = items(&spec["volumes"]);
    let all = volumes.clone().count();
    let read: Vec<Value> = volumes.filter(is_read).cloned().collect();
    if read.len() == all && spec.get("imagePullSecrets").is_none() {
        return Cow::Borrowed(spec);
    }
    let mut spec = spec.clone();
    spec["volumes"] = Value::Array(read);
    spec["imagePullSecrets"] = json!([]);
    Cow::Owned(spec)
}

fn items(list: &Value) -> std::slice::Iter<'_, Value> {
    list.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn pull_secrets(holder: &Value) -> Vec<String> {
    let names = items(&holder["imagePullSecrets"]).filter_map(|secret| secret["name"].as_str());
    names.filter(|name| !name.is_empty()).map(String::from).collect()
}

/// The names of a StatefulSet's claim templates.
fn own_claim_templates(object: &Object) -> Vec<String> {
    if object.kind() != "StatefulSet" {
        return Vec::new();
    }
    let templates = object.at("/spec/volumeClaimTemplates").map(items);
    let names = templates.into_iter().flatten();
    names
        .filter_map(|template| template["metadata"]["name"].as_str().map(String::from))
        .collect()
}

/// The claims of a StatefulSet's replicas: `{template}-{set}-{ordinal}`.
fn own_claims(workload: &StartingWorkload<'_>, templates: &[String]) -> Vec<String> {
    let number = |pointer: &str| workload.object.at(pointer).and_then(Value::as_u64);
    let start = number("/spec/ordinals/start").unwrap_or_default();
    let replicas = number("/spec/replicas").unwrap_or(1);
    // More pods than any cluster runs: a number that is written by mistake must not be counted out.
    let ordinals = start..start.saturating_add(replicas.min(MOST_ORDINALS));

    let claim = |template: &String, ordinal| format!("{template}-{}-{ordinal}", workload.id.name);
    templates
        .iter()
        .flat_map(|template| ordinals.clone().map(move |ordinal| claim(template, ordinal)))
        .collect()
}

const MOST_ORDINALS: u64 = 1000;

/// The classes that a pod names. Those of the system itself are part of every cluster.
fn classes(spec: &Value) -> Vec<ObjectId> {
    let named = [
        ("scheduling.k8s.io", "PriorityClass", "priorityClassName"),
        ("node.k8s.io", "RuntimeClass", "runtimeClassName"),
    ];
    let classes = named.into_iter().filter_map(|(group, kind, field)| {
        let name = spec[field].as_str().filter(|name| !name.is_empty())?;
        let is_built_in = kind == "PriorityClass" && name.starts_with("system-");
        (!is_built_in).then(|| ObjectId::new(group, kind, None, name))
    });
    classes.collect()
}
