//! Where objects are reached: kinds that are built in, served, or defined by a CRD among the objects themselves.

use crate::cluster::{ApiError, Cluster};
use crate::model::k8s::kinds::well_known;
use crate::model::{Gvk, Object, ResourceType, Target};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The kinds of all objects: well known, served, or defined by a CRD among them. One that is none of these is missing.
pub async fn kinds<'o>(
    cluster: &dyn Cluster,
    objects: impl Iterator<Item = &'o Object> + Clone,
) -> Result<BTreeMap<Gvk, ResourceType>, ApiError> {
    let gvks: BTreeSet<Gvk> = objects.clone().map(Object::gvk).collect();

    let mut kinds: BTreeMap<Gvk, ResourceType> = gvks
        .iter()
        .filter_map(|gvk| Some((gvk.clone(), well_known(gvk)?)))
        .collect();

    if kinds.len() < gvks.len() {
        // Only where it must be: most releases hold kinds that every server has.
        let served = cluster.discover().await?;
        kinds.extend(
            served
                .into_iter()
                .map(|found| (found.resource.gvk(), found.resource)),
        );
        for resource in objects.flat_map(defined_by) {
            // What is served wins: the CRD among the objects may be a later one, which is not applied yet.
            kinds.entry(resource.gvk()).or_insert(resource);
        }
    }
    Ok(kinds)
}

/// These targets, each in a version that is served: which one it was when they were recorded says nothing of the object.
pub async fn served(
    cluster: &dyn Cluster,
    targets: &[Target],
    known: &BTreeMap<Gvk, ResourceType>,
) -> Result<Vec<Target>, ApiError> {
    let mut targets = targets.to_vec();
    let is_known = |target: &Target| {
        let gvk = target.resource.gvk();
        well_known(&gvk).is_some() || known.contains_key(&gvk)
    };
    if targets.iter().all(is_known) {
        return Ok(targets);
    }

    let found = cluster.discover().await?;
    let found: Vec<ResourceType> = found.into_iter().map(|one| one.resource).collect();
    for target in targets.iter_mut().filter(|target| !is_known(target)) {
        let asked = &target.resource;
        let of_kind = |one: &&ResourceType| one.group == asked.group && one.kind == asked.kind;
        // Of a kind that is not served at all the target stays as it is, and is found missing.
        let is_served = found.contains(asked);
        if let Some(other) = found.iter().find(of_kind).filter(|_| !is_served) {
            target.resource = other.clone();
        }
    }
    Ok(targets)
}

/// The kinds that a CRD defines.
fn defined_by(crd: &Object) -> Vec<ResourceType> {
    if crd.kind() != "CustomResourceDefinition" {
        return Vec::new();
    }

    let versions = crd
        .at("/spec/versions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();

    // One that it does not serve is none of the kind's.
    let versions = versions.filter(|version| version["served"] != false);
    let resource = |version: &Value| ResourceType {
        group: crd.text("/spec/group").into(),
        version: version["name"].as_str().unwrap_or_default().into(),
        kind: crd.text("/spec/names/kind").into(),
        plural: crd.text("/spec/names/plural").into(),
        namespaced: crd.text("/spec/scope") == "Namespaced",
    };
    versions.map(resource).collect()
}
