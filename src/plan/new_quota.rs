//! Quotas that a promotion itself creates: they count the release's own objects from the first one on, and what else is
//! in the namespace, which nothing has counted yet.

use super::policy::{note, refuse};
use super::quota::{Pods, key_of, needs_surge, plain, replicas, stored};
use super::usage::Usage;
use super::workload::template;
use crate::model::check::Check;
use crate::model::finding::{Comparison, ObjectComparison};
use crate::model::plan::{Action, Plan, PlanStep, PreflightFinding};
use crate::model::preflight::{Answers, Questions};
use crate::model::quantity::thousandths;
use crate::model::{Object, ObjectId};
use serde_json::Value;

/// Quotas of the plan that the release alone would exceed; of the others, that the rest was not counted.
pub(super) fn exceeded(
    plan: &Plan,
    comparison: &Comparison,
    asked: &Questions,
    answers: &Answers,
) -> Vec<PreflightFinding> {
    let mut findings = Vec::new();
    for (step, quota) in plan.steps.iter().filter_map(created) {
        let Some(namespace) = step.target.namespace.as_deref() else { continue };
        let mut used = usage(plan, comparison, &Pods::new(asked, answers), namespace);
        for (key, amount) in stored(plan, comparison, asked, namespace) {
            *used.entry(key).or_default() += amount;
        }
        let id = step.target.id();
        let over = over(quota, &used, &id);
        let is_new = |step: &PlanStep| {
            step.target.resource.kind == "Namespace"
                && step.target.name == namespace
                && matches!(step.action, Action::Create { .. })
        };
        // In a namespace that comes with it there is nothing else.
        if over.is_empty() && !plan.steps.iter().any(is_new) {
            let message = format!(
                "not checked for other objects in namespace {namespace}: this promotion creates the quota"
            );
            findings.push(note(Check::Quota, Some(&id), message));
        }
        findings.extend(over);
    }
    findings
}

/// A quota that a step creates. One with scopes counts some pods only.
fn created(step: &PlanStep) -> Option<(&PlanStep, &Object)> {
    let Action::Create { object } = &step.action else { return None };
    let is_quota = step.target.resource.kind == "ResourceQuota" && step.target.resource.group.is_empty();
    let has_scopes = object.at("/spec/scopes").is_some() || object.at("/spec/scopeSelector").is_some();
    (is_quota && !has_scopes).then_some((step, object))
}

fn over(quota: &Object, used: &Usage, id: &ObjectId) -> Vec<PreflightFinding> {
    let hard = quota.at("/spec/hard").and_then(Value::as_object).into_iter().flatten();
    let finding = |(resource, limit): (&String, &Value)| {
        let wanted = used.get(key_of(resource)).copied().unwrap_or_default();
        if wanted == 0 || wanted <= thousandths(limit)? {
            return None;
        }
        let limit = limit.as_str().map_or_else(|| limit.to_string(), str::to_owned);
        let message = format!(
            "exceeded quota: requested: {resource}={}, limited: {resource}={limit}; this promotion creates the quota",
            plain(wanted)
        );
        let hint = "raise the quota, or ask for less".to_owned();
        Some(PreflightFinding {
            paths: vec![format!("/spec/hard/{}", resource.replace('/', "~1"))],
            ..refuse(Check::Quota, Some(id), message, Some(hint))
        })
    };
    hard.filter_map(finding).collect()
}

/// What the release uses in a namespace once it is promoted, and while its pods are replaced.
fn usage(plan: &Plan, comparison: &Comparison, pods: &Pods<'_>, namespace: &str) -> Usage {
    let mut total = Usage::new();
    let mut add = |key: &str, amount: i128| *total.entry(key.to_owned()).or_default() += amount;
    let here =
        |one: &&ObjectComparison| one.desired.is_some() && one.target.namespace.as_deref() == Some(namespace);
    for compared in comparison.objects.iter().filter(here) {
        let id = compared.id();
        let step = plan.steps.iter().find(|step| step.target.id() == id);
        let live = compared.live.object();
        let object = match step.map(|step| &step.action) {
            Some(Action::Apply { expected, .. }) => Some(&**expected),
            Some(action) => action.object(),
            // A Job that has run uses nothing any more.
            None => live.filter(|live| live.kind() != "Job"),
        };
        let Some(object) = object else { continue };
        add(&compared.target.resource.counted(), 1000);
        if id.kind == "PersistentVolumeClaim" {
            let size = object.at("/spec/resources/requests/storage").and_then(thousandths);
            add("requests.storage", size.unwrap_or_default());
        }
        if template(object).is_none() || id.kind == "CronJob" {
            continue;
        }
        let count = replicas(object, live) + i128::from(step.is_some() && needs_surge(object, live));
        for (key, amount) in &pods.of(&id, object) {
            add(key, amount * count);
        }
    }
    total
}
