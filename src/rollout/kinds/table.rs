//! Which rule judges which kind, and what must be watched beside it.

use super::super::policy::Policy;
use super::super::status::KindStatus;
use super::super::subject::Surroundings;
use super::{
    api_service, autoscaler, claim, cron_job, custom, custom_definition, daemon_set, deployment,
    disruption_budget, ingress, job, namespace, pod, replica_set, service, stateful_set, webhook,
};
use crate::model::Object;
use crate::model::verdict::Verdict;

/// What the rule of the object's kind says.
pub(in super::super) fn assess<'a>(
    object: &'a Object,
    surroundings: &Surroundings<'a>,
    policy: &Policy,
) -> KindStatus<'a> {
    let gvk = object.gvk();
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", "Deployment") => deployment::assess(object, surroundings, policy),
        ("apps", "StatefulSet") => stateful_set::assess(object, surroundings, policy),
        ("apps", "DaemonSet") => daemon_set::assess(object, surroundings, policy),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => {
            replica_set::assess(object, surroundings, policy)
        }
        ("", "Pod") => pod::assess(object, surroundings, policy),
        ("batch", "Job") => job::assess(object, surroundings, policy),
        ("batch", "CronJob") => cron_job::assess(object),
        ("", "PersistentVolumeClaim") => claim::assess(object, surroundings),
        ("", "Service") => service::assess(object),
        ("", "Namespace") => namespace::assess(object),
        ("networking.k8s.io", "Ingress") => ingress::assess(object),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler::assess(object),
        ("policy", "PodDisruptionBudget") => disruption_budget::assess(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => custom_definition::assess(object),
        ("apiregistration.k8s.io", "APIService") => api_service::assess(object),
        (
            "admissionregistration.k8s.io",
            "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration",
        ) => webhook::assess(object, surroundings),
        // The built-in kinds stand above: what is left of the watched ones is custom.
        (group, kind) if is_watched(group, kind) => custom::assess(object, policy),
        // Such as a ConfigMap: it is done when it is written.
        _ => KindStatus::without_pods(Verdict::done()),
    }
}

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
        ("", "Pod") | ("", "PersistentVolumeClaim") => &[EVENT],
        _ => &[],
    }
}
