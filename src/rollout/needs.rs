//! What must be watched to judge an object.
//!
//! Whole collections of a namespace are watched and not single objects: the pods of a rollout have no names
//! yet. What is optional is done without where it cannot be read.

use super::kinds::table;
use crate::model::k8s::kinds::built_in;
use crate::model::{Object, ResourceType, Target};
use serde_json::Value;

/// A collection that must be watched to judge an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchScope {
    /// The kind.
    pub resource: ResourceType,
    /// Namespace; none for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Whether a verdict can do without it (Events, which a role may not show).
    pub optional: bool,
}

/// Whether an object of that kind has a rollout at all; a ConfigMap is done when it is written.
pub fn is_watched(target: &Target) -> bool {
    table::is_watched(&target.resource.group, &target.resource.kind)
}

/// Whether there is anything to wait for: of the Services only those wait that ask for a load balancer.
pub fn rolls_out(target: &Target, object: &Object) -> bool {
    let is_plain = is_service(target) && object.text("/spec/type") != "LoadBalancer";
    is_watched(target) && !is_plain
}

/// Whether how an object of that kind stood before a write says anything of its rollout.
pub fn has_baseline(target: &Target) -> bool {
    is_watched(target) && !is_service(target)
}

fn is_service(target: &Target) -> bool {
    target.resource.group.is_empty() && target.resource.kind == "Service"
}

/// Whether objects of that kind run pods whose images can be proved.
pub fn runs_pods(target: &Target) -> bool {
    let (group, kind) = (target.resource.group.as_str(), target.resource.kind.as_str());
    (group, kind) == ("", "Pod") || table::companion_kinds(group, kind).contains(&("", "Pod"))
}

/// What must be watched to judge an object; its own collection first. `object` is what is known of it, where
/// anything is: what its spec refers to is needed too.
pub fn needs(target: &Target, object: Option<&Object>) -> Vec<WatchScope> {
    if !is_watched(target) {
        return Vec::new();
    }

    let namespace = target.namespace.as_deref();
    let mut all = vec![WatchScope {
        resource: target.resource.clone(),
        namespace: namespace.map(Into::into),
        optional: false,
    }];

    let mut add = |group: &str, kind: &str, namespace: Option<&str>, optional| {
        let Some(resource) = built_in(group, kind) else {
            return;
        };

        let need = WatchScope {
            resource,
            namespace: namespace.map(Into::into),
            optional,
        };
        if !all
            .iter()
            .any(|one| one.resource == need.resource && one.namespace == need.namespace)
        {
            all.push(need);
        }
    };

    // A role may show pods and no Events: without them less is explained, and more is left to the deadline.
    for (group, kind) in table::companion_kinds(&target.resource.group, &target.resource.kind) {
        add(group, kind, namespace, *kind == "Event");
    }

    // The slices stand beside the services, in whichever namespaces a configuration names.
    for (service_namespace, _) in object.map(webhook_services).unwrap_or_default() {
        add(
            "discovery.k8s.io",
            "EndpointSlice",
            Some(&service_namespace),
            true,
        );
    }

    all
}

/// Namespace and name of the services that the webhooks of a configuration call.
pub(super) fn webhook_services(object: &Object) -> Vec<(String, String)> {
    let webhooks = object
        .at("/webhooks")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let text = |service: &Value, field| {
        service
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };

    // One with a `url` is called outside of the cluster: no slice shows whether it answers.
    let mut all: Vec<_> = webhooks
        .filter_map(|one| one.pointer("/clientConfig/service"))
        .map(|service| (text(service, "namespace"), text(service, "name")))
        .collect();

    all.sort();
    all.dedup();
    all
}
