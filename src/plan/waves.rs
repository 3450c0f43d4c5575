//! The order of a promotion: waves by kind, and what objects say of each other by annotation.

use super::hooks::{self, Hook, When};
use crate::model::names::AFTER_ANNOTATION;
use crate::model::{Object, ObjectId};
use std::collections::BTreeMap;

/// Room for explicit order inside one wave of kinds.
const WIDTH: u32 = 10_000;

/// An order that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OrderError {
    /// Objects that wait for each other, the first one again at the end.
    Cycle(Vec<ObjectId>),
    /// An object waits for one that is not in the release.
    Unknown { object: ObjectId, names: String },
}

/// The rank of a kind: lower ones first.
pub fn rank(object: &Object) -> u32 {
    let gvk = object.gvk();
    match hooks::hook_of(object) {
        Ok(Some(Hook { when: When::Pre, .. })) => return 6,
        Ok(Some(Hook { when: When::Verify, .. })) => return 10,
        _ => {}
    }
    match (&*gvk.group, &*gvk.kind) {
        ("", "Namespace") => 0,
        ("apiextensions.k8s.io", _) => 1,
        ("rbac.authorization.k8s.io", _) | ("", "ServiceAccount") => 2,
        ("scheduling.k8s.io" | "networking.k8s.io", "PriorityClass" | "NetworkPolicy" | "IngressClass")
        | ("", "ConfigMap" | "Secret" | "LimitRange" | "ResourceQuota") => 3,
        ("external-secrets.io" | "bitnami.com" | "cert-manager.io", _) => 3,
        // A claim that is there before its class is looked at again only after a quarter of a minute.
        ("storage.k8s.io", _) => 3,
        ("", "PersistentVolume" | "PersistentVolumeClaim") => 4,
        ("", "Service" | "Endpoints") | ("discovery.k8s.io", _) => 5,
        ("networking.k8s.io" | "gateway.networking.k8s.io" | "autoscaling" | "policy" | "keda.sh", _) => 8,
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => 9,
        // Workloads, and custom resources beside the operators that serve them.
        _ => 7,
    }
}

/// The wave of each object, from 0 without gaps.
pub(super) fn waves<'a>(
    objects: impl Iterator<Item = (ObjectId, &'a Object)>,
) -> Result<BTreeMap<ObjectId, u32>, Vec<OrderError>> {
    let objects: BTreeMap<_, _> = objects.collect();
    let mut errors = Vec::new();
    let mut after = BTreeMap::new();
    for (id, object) in &objects {
        match prerequisites(id, object, &objects) {
            Ok(found) => drop(after.insert(id.clone(), found)),
            Err(names) => errors.push(OrderError::Unknown { object: id.clone(), names }),
        }
    }
    let mut positions = BTreeMap::new();
    for (id, object) in &objects {
        let mut on_the_way = Vec::new();
        if let Err(cycle) = position(id, object, &objects, &after, &mut positions, &mut on_the_way) {
            let known = |error: &OrderError| matches!(error, OrderError::Cycle(known) if cycle.iter().all(|id| known.contains(id)));
            if !errors.iter().any(known) {
                errors.push(OrderError::Cycle(cycle));
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut used: Vec<u32> = positions.values().copied().collect();
    used.sort_unstable();
    used.dedup();
    let wave = |position: &u32| used.binary_search(position).unwrap_or_default();
    Ok(positions.iter().map(|(id, at)| (id.clone(), u32::try_from(wave(at)).unwrap_or(u32::MAX))).collect())
}

/// The objects that one names with `kubectl-delivery.io/after`: `Kind/name`, or `Kind/namespace/name`.
fn prerequisites(
    id: &ObjectId,
    object: &Object,
    all: &BTreeMap<ObjectId, &Object>,
) -> Result<Vec<ObjectId>, String> {
    let text = object.annotation(AFTER_ANNOTATION).unwrap_or_default();
    let mut found = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let parts: Vec<_> = name.split('/').collect();
        let matches = |other: &&ObjectId| {
            let kind = other.kind.eq_ignore_ascii_case(parts[0]);
            match parts[1..] {
                [name] => {
                    kind && other.name == name
                        && (other.namespace == id.namespace || other.namespace.is_none())
                }
                [namespace, name] => {
                    kind && other.name == name && other.namespace.as_deref() == Some(namespace)
                }
                _ => false,
            }
        };
        found.push(all.keys().find(matches).ok_or_else(|| name.to_owned())?.clone());
    }
    Ok(found)
}

fn position(
    id: &ObjectId,
    object: &Object,
    all: &BTreeMap<ObjectId, &Object>,
    after: &BTreeMap<ObjectId, Vec<ObjectId>>,
    positions: &mut BTreeMap<ObjectId, u32>,
    on_the_way: &mut Vec<ObjectId>,
) -> Result<u32, Vec<ObjectId>> {
    if let Some(known) = positions.get(id) {
        return Ok(*known);
    }
    if let Some(start) = on_the_way.iter().position(|other| other == id) {
        let mut cycle = on_the_way[start..].to_vec();
        cycle.push(id.clone());
        return Err(cycle);
    }
    on_the_way.push(id.clone());
    let weight =
        hooks::hook_of(object).ok().flatten().map_or(0, |hook| hook.weight.clamp(-1000, 1000) + 1000);
    let mut found = rank(object) * WIDTH + weight.unsigned_abs();
    for other in after.get(id).into_iter().flatten() {
        if let Some(object) = all.get(other) {
            found = found.max(position(other, object, all, after, positions, on_the_way)? + 1);
        }
    }
    on_the_way.pop();
    positions.insert(id.clone(), found);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(api_version: &str, kind: &str, name: &str, after: &str) -> Object {
        Object::new(json!({"apiVersion": api_version, "kind": kind,
            "metadata": {"name": name, "namespace": "shop", "annotations": {AFTER_ANNOTATION: after}}}))
        .unwrap()
    }

    fn order(objects: &[Object]) -> Result<Vec<String>, Vec<OrderError>> {
        let waves = waves(objects.iter().map(|object| (object.id(), object)))?;
        let mut names: Vec<_> = waves.iter().map(|(id, wave)| (*wave, id.name.clone())).collect();
        names.sort();
        Ok(names.into_iter().map(|(wave, name)| format!("{wave} {name}")).collect())
    }

    #[test]
    fn kinds_that_others_need_come_first_and_waves_have_no_gaps() {
        let objects = [
            object("networking.k8s.io/v1", "Ingress", "ingress", ""),
            object("apps/v1", "Deployment", "web", ""),
            object("example.com/v1", "Thing", "custom", ""),
            object("v1", "PersistentVolumeClaim", "data", ""),
            object("storage.k8s.io/v1", "StorageClass", "class", ""),
            object("v1", "ConfigMap", "config", ""),
            object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "crd", ""),
        ];
        let expected = ["0 crd", "1 class", "1 config", "2 data", "3 custom", "3 web", "4 ingress"];
        assert_eq!(order(&objects).unwrap(), expected);
    }

    #[test]
    fn an_object_waits_for_those_it_names() {
        let objects = [
            object("apps/v1", "Deployment", "web", "Job/migrate, deployment/db"),
            object("apps/v1", "Deployment", "db", ""),
            object("batch/v1", "Job", "migrate", "Deployment/shop/db"),
            object("v1", "ConfigMap", "late", "Deployment/web"),
        ];
        assert_eq!(order(&objects).unwrap(), ["0 db", "1 migrate", "2 web", "3 late"]);
    }

    #[test]
    fn a_cycle_is_refused_with_the_names_of_all_who_wait() {
        let objects = [
            object("apps/v1", "Deployment", "a", "Deployment/b"),
            object("apps/v1", "Deployment", "b", "Deployment/c"),
            object("apps/v1", "Deployment", "c", "Deployment/a"),
        ];
        let errors = order(&objects).unwrap_err();
        let [OrderError::Cycle(cycle)] = &errors[..] else { panic!("{errors:?}") };
        assert_eq!(cycle.iter().map(|id| &*id.name).collect::<Vec<_>>(), ["a", "b", "c", "a"]);
    }

    #[test]
    fn a_name_that_is_not_in_the_release_is_refused() {
        let errors = order(&[object("apps/v1", "Deployment", "a", "Deployment/typo")]).unwrap_err();
        assert!(matches!(&errors[..], [OrderError::Unknown { names, .. }] if names == "Deployment/typo"));
    }
}
