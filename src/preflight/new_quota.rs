//! Quotas that a promotion itself creates: they count the release's own objects from the first one on, and what else is
//! in the namespace, which nothing has counted yet.
//!
//! The quota comes in a wave before the workloads, so that it can stop the very rollout that brings it. What the release
//! asks for is known and can refuse; what others have in the namespace is not, and is said.

use super::charge::{Charge, Charged, charge};
use super::limits::LimitRanges;
use super::pod_charge::Pods;
use super::questions::may_make_pods;
use super::quota::{stored, too_much, unknown};
use crate::model::check::Check;
use crate::model::finding::{Comparison, ObjectComparison};
use crate::model::k8s::pod_usage::{Usage, usage_key};
use crate::model::k8s::quantity::{plain, thousandths};
use crate::model::k8s::quota_scopes::Scopes;
use crate::model::plan::{Action, Plan, PlanStep, PreflightFinding};
use crate::model::preflight::{Answers, Questions};
use crate::model::{Object, ObjectId};
use crate::plan::note;
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
        let Some(namespace) = step.target.namespace.as_deref() else {
            continue;
        };

        let scopes = Scopes::from_quota(quota);
        let used = all(plan, comparison, (asked, answers), (namespace, &scopes));

        let id = step.target.id();
        let hard = quota
            .at("/spec/hard")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();

        let known = hard
            .iter()
            .filter(|(resource, _)| !used.is_unknown(usage_key(resource), &scopes));
        let over: Vec<_> = known.filter_map(|limit| over(limit, &used.total, &id)).collect();

        let is_new = |step: &PlanStep| {
            step.target.resource.kind == "Namespace"
                && step.target.name == namespace
                && matches!(step.action, Action::Create { .. })
        };
        // In a namespace that comes with it there is nothing else.
        // What is refused already needs no doubt beside it.
        if over.is_empty() && !plan.steps.iter().any(is_new) {
            let message = format!(
                "not checked for other objects in namespace {namespace}: this promotion creates the quota"
            );
            findings.push(note(Check::Quota, Some(&id), message));
        }

        findings.extend(unknown(&used, &scopes, &hard, &id));
        findings.extend(over);
    }
    findings
}

/// A quota that a step creates.
fn created(step: &PlanStep) -> Option<(&PlanStep, &Object)> {
    // One that is there has counted, and is changed by its step: that is another sum.
    let Action::Create { object } = &step.action else {
        return None;
    };
    let is_quota = step.target.resource.kind == "ResourceQuota" && step.target.resource.group.is_empty();
    is_quota.then_some((step, object))
}

/// A resource of which the release alone asks for too much.
fn over((resource, limit): (&String, &Value), used: &Usage, id: &ObjectId) -> Option<PreflightFinding> {
    let wanted = used.get(usage_key(resource)).copied().unwrap_or_default();
    // Nothing asked for is nothing too much, whatever the limit.
    if wanted <= 0 || wanted <= thousandths(limit)? {
        return None;
    }

    let limit = limit.as_str().map_or_else(|| limit.to_string(), str::to_owned);
    let message = format!(
        // In the words of the server, which would say just so in the middle of the rollout.
        "exceeded quota: requested: {resource}={}, limited: {resource}={limit}; this promotion creates the quota",
        plain(wanted)
    );
    Some(too_much(id, resource, message))
}

/// What the release uses in a namespace once it is promoted, and while its pods are replaced.
fn all(
    plan: &Plan,
    comparison: &Comparison,
    (asked, answers): (&Questions, &Answers),
    (namespace, scopes): (&str, &Scopes),
) -> Charge {
    // With or without a step: the quota counts what is there when it comes.
    let here =
        |one: &&ObjectComparison| one.desired.is_some() && one.target.namespace.as_deref() == Some(namespace);

    let charged = comparison.objects.iter().filter(here).filter_map(|compared| {
        let id = compared.id();
        let step = plan.steps.iter().find(|step| step.target.id() == id);
        let live = compared.live.object();
        let object = match step.map(|step| &step.action) {
            Some(Action::Apply { expected, .. }) => Some(&**expected),
            Some(action) => action.object(),
            // A Job that has run uses nothing any more.
            None => live.filter(|live| live.kind() != "Job"),
        };

        let (target, makes_pods) = (&compared.target, step.is_some_and(may_make_pods));
        Some(Charged {
            target,
            object: object?,
            live,
            makes_pods,
            // No quota has counted anything of it: all of it is charged.
            is_counted: false,
            is_new: true,
        })
    });

    let mut sum = charge(
        charged,
        &Pods::new(asked, answers),
        &LimitRanges::from_plan(plan, namespace),
        scopes,
    );
    // Scopes are of pods alone.
    if scopes.is_empty() {
        stored(plan, comparison, asked, namespace)
            .iter()
            .for_each(|(key, amount)| sum.add(key, *amount));
    }

    sum
}
