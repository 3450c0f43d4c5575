//! Which rule judges which kind: by the one list of `table.rs`. A kind that has none is done when it is written.

use super::super::policy::RolloutPolicy;
use super::super::status::KindStatus;
use super::super::subject::RolloutContext;
use super::table::RolloutKind;
use super::{
    api_service, autoscaler, claim, cron_job, custom, custom_definition, daemon_set, deployment,
    disruption_budget, ingress, job, namespace, pod, replica_set, service, stateful_set, webhook,
};
use crate::model::Object;
use crate::model::verdict::Health;

/// What the rule of the object's kind says.
pub(in super::super) fn assess<'a>(
    object: &'a Object,
    context: &RolloutContext<'a>,
    policy: &RolloutPolicy,
) -> KindStatus<'a> {
    let gvk = object.gvk();
    match RolloutKind::find(&gvk.group, &gvk.kind) {
        Some(RolloutKind::Deployment) => deployment::assess(object, context, policy),
        Some(RolloutKind::StatefulSet) => stateful_set::assess(object, context, policy),
        Some(RolloutKind::DaemonSet) => daemon_set::assess(object, context, policy),
        Some(RolloutKind::ReplicaSet) => replica_set::assess(object, context, policy),
        Some(RolloutKind::Pod) => pod::assess(object, context, policy),
        Some(RolloutKind::Job) => job::assess(object, context, policy),
        Some(RolloutKind::CronJob) => cron_job::assess(object),
        Some(RolloutKind::PersistentVolumeClaim) => claim::assess(object, context),
        Some(RolloutKind::Service) => service::assess(object),
        Some(RolloutKind::Namespace) => namespace::assess(object),
        Some(RolloutKind::Ingress) => ingress::assess(object),
        Some(RolloutKind::HorizontalPodAutoscaler) => autoscaler::assess(object),
        Some(RolloutKind::PodDisruptionBudget) => disruption_budget::assess(object),
        Some(RolloutKind::CustomResourceDefinition) => custom_definition::assess(object),
        Some(RolloutKind::ApiService) => api_service::assess(object),
        Some(RolloutKind::WebhookConfiguration) => webhook::assess(object, context),
        Some(RolloutKind::Custom) => custom::assess(object, context, policy),
        // Such as a ConfigMap: it is done when it is written.
        None => KindStatus::without_pods(Health::ready()),
    }
}
