//! Whether quotas have room: dry-runs do not charge them, so that this tool adds up itself.

use super::policy::refuse;
use super::questions::compared;
use super::usage::{Usage, is_same, of_pod};
use super::workload::template;
use crate::model::check::Check;
use crate::model::finding::{Comparison, ObjectComparison};
use crate::model::plan::{Action, Plan, PlanStep, PreflightFinding};
use crate::model::preflight::{Answer, Answers, PodTry, Questions};
use crate::model::quantity::thousandths;
use crate::model::{Object, ObjectId};
use serde_json::Value;
use std::collections::HashMap;

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
        let mut more = usage(plan, comparison, asked, answers, namespace);
        for (key, amount) in stored(plan, comparison, asked, namespace) {
            *more.entry(key).or_default() += amount;
        }
        for (resource, limit) in &hard(quota, plan) {
            let used = quota.at("/status/used").and_then(|used| used.get(resource));
            let added = more.get(key_of(resource)).copied().unwrap_or_default();
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
                let hint = "raise the quota, or ask for less".to_owned();
                findings.push(PreflightFinding {
                    paths: vec![format!("/spec/hard/{}", resource.replace('/', "~1"))],
                    ..refuse(Check::Quota, Some(&quota.id()), message, Some(hint))
                });
            }
        }
    }
    findings
}

/// The limits of a quota: those that the plan gives it, which are in force before any workload is applied.
fn hard(quota: &Object, plan: &Plan) -> serde_json::Map<String, Value> {
    let id = quota.id();
    let planned = plan.steps.iter().find(|step| step.target.id() == id).and_then(|step| step.action.object());
    let limits = planned.and_then(|planned| planned.at("/spec/hard")).or_else(|| quota.at("/status/hard"));
    limits.and_then(Value::as_object).cloned().unwrap_or_default()
}

/// How a resource of a quota is counted here.
pub(super) fn key_of(resource: &str) -> &str {
    let key = resource.strip_prefix("count/").unwrap_or(resource);
    key.strip_prefix("requests.").filter(|_| !key.contains("storage")).unwrap_or(key)
}

/// What a promotion itself keeps in a namespace beside what an earlier one has left: the lock, the journal, the release's
/// copy and the pre-images. Of a release so large that it is split (900 KiB compressed) only the first parts.
pub(super) fn stored(
    plan: &Plan,
    comparison: &Comparison,
    asked: &Questions,
    namespace: &str,
) -> Vec<(String, i128)> {
    let is_here = |step: &PlanStep| step.target.namespace.as_deref() == Some(namespace);
    let is_home = plan.namespace == namespace;
    let holds_parts = is_home || plan.steps.iter().chain(&plan.prune).any(is_here);
    let is_secret = |one: &ObjectComparison| {
        one.desired.is_some()
            && one.target.namespace.as_deref() == Some(namespace)
            && (one.target.resource.group.is_empty() && one.target.resource.kind == "Secret")
    };
    // Gates and Secrets of the release's copy lie in one Secret in each namespace.
    let holds_record = is_home && asked.has_gates || comparison.objects.iter().any(is_secret);
    let secrets = i128::from(holds_parts) + i128::from(holds_record);
    let mut found = vec![("secrets".to_owned(), secrets * 1000)];
    if is_home {
        // The inventory and the journal's head are there from the second promotion on.
        let maps = if plan.revision == 1 { 3 } else { 1 + i128::from(asked.keeps_earlier) };
        found.push(("configmaps".to_owned(), maps * 1000));
        found.push(("leases.coordination.k8s.io".to_owned(), 1000));
    }
    found
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
    let pods = Pods::new(asked, answers);
    let mut total = Usage::new();
    let mut add = |key: &str, amount: i128| *total.entry(key.to_owned()).or_default() += amount;
    for step in plan.steps.iter().filter(|step| step.target.namespace.as_deref() == Some(namespace)) {
        let id = step.target.id();
        if matches!(step.action, Action::Create { .. }) {
            add(&step.target.resource.counted(), 1000);
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
        // What it will be: desired leaves out what the server adds.
        let object = match &step.action {
            Action::Apply { expected, .. } => expected,
            _ => object,
        };
        let new_count = replicas(object, old) + i128::from(needs_surge(object, old));
        let old_count = old.map_or(0, |live| replicas(live, None));
        let (new, before) = pods.uses(&id, object, old);
        for (key, amount) in &new {
            add(key, amount * new_count);
        }
        for (key, amount) in &before {
            add(key, -amount * old_count);
        }
    }
    total
}

/// Pods that were tried, as admission makes them.
pub(super) struct Pods<'a> {
    new: HashMap<&'a ObjectId, &'a Object>,
    old: HashMap<&'a ObjectId, &'a Object>,
}

fn by_workload<'a>(asked: &'a [PodTry], answers: &'a [Answer]) -> HashMap<&'a ObjectId, &'a Object> {
    let made = |(question, answer): (&'a PodTry, &'a Answer)| match answer {
        Answer::Fine(Some(pod)) => Some((&question.workload, &**pod)),
        _ => None,
    };
    asked.iter().zip(answers).filter_map(made).collect()
}

impl<'a> Pods<'a> {
    pub(super) fn new(asked: &'a Questions, answers: &'a Answers) -> Self {
        Self {
            new: by_workload(&asked.pods, &answers.pods),
            old: by_workload(&asked.old_pods, &answers.old_pods),
        }
    }

    /// What a pod of a workload will use.
    pub(super) fn of(&self, id: &ObjectId, object: &Object) -> Usage {
        self.uses(id, object, None).0
    }

    /// What a pod of a workload will use, and what one uses now. Like is compared with like: both with what admission
    /// adds to them (defaults of a LimitRange, sidecars), or both without it.
    fn uses(&self, id: &ObjectId, object: &Object, old: Option<&Object>) -> (Usage, Usage) {
        let made = |pods: &HashMap<&ObjectId, &Object>| pods.get(id)?.at("/spec").map(of_pod);
        let plain = |object: &Object| template(object).map(|template| of_pod(&template["spec"]));
        let plain = |object: &Object| plain(object).unwrap_or_default();
        let new = made(&self.new);
        let Some(live) = old else { return (new.unwrap_or_else(|| plain(object)), Usage::new()) };
        if asks_the_same(object, live) {
            let usage = new.unwrap_or_else(|| plain(object));
            return (usage.clone(), usage);
        }
        new.zip(made(&self.old)).unwrap_or_else(|| (plain(object), plain(live)))
    }
}

/// Whether the pods of a workload ask for what they ask for now.
pub(super) fn asks_the_same(object: &Object, live: &Object) -> bool {
    let specs = template(object).zip(template(live));
    specs.is_some_and(|(new, old)| is_same(&new["spec"], &old["spec"]))
}

/// Pods of a workload.
pub(super) fn replicas(object: &Object, live: Option<&Object>) -> i128 {
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
pub(super) fn needs_surge(object: &Object, live: Option<&Object>) -> bool {
    let Some(live) = live.filter(|_| object.kind() == "Deployment") else { return false };
    let changes = template(object) != template(live);
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

/// Thousandths as a plain number.
pub(super) fn plain(milli: i128) -> String {
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

    fn web(image: &str, resources: Value) -> Object {
        let containers = json!([{"name": "web", "image": image, "resources": resources}]);
        Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 9, "template": {"spec": {"containers": containers}}}}))
        .unwrap()
    }

    /// A pod as admission makes it.
    fn pod(cpu: &[&str]) -> Object {
        let containers: Vec<Value> =
            cpu.iter().map(|cpu| json!({"resources": {"requests": {"cpu": cpu}}})).collect();
        Object::new(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1"}, "spec": {"containers": containers}}))
            .unwrap()
    }

    #[test]
    fn what_admission_adds_is_on_both_sides() {
        let old = web("web:1", json!({}));
        let id = old.id();
        let (new_pod, old_pod) = (pod(&["100m", "20m"]), pod(&["50m", "20m"]));
        let pods = Pods { new: HashMap::from([(&id, &new_pod)]), old: HashMap::from([(&id, &old_pod)]) };
        let cpu = |(new, before): (Usage, Usage)| (new["cpu"], before.get("cpu").copied());
        assert_eq!(cpu(pods.uses(&id, &web("web:2", json!({})), Some(&old))), (120, Some(120)), "an image");
        let more = web("web:1", json!({"requests": {"cpu": "100m"}}));
        assert_eq!(cpu(pods.uses(&id, &more, Some(&old))), (120, Some(70)), "a request of its own");
        assert_eq!(cpu(pods.uses(&id, &more, None)), (120, None), "a new one");
        let untried = Pods { new: HashMap::from([(&id, &new_pod)]), old: HashMap::new() };
        assert_eq!(cpu(untried.uses(&id, &more, Some(&old))), (100, None), "without it on both sides");
    }

    #[test]
    fn a_rolling_update_needs_room_only_where_its_pods_change() {
        let one = |text: &str| {
            let mut object = web(text, json!({}));
            object.value_mut()["spec"]["replicas"] = 1.into();
            object
        };
        assert!(needs_surge(&one("web:2"), Some(&one("web:1"))));
        assert!(!needs_surge(&one("web:1"), Some(&one("web:1"))), "nothing of the pods changes");
        assert!(
            !needs_surge(&web("web:2", json!({})), Some(&web("web:1", json!({})))),
            "two of nine may be missing"
        );
        assert!(!needs_surge(&one("web:1"), None), "a new one");
    }
}
