//! Whether quotas have room: dry-runs do not charge them, so that this tool adds up itself.

use super::policy::refuse;
use super::questions::compared;
use super::workload::template;
use crate::model::finding::Comparison;
use crate::model::plan::{Action, Plan, PreflightFinding};
use crate::model::preflight::{Answer, Answers, Questions};
use crate::model::quantity::thousandths;
use crate::model::{Object, ObjectId};
use serde_json::Value;
use std::collections::BTreeMap;

/// How much more a plan uses, in thousandths, by resource.
type Usage = BTreeMap<String, i128>;

/// Quotas that the plan would exceed.
pub(super) fn exceeded(
    plan: &Plan,
    comparison: &Comparison,
    asked: &Questions,
    answers: &Answers,
) -> Vec<PreflightFinding> {
    let mut findings = Vec::new();
    for quota in &answers.quotas {
        // A quota with scopes counts some pods only: the pods' own dry-run is all that is known.
        if quota.at("/spec/scopes").is_some() || quota.at("/spec/scopeSelector").is_some() {
            continue;
        }
        let Some(namespace) = quota.namespace() else { continue };
        let more = usage(plan, comparison, asked, answers, namespace);
        let empty = serde_json::Map::new();
        let hard = quota.at("/status/hard").and_then(Value::as_object).unwrap_or(&empty);
        for (resource, limit) in hard {
            let used = quota.at("/status/used").and_then(|used| used.get(resource));
            let key = resource.strip_prefix("count/").unwrap_or(resource);
            let key = key.strip_prefix("requests.").filter(|_| !key.contains("storage")).unwrap_or(key);
            let added = more.get(key).copied().unwrap_or_default();
            let (Some(limit_milli), Some(used_milli)) = (thousandths(limit), used.and_then(thousandths))
            else {
                continue;
            };
            if added > 0 && used_milli + added > limit_milli {
                let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
                let message = format!(
                    "expected room for {} more {resource}, found {} of {} used",
                    plain(added),
                    used.map(text).unwrap_or_default(),
                    text(limit)
                );
                findings.push(refuse(
                    "quota",
                    Some(&quota.id()),
                    message,
                    Some("raise the quota, or ask for less".into()),
                ));
            }
        }
    }
    findings
}

/// What the steps in a namespace use more than what they replace.
fn usage(
    plan: &Plan,
    comparison: &Comparison,
    asked: &Questions,
    answers: &Answers,
    namespace: &str,
) -> Usage {
    let compared = compared(comparison);
    let pods: BTreeMap<&ObjectId, &Answer> =
        asked.pods.iter().zip(&answers.pods).map(|(question, answer)| (&question.workload, answer)).collect();
    let mut total = Usage::new();
    let mut add = |key: &str, amount: i128| *total.entry(key.to_owned()).or_default() += amount;
    for step in plan.steps.iter().filter(|step| step.target.namespace.as_deref() == Some(namespace)) {
        let id = step.target.id();
        if matches!(step.action, Action::Create { .. }) {
            let plural = &step.target.resource.plural;
            let group = &step.target.resource.group;
            add(&if group.is_empty() { plural.clone() } else { format!("{plural}.{group}") }, 1000);
        }
        let Some(object) = step.action.object() else { continue };
        let old = compared.get(&id).and_then(|compared| compared.live.object());
        if id.kind == "PersistentVolumeClaim" {
            let size = |object: &Object| {
                object.at("/spec/resources/requests/storage").and_then(thousandths).unwrap_or(0)
            };
            add("requests.storage", size(object) - old.map_or(0, size));
        }
        if template(object).is_none() || id.kind == "CronJob" {
            continue;
        }
        let defaulted = match pods.get(&id) {
            Some(Answer::Fine(Some(pod))) => pod.at("/spec"),
            _ => template(object).map(|template| &template["spec"]),
        };
        let new_count = replicas(object, old) + i128::from(needs_surge(object, old));
        let old_count = old.map_or(0, |live| replicas(live, None));
        let new = defaulted.map(of_pod).unwrap_or_default();
        let before = old.and_then(template).map(|template| of_pod(&template["spec"])).unwrap_or_default();
        for (key, amount) in &new {
            add(key, amount * new_count);
        }
        for (key, amount) in &before {
            add(key, -amount * old_count);
        }
    }
    total
}

/// Pods of a workload.
fn replicas(object: &Object, live: Option<&Object>) -> i128 {
    let count = |object: &Object| {
        ["/spec/replicas", "/spec/parallelism"].iter().find_map(|pointer| object.at(pointer)?.as_i64())
    };
    let count = count(object).or_else(|| live.and_then(count));
    match object.kind() {
        // How many nodes take one is not known here: those that are there are counted.
        "DaemonSet" => {
            live.and_then(|live| live.at("/status/desiredNumberScheduled")?.as_i64()).unwrap_or(1).into()
        }
        _ => count.unwrap_or(1).into(),
    }
}

/// Whether a rolling update cannot go on without one more pod than there are.
fn needs_surge(object: &Object, live: Option<&Object>) -> bool {
    let Some(live) = live.filter(|_| object.kind() == "Deployment") else { return false };
    let changes = template(object).map(|new| &new["spec"]) != template(live).map(|old| &old["spec"]);
    let unavailable = object
        .at("/spec/strategy/rollingUpdate/maxUnavailable")
        .or_else(|| live.at("/spec/strategy/rollingUpdate/maxUnavailable"));
    let allowed = match unavailable {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(0),
        Some(Value::String(text)) => {
            let percent: i128 = text.trim_end_matches('%').parse().unwrap_or(0);
            i64::try_from(replicas(object, Some(live)) * percent / 100).unwrap_or(0)
        }
        _ => i64::from(replicas(object, Some(live)) >= 4),
    };
    changes && allowed == 0 && live.text("/spec/strategy/type") != "Recreate"
}

/// What one pod uses: the sum of its containers, or the greatest init container where that is more.
fn of_pod(spec: &Value) -> Usage {
    let mut usage = Usage::from([("pods".to_owned(), 1000)]);
    for (list, adds_up) in [("containers", true), ("initContainers", false)] {
        for container in spec[list].as_array().into_iter().flatten() {
            for (part, prefix) in [("requests", ""), ("limits", "limits.")] {
                for (name, amount) in container["resources"][part].as_object().into_iter().flatten() {
                    let amount = thousandths(amount).unwrap_or(0);
                    let sum = usage.entry(format!("{prefix}{name}")).or_default();
                    *sum = if adds_up { *sum + amount } else { (*sum).max(amount) };
                }
            }
        }
    }
    usage
}

/// Thousandths as a plain number.
fn plain(milli: i128) -> String {
    if milli % 1000 == 0 { (milli / 1000).to_string() } else { format!("{milli}m") }
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

    #[test]
    fn a_pod_uses_the_sum_of_its_containers_or_its_greatest_init_container() {
        let container = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
        let usage = of_pod(
            &json!({"containers": [container("100m"), container("200m")], "initContainers": [container("1")]}),
        );
        assert_eq!((usage["pods"], usage["cpu"]), (1000, 1000));
    }
}
