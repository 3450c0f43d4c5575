//! Webhook configurations: what they call must answer, or writes of others fail.

use super::super::needs::webhook_services;
use super::super::status::KindStatus;
use super::super::subject::RolloutContext;
use crate::model::Object;
use crate::model::verdict::Health;
use serde_json::Value;

/// Done when every service that it calls has a ready endpoint; URLs outside the cluster are not asked.
pub(super) fn assess<'a>(object: &'a Object, context: &RolloutContext<'a>) -> KindStatus<'a> {
    let services = webhook_services(object);
    // Each has to answer: under `failurePolicy: Fail` a single silent one stops the writes of others.
    let silent: Vec<_> = services
        .iter()
        .filter(|(namespace, name)| !answers(namespace, name, context))
        .map(|(namespace, name)| format!("{namespace}/{name}"))
        .collect();

    if silent.is_empty() {
        return KindStatus::without_pods(Health::ready());
    }

    let total = services.len() as u32;
    let why = format!("no ready endpoint of service {}", silent.join(", "));
    KindStatus::without_pods(Health::progressing(total - silent.len() as u32, total, why))
}

fn answers(namespace: &str, service: &str, context: &RolloutContext<'_>) -> bool {
    let is_its = |slice: &&&Object| {
        slice.kind() == "EndpointSlice"
            && slice.namespace() == Some(namespace)
            && slice.label("kubernetes.io/service-name") == Some(service)
    };

    let endpoints = |slice: &&Object| {
        slice
            .at("/endpoints")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };

    // By the API an absent `ready` counts as true.
    let is_ready = |one: Value| one.pointer("/conditions/ready") != Some(&Value::Bool(false));

    context
        .others
        .iter()
        .filter(is_its)
        .flat_map(endpoints)
        .any(is_ready)
}
