//! Which kinds have a rollout, which of them are custom, and what must be watched beside one.
//!
//! Of names alone, so that what must be watched is known before anything is judged.

use crate::model::Object;

/// Built-in kinds that have a rollout.
const WATCHED: &[(&str, &str)] = &[
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("apps", "ReplicaSet"),
    ("", "ReplicationController"),
    ("", "Pod"),
    ("batch", "Job"),
    ("batch", "CronJob"),
    ("", "PersistentVolumeClaim"),
    ("", "Service"),
    ("", "Namespace"),
    ("networking.k8s.io", "Ingress"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("policy", "PodDisruptionBudget"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
];

/// Whether objects of that kind have a rollout: the built-in ones above, and every custom kind.
pub(in super::super) fn is_watched(group: &str, kind: &str) -> bool {
    WATCHED.contains(&(group, kind)) || is_custom(group)
}

/// Whether a group is not one of the API server's own (`gateway.networking.k8s.io` is not, for all its name).
pub(in super::super) fn is_custom(group: &str) -> bool {
    let own = [
        "admissionregistration",
        "apiextensions",
        "apiregistration",
        "authentication",
        "authorization",
        "certificates",
        "coordination",
        "discovery",
        "events",
        "flowcontrol.apiserver",
        "internal.apiserver",
        "networking",
        "node",
        "rbac.authorization",
        "resource",
        "scheduling",
        "storage",
        "storagemigration",
    ];

    // The groups of the first years (`apps`, `batch`) have no dot; that of a custom kind must have one.
    group.contains('.')
        && !group
            .strip_suffix(".k8s.io")
            .is_some_and(|name| own.contains(&name))
}

/// Built-in kinds whose controller writes `status.observedGeneration`: without one it has not looked yet.
pub(in super::super) fn observes_generation(object: &Object) -> bool {
    let gvk = object.gvk();
    let kinds = [
        ("apps", "Deployment"),
        ("apps", "StatefulSet"),
        ("apps", "DaemonSet"),
        ("apps", "ReplicaSet"),
        ("", "ReplicationController"),
        ("policy", "PodDisruptionBudget"),
    ];

    kinds.contains(&(gvk.group.as_str(), gvk.kind.as_str()))
}

/// Kinds that are watched beside one, in the same namespace.
pub(in super::super) fn beside(group: &str, kind: &str) -> &'static [(&'static str, &'static str)] {
    const POD: (&str, &str) = ("", "Pod");
    const EVENT: (&str, &str) = ("", "Event");
    match (group, kind) {
        ("apps", "Deployment") => &[POD, ("apps", "ReplicaSet"), EVENT],
        // The status of a StatefulSet names its new revision; that of a DaemonSet does not.
        ("apps", "StatefulSet") => &[POD, EVENT],
        ("apps", "DaemonSet") => &[POD, ("apps", "ControllerRevision"), EVENT],
        ("apps", "ReplicaSet") | ("", "ReplicationController") | ("batch", "Job") => &[POD, EVENT],
        ("", "Pod" | "PersistentVolumeClaim") => &[EVENT],
        _ => &[],
    }
}
