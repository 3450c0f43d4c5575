//! The order of a promotion: waves by kind, and what objects say of each other by annotation.
//!
//! What others need comes first: namespaces and kinds, rights, configuration, storage, Services. Then come workloads, and
//! last what looks at them or could refuse them. Hooks have ranks of their own, before the workloads and after everything.
//! An annotation moves an object back and never forward, so that only a cycle, or a name that the release does not hold,
//! cannot be kept. Prunes and reverts go by the same ranks.

use super::hooks::{self, When};
use crate::model::names::AFTER_ANNOTATION;
use crate::model::{Object, ObjectId, WaveIndex};
use std::collections::{BTreeMap, BTreeSet};

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

/// The rank of workloads: those before it are there when they start.
pub(super) const WORKLOADS: u32 = 7;

/// The rank of an object by its kind, and of a hook by when it runs in most promotions: lower ones first.
pub fn rank(object: &Object) -> u32 {
    let hook = hooks::hook_of(object).ok().flatten();
    hook.and_then(|hook| hook.later.or(hook.first))
        .map_or_else(|| rank_of_kind(object), rank_of_hook)
}

fn rank_of_hook(when: When) -> u32 {
    match when {
        // No kind has this rank: what a hook reads is there by then, and no workload is.
        When::Pre => WORKLOADS - 1,
        // Above all kinds: it looks at what the promotion has come to.
        When::Verify => 10,
    }
}

fn rank_of_kind(object: &Object) -> u32 {
    let gvk = object.gvk();
    match (&*gvk.group, &*gvk.kind) {
        ("", "Namespace") => 0,
        // A kind is served some moments after its definition is there: its objects come in a later wave.
        ("apiextensions.k8s.io", _) => 1,
        // Admission refuses a pod whose ServiceAccount is not there.
        ("rbac.authorization.k8s.io", _) | ("", "ServiceAccount") => 2,
        // What a pod reads, and what it is judged or shielded by, is in force before the first one starts.
        ("scheduling.k8s.io" | "networking.k8s.io", "PriorityClass" | "NetworkPolicy" | "IngressClass")
        | ("", "ConfigMap" | "Secret" | "LimitRange" | "ResourceQuota") => 3,
        // They make Secrets that workloads read, and need some time for it.
        ("external-secrets.io" | "bitnami.com" | "cert-manager.io", _) => 3,
        // A claim that is there before its class is looked at again only after a quarter of a minute.
        ("storage.k8s.io", _) => 3,
        ("", "PersistentVolume" | "PersistentVolumeClaim") => 4,
        // A container's environment names only the Services that are there when it starts.
        ("", "Service" | "Endpoints") | ("discovery.k8s.io", _) => 5,
        // An autoscaler reports that it fails as long as its target is not there.
        ("networking.k8s.io" | "gateway.networking.k8s.io" | "autoscaling" | "policy" | "keda.sh", _) => 8,
        // Last of all: a webhook whose server is not up yet would refuse what this release brings itself.
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => 9,
        // Workloads, and custom resources beside the operators that serve them.
        _ => WORKLOADS,
    }
}

/// Whether a ClusterRole's rules are put together by the control plane. It writes them anew whenever a part changes or
/// goes, and so brings back a role that was deleted a moment before: such a role is deleted before its parts.
pub fn is_aggregated(object: &Object) -> bool {
    (&*object.gvk().group, object.kind()) == ("rbac.authorization.k8s.io", "ClusterRole")
        && object.at("/aggregationRule").is_some_and(|rule| !rule.is_null())
}

/// One object on its way to a place in the order.
struct Node<'a> {
    id: ObjectId,
    object: &'a Object,
    /// Where it comes by its kind, or by its weight where it is a hook.
    by_itself: u32,
    /// Those that it waits for, by index.
    after: Vec<usize>,
    /// Where it comes, once that is known.
    position: Option<u32>,
}

/// The wave of each object, in the order in which they are given; waves count from 0 without gaps. Nothing waits for
/// what rests: it has run before, or does not run this time.
pub(super) fn waves<'a>(
    objects: impl Iterator<Item = (ObjectId, &'a Object)>,
    is_first: bool,
    skipped_hooks: &[ObjectId],
) -> Result<Vec<WaveIndex>, Vec<OrderError>> {
    let objects: Vec<(ObjectId, &Object)> = objects.collect();

    let places = places(&objects, is_first);
    let node = |((id, object), by_itself)| Node {
        id,
        object,
        by_itself,
        after: Vec::new(),
        position: None,
    };
    let mut nodes: Vec<Node<'_>> = objects.into_iter().zip(places).map(node).collect();

    let mut errors = Vec::new();
    // All errors at once: whoever mends the annotations sees each of them.
    for at in 0..nodes.len() {
        match prerequisites(&nodes[at], &nodes, skipped_hooks) {
            Ok(found) => nodes[at].after = found,
            Err(names) => errors.push(OrderError::Unknown {
                object: nodes[at].id.clone(),
                names,
            }),
        }
    }

    for at in 0..nodes.len() {
        if let Err(cycle) = position(at, &mut nodes, &mut Vec::new()) {
            // Each of its members finds the same cycle, beginning with itself: it is told once.
            let cycle: Vec<ObjectId> = cycle.into_iter().map(|at| nodes[at].id.clone()).collect();
            let known = |error: &OrderError| matches!(error, OrderError::Cycle(known) if cycle.iter().all(|id| known.contains(id)));
            if !errors.iter().any(known) {
                errors.push(OrderError::Cycle(cycle));
            }
        }
    }

    if !errors.is_empty() {
        return Err(errors);
    }

    let positions: Vec<u32> = nodes.iter().filter_map(|node| node.position).collect();
    let used: BTreeSet<u32> = positions.iter().copied().collect();
    let waves: BTreeMap<u32, WaveIndex> = used.into_iter().zip((0..).map(WaveIndex::new)).collect();
    Ok(positions
        .iter()
        .filter_map(|position| waves.get(position).copied())
        .collect())
}

/// The wave that a promotion would give each of these objects; the same one for all where their order cannot be kept.
pub(super) fn waves_of<'a>(objects: impl Iterator<Item = (ObjectId, &'a Object)> + Clone) -> Vec<WaveIndex> {
    let count = objects.clone().count();
    // Of what is to go, nothing is refused for its order: the ranks of the kinds are left to go by.
    waves(objects, false, &[]).unwrap_or_else(|_| vec![WaveIndex::default(); count])
}

/// Where each object comes by itself. Hooks come by weight; Helm's of one weight one after the other, by kind and name,
/// as Helm runs them.
fn places(objects: &[(ObjectId, &Object)], is_first: bool) -> Vec<u32> {
    let keys: Vec<_> = objects
        .iter()
        .map(|(id, object)| {
            let hook = hooks::hook_of(object).ok().flatten()?;
            let rank = rank_of_hook(hook.when(is_first)?);
            // Helm makes Pods before Jobs.
            let alone = (id.kind != "Pod", &id.name, &id.namespace);
            Some((rank, hook.weight, hook.is_helms.then_some(alone)))
        })
        .collect();
    // Of our own hooks the key is the weight alone: those of one weight share a place, and run side by side.
    let order: BTreeSet<_> = keys.iter().flatten().collect();
    let order: BTreeMap<_, u32> = order.into_iter().zip(0..).collect();

    let each = objects.iter().zip(&keys);
    each.map(|((_, object), key)| match key {
        // Hooks beyond the last place share it, and reach into no other rank.
        Some(key) => key.0 * WIDTH + order.get(key).copied().unwrap_or_default().min(WIDTH - 1),
        None => rank_of_kind(object) * WIDTH,
    })
    .collect()
}

/// The objects that one names with `kubectl-delivery.io/after`: `Kind/name`, or `Kind/namespace/name`.
fn prerequisites(
    node: &Node<'_>,
    all: &[Node<'_>],
    skipped_hooks: &[ObjectId],
) -> Result<Vec<usize>, String> {
    let Node { id, object, .. } = node;
    let text = object.annotation(AFTER_ANNOTATION).unwrap_or_default();

    let mut found = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let parts: Vec<_> = name.split('/').collect();
        let matches = |other: &ObjectId| {
            let kind = other.kind.eq_ignore_ascii_case(parts[0]);
            match parts[1..] {
                // A name alone means the same namespace, or an object that has none.
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

        match all.iter().position(|other| matches(&other.id)) {
            Some(at) => found.push(at),
            None if skipped_hooks.iter().any(matches) => {}
            None => return Err(name.to_owned()),
        }
    }
    Ok(found)
}

/// Where an object comes; those that wait for each other where it waits for itself.
fn position(at: usize, nodes: &mut [Node<'_>], on_the_way: &mut Vec<usize>) -> Result<u32, Vec<usize>> {
    if let Some(known) = nodes[at].position {
        return Ok(known);
    }

    // Back where the way began: the walk would never end.
    if let Some(start) = on_the_way.iter().position(|other| *other == at) {
        let mut cycle = on_the_way[start..].to_vec();
        cycle.push(at);
        return Err(cycle);
    }

    on_the_way.push(at);
    // The later of its own place and the one behind those that it waits for: it is never moved forward.
    let mut found = nodes[at].by_itself;
    for next in 0..nodes[at].after.len() {
        found = found.max(position(nodes[at].after[next], nodes, on_the_way)? + 1);
    }

    on_the_way.pop();
    nodes[at].position = Some(found);
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
        let waves = waves(objects.iter().map(|object| (object.id(), object)), false, &[])?;
        let mut names: Vec<_> = waves.into_iter().zip(objects.iter().map(Object::name)).collect();
        names.sort();
        Ok(names
            .into_iter()
            .map(|(wave, name)| format!("{wave} {name}"))
            .collect())
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
        let expected = [
            "0 crd",
            "1 class",
            "1 config",
            "2 data",
            "3 custom",
            "3 web",
            "4 ingress",
        ];

        assert_eq!(order(&objects).unwrap(), expected);
    }

    #[test]
    fn an_object_waits_for_those_it_names() {
        let objects = [
            object("apps/v1", "Deployment", "web", "Job/migrate, deployment/db"),
            object("apps/v1", "Deployment", "db", ""),
            object("batch/v1", "Job", "migrate", "Deployment/shop/db"),
            // Its kind comes early: it is the annotation that puts it behind everything.
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
        // All three find the cycle: it is told once, from the first one on.
        let [OrderError::Cycle(cycle)] = &errors[..] else {
            panic!("{errors:?}")
        };
        assert_eq!(
            cycle.iter().map(|id| &*id.name).collect::<Vec<_>>(),
            ["a", "b", "c", "a"]
        );
    }

    #[test]
    fn a_name_that_is_not_in_the_release_is_refused() {
        let errors = order(&[object("apps/v1", "Deployment", "a", "Deployment/typo")]).unwrap_err();
        assert!(matches!(&errors[..], [OrderError::Unknown { names, .. }] if names == "Deployment/typo"));
    }

    #[test]
    fn hooks_come_by_weight_and_helms_of_one_weight_one_after_the_other() {
        let hook = |kind: &str, name: &str, annotations: serde_json::Value| {
            let version = if kind == "Pod" { "v1" } else { "batch/v1" };
            let metadata = json!({"name": name, "namespace": "shop", "annotations": annotations});
            Object::new(json!({"apiVersion": version, "kind": kind, "metadata": metadata})).unwrap()
        };

        let helm = |kind, name, weight: i64| {
            let weight = weight.to_string();
            hook(
                kind,
                name,
                json!({"helm.sh/hook": "pre-upgrade", "helm.sh/hook-weight": weight}),
            )
        };

        let ours = |name| hook("Job", name, json!({"kubectl-delivery.io/hook": "pre"}));

        let objects = [
            object("apps/v1", "Deployment", "web", ""),
            // Weights count by their order: not even the greatest and the least are cut off.
            helm("Job", "heaviest", i32::MAX.into()),
            helm("Job", "heavy", 5000),
            helm("Job", "b", 0),
            helm("Job", "a", 0),
            helm("Pod", "z", 0),
            ours("ours"),
            ours("ours-too"),
            helm("Job", "light", -5000),
            helm("Job", "lightest", i32::MIN.into()),
        ];

        let expected = [
            "0 lightest",
            "1 light",
            // Ours of one weight run side by side, and Helm's of the same weight each alone.
            "2 ours",
            "2 ours-too",
            "3 z",
            "4 a",
            "5 b",
            "6 heavy",
            "7 heaviest",
            "8 web",
        ];
        assert_eq!(order(&objects).unwrap(), expected);
    }
}
