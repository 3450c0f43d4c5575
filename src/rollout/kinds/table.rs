//! Which kinds have a rollout, which of them are custom, and what must be watched beside one.
//!
//! Of names alone, so that what must be watched is known before anything is judged.

use crate::model::Object;

/// A kind that has a rollout, by the rule that assesses it.
#[derive(Clone, Copy)]
pub(super) enum RolloutKind {
    Deployment,
    StatefulSet,
    DaemonSet,
    /// A ReplicationController is assessed as one.
    ReplicaSet,
    Pod,
    Job,
    CronJob,
    PersistentVolumeClaim,
    Service,
    Namespace,
    Ingress,
    HorizontalPodAutoscaler,
    PodDisruptionBudget,
    CustomResourceDefinition,
    ApiService,
    /// Of either sort of admission.
    WebhookConfiguration,
    /// Any kind that is not the API server's own.
    Custom,
}

impl RolloutKind {
    /// The kind of that name; none where nothing of it is watched.
    pub(super) fn find(group: &str, kind: &str) -> Option<Self> {
        Some(match (group, kind) {
            ("apps", "Deployment") => Self::Deployment,
            ("apps", "StatefulSet") => Self::StatefulSet,
            ("apps", "DaemonSet") => Self::DaemonSet,
            ("apps", "ReplicaSet") | ("", "ReplicationController") => Self::ReplicaSet,
            ("", "Pod") => Self::Pod,
            ("batch", "Job") => Self::Job,
            ("batch", "CronJob") => Self::CronJob,
            ("", "PersistentVolumeClaim") => Self::PersistentVolumeClaim,
            ("", "Service") => Self::Service,
            ("", "Namespace") => Self::Namespace,
            ("networking.k8s.io", "Ingress") => Self::Ingress,
            ("autoscaling", "HorizontalPodAutoscaler") => Self::HorizontalPodAutoscaler,
            ("policy", "PodDisruptionBudget") => Self::PodDisruptionBudget,
            ("apiextensions.k8s.io", "CustomResourceDefinition") => Self::CustomResourceDefinition,
            ("apiregistration.k8s.io", "APIService") => Self::ApiService,
            (
                "admissionregistration.k8s.io",
                "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration",
            ) => Self::WebhookConfiguration,
            (group, _) if is_custom(group) => Self::Custom,
            _ => return None,
        })
    }
}

/// Whether objects of that kind have a rollout: the built-in ones above, and every custom kind.
pub(in super::super) fn is_watched(group: &str, kind: &str) -> bool {
    RolloutKind::find(group, kind).is_some()
}

/// Whether a group is not one of the API server's own (`gateway.networking.k8s.io` is not, for all its name).
pub fn is_custom(group: &str) -> bool {
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
pub(in super::super) fn companion_kinds(group: &str, kind: &str) -> &'static [(&'static str, &'static str)] {
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
