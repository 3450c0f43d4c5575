//! Whether quotas have room: dry-runs do not charge them, so that this tool adds up itself.
//!
//! Each dry run is held against a quota alone, and ten pods that fit one by one do not fit together. What is added up is
//! what the promotion needs at its fullest: nothing is pruned yet, a rolling update may need one pod more, and the journal,
//! the pre-images and the lock lie beside the release.

use super::charge::{Charge, Charged, charge};
use super::limits::LimitRanges;
use super::pod_charge::Pods;
use super::questions::{compared, may_make_pods};
use crate::model::check::Check;
use crate::model::finding::{Comparison, ObjectComparison};
use crate::model::k8s::pod_usage::{Usage, usage_key};
use crate::model::k8s::quantity::{plain, thousandths};
use crate::model::k8s::quota_scopes::Scopes;
use crate::model::path_text::escape;
use crate::model::plan::{Action, Plan, PlanStep, PreflightFinding};
use crate::model::preflight::{Answers, Questions};
use crate::model::{Object, ObjectId};
use crate::plan::{note, refuse};
use serde_json::{Map, Value};

/// Quotas that the plan would exceed.
pub(super) fn exceeded(
    plan: &Plan,
    comparison: &Comparison,
    asked: &Questions,
    answers: &Answers,
) -> Vec<PreflightFinding> {
    let mut findings = Vec::new();
    for quota in &answers.quotas {
        let Some(namespace) = quota.namespace() else {
            continue;
        };

        let scopes = Scopes::from_quota(quota);
        let more = more(plan, comparison, (asked, answers), (namespace, &scopes));
        let hard = hard(quota, plan);
        // What cannot be judged is told below, and not refused: the server enforces it all the same.
        let over = hard
            .iter()
            .filter(|(resource, _)| !more.is_unknown(usage_key(resource), &scopes));
        findings
            .extend(over.filter_map(|(resource, limit)| over_limit(quota, (resource, limit), &more.total)));

        findings.extend(unknown(&more, &scopes, &hard, &quota.id()));
    }
    findings
}

/// A resource of which a quota has too little left.
fn over_limit(
    quota: &Object,
    (resource, limit): (&String, &Value),
    more: &Usage,
) -> Option<PreflightFinding> {
    let used = quota.at("/status/used").and_then(|used| used.get(resource))?;

    let added = more.get(usage_key(resource)).copied().unwrap_or_default();
    // A quota that is exceeded already is in the way only of what asks for more.
    if added <= 0 || thousandths(used)? + added <= thousandths(limit)? {
        return None;
    }
    let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let message = format!(
        "exceeded quota: requested: {resource}={}, used: {resource}={}, limited: {resource}={}",
        plain(added),
        text(used),
        text(limit)
    );
    Some(too_much(&quota.id(), resource, message))
}

/// The refusal for one resource of a quota.
pub(super) fn too_much(quota: &ObjectId, resource: &str, message: String) -> PreflightFinding {
    let hint = format!("to see its use: kubectl describe {}", quota.kubectl_args());
    PreflightFinding {
        // The path by which a waiver names this one resource of the quota.
        paths: vec![format!("/spec/hard/{}", escape(resource))],
        ..refuse(Check::Quota, Some(quota), message, Some(hint))
    }
}

/// What could not be added up of the resources that a quota limits.
pub(super) fn unknown(
    charge: &Charge,
    scopes: &Scopes,
    hard: &Map<String, Value>,
    quota: &ObjectId,
) -> Option<PreflightFinding> {
    let why = charge.unknown.as_ref()?;
    let resources = hard
        .keys()
        .filter(|resource| charge.is_unknown(usage_key(resource), scopes));
    let resources: Vec<&str> = resources.map(String::as_str).collect();

    let message = format!("not checked for {}: {why}", resources.join(", "));
    (!resources.is_empty()).then(|| note(Check::Quota, Some(quota), message))
}

/// The limits of a quota: those that the plan gives it, which are in force before any workload is applied.
fn hard(quota: &Object, plan: &Plan) -> Map<String, Value> {
    let id = quota.id();
    let planned = plan
        .steps
        .iter()
        .find(|step| step.target.id() == id)
        .and_then(|step| step.action.object());
    let limits = planned
        .and_then(|planned| planned.at("/spec/hard"))
        // What the server enforces is the status: the spec may be newer.
        .or_else(|| quota.at("/status/hard"));
    limits.and_then(Value::as_object).cloned().unwrap_or_default()
}

/// What a promotion itself keeps in a namespace beside what an earlier one has left: the lock, the journal, the release's
/// copy, the pre-images, the seal and its key. Of a release so large that it is split (900 KiB compressed) only the first parts.
pub(super) fn stored(
    plan: &Plan,
    comparison: &Comparison,
    asked: &Questions,
    namespace: &str,
) -> Vec<(String, i128)> {
    let is_here = |step: &PlanStep| step.target.namespace.as_deref() == Some(namespace);
    let is_home = plan.namespace == namespace;
    // A namespace has pre-images of what is changed or deleted in it.
    let holds_parts = is_home || plan.steps.iter().chain(&plan.prune).any(is_here);
    let is_secret = |one: &ObjectComparison| {
        one.desired.is_some()
            && one.target.namespace.as_deref() == Some(namespace)
            && one.target.resource.is_secret()
    };
    // Gates and Secrets of the release's copy lie in one Secret in each namespace.
    let holds_record = is_home && asked.has_gates || comparison.objects.iter().any(is_secret);
    let seals = if is_home { i128::from(asked.new_seals) } else { 0 };
    let secrets = i128::from(holds_parts) + i128::from(holds_record) + seals;
    let mut found = vec![("secrets".to_owned(), secrets * 1000)];

    if is_home {
        // The inventory and the journal's head are there from the second promotion on.
        let maps = if plan.revision == 1 {
            3
        } else {
            // A record; and the journal of the promotion before, which a revert would need.
            1 + i128::from(asked.keeps_earlier)
        };
        found.push(("configmaps".to_owned(), maps * 1000));
        found.push(("leases.coordination.k8s.io".to_owned(), 1000));
    }

    found
}

/// What the steps in a namespace use more than what they replace.
fn more(
    plan: &Plan,
    comparison: &Comparison,
    (asked, answers): (&Questions, &Answers),
    (namespace, scopes): (&str, &Scopes),
) -> Charge {
    let compared = compared(comparison);

    // Not the prunes: they come after the commit, when everything else is there already.
    let steps = plan
        .steps
        .iter()
        .filter(|step| step.target.namespace.as_deref() == Some(namespace));

    let charged = steps.filter_map(|step| {
        let live = compared
            .get(&step.target.id())
            .and_then(|compared| compared.live.object());
        // What it will be: desired leaves out what the server adds.
        let object = match &step.action {
            Action::Apply { expected, .. } => expected,
            action => action.object()?,
        };
        // What is replaced was counted; only what is created is one more.
        let is_new = matches!(step.action, Action::Create { .. });
        let makes_pods = may_make_pods(step);
        Some(Charged {
            target: &step.target,
            object,
            live,
            makes_pods,
            is_counted: true,
            is_new,
        })
    });

    let mut sum = charge(
        charged,
        &Pods::new(asked, answers),
        &LimitRanges::from_plan(plan, namespace),
        scopes,
    );
    // Scopes are of pods: no quota of scopes counts what is kept.
    if scopes.is_empty() {
        stored(plan, comparison, asked, namespace)
            .iter()
            .for_each(|(key, amount)| sum.add(key, *amount));
    }

    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_are_read_as_the_server_reads_them() {
        for (text, milli) in [
            ("100m", 100),
            ("1", 1000),
            ("0.5", 500),
            ("1.5Gi", 1_610_612_736_000),
            ("2k", 2_000_000),
            ("1e3", 1_000_000),
        ] {
            assert_eq!(thousandths(&json!(text)), Some(milli), "{text}");
        }
        assert_eq!(thousandths(&json!("much")), None);
    }
}
