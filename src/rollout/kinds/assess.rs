//! Which rule judges which kind: the one place that names them all. A kind that has none is done when it is written.

use super::super::policy::Policy;
use super::super::status::KindStatus;
use super::super::subject::RolloutContext;
use super::table::is_watched;
use super::{
    api_service, autoscaler, claim, cron_job, custom, custom_definition, daemon_set, deployment,
    disruption_budget, ingress, job, namespace, pod, replica_set, service, stateful_set, webhook,
};
use crate::model::Object;
use crate::model::verdict::Health;

/// What the rule of the object's kind says.
pub(in super::super) fn assess<'a>(
    object: &'a Object,
    surroundings: &RolloutContext<'a>,
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
        _ => KindStatus::without_pods(Health::done()),
    }
}
