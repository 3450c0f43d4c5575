//! What objects use of a quota: one sum for what a quota counts already and for what none has counted yet.
//!
//! A quota that is there has counted what is there, so that only the difference is charged. One that comes with the release
//! has counted nothing: everything is. Pods weigh most, and nobody sees them before they are made: a pod that was tried
//! says what admission makes of a template. Where that is not known, the sum says so for the resources that depend on it,
//! and stands for the others: a wrong refusal is as bad as a rollout that stops for want of room.

use super::limits::Limits;
use super::scopes::{PodSpec, Scopes};
use super::usage::{Usage, is_same, pod_usage};
use super::workload::template;
use crate::model::k8s::quantity::thousandths;
use crate::model::preflight::{Answer, Answers, PodTry, Questions};
use crate::model::{Object, ObjectId, Target};
use serde_json::Value;
use std::collections::HashMap;

/// One object of the release in the quota's namespace.
pub(super) struct Charged<'a> {
    pub target: &'a Target,
    /// As it will be.
    pub object: &'a Object,
    pub live: Option<&'a Object>,
    /// Whether a step brings it there, which may make or replace pods.
    pub makes_pods: bool,
    /// Whether the quota counts what is there: only what is more is charged.
    pub is_counted: bool,
    /// Whether the object itself is charged.
    pub is_new: bool,
}

/// A sum.
#[derive(Default)]
pub(super) struct Charge {
    pub total: Usage,
    /// Why what pods use is not known; none where it is.
    pub unknown: Option<String>,
}

impl Charge {
    /// Whether the amount of a resource is not known.
    pub(super) fn is_unknown(&self, key: &str, scopes: &Scopes) -> bool {
        // A quota of scopes counts pods alone; of any other, the numbers of objects are known all the same.
        self.unknown.is_some() && (!scopes.is_empty() || is_asked_by_containers(key))
    }

    pub(super) fn add(&mut self, key: &str, amount: i128) {
        *self.total.entry(key.to_owned()).or_default() += amount;
    }

    fn add_all(&mut self, usage: &Usage, count: i128) {
        usage
            .iter()
            .for_each(|(key, amount)| self.add(key, amount * count));
    }
}

/// Whether a resource is one that containers ask for.
fn is_asked_by_containers(key: &str) -> bool {
    // Requests are summed under their bare names; an extended resource has a domain in its name.
    let is_known = ["cpu", "memory", "ephemeral-storage"].contains(&key);

    is_known || key.starts_with("limits.") || key.starts_with("hugepages-") || key.contains('/')
}

/// What objects use of a quota of these scopes: one with scopes counts nothing but pods.
pub(super) fn charge<'a>(
    objects: impl Iterator<Item = Charged<'a>>,
    pods: &Pods<'_>,
    limits: &Limits<'_>,
    scopes: &Scopes,
) -> Charge {
    let mut sum = Charge::default();
    for one in objects {
        if scopes.is_empty() {
            sum.add_object(&one);
        }
        // A CronJob makes its pods at its own times, and not with the promotion.
        if template(one.object).is_some() && one.target.resource.kind != "CronJob" {
            sum.add_pods(&one, pods, limits, scopes);
        }
    }
    sum
}

impl Charge {
    fn add_object(&mut self, one: &Charged<'_>) {
        if one.is_new {
            self.add(&one.target.resource.counted(), 1000);
        }

        if one.target.resource.kind == "PersistentVolumeClaim" {
            let size = |claim: &Object| {
                let size = claim.at("/spec/resources/requests/storage");
                size.and_then(thousandths).unwrap_or_default()
            };
            // A claim that grows is charged for what it grows by.
            self.add(
                "requests.storage",
                size(one.object) - one.before().map_or(0, size),
            );
        }
    }

    fn add_pods(&mut self, one: &Charged<'_>, pods: &Pods<'_>, limits: &Limits<'_>, scopes: &Scopes) {
        let count = one.pod_count();

        match pods.uses(&one.target.id(), one.object, one.before(), (limits, scopes)) {
            Ok(uses) => {
                self.add_all(&uses.made, count.new - count.kept);
                // A new LimitRange changes nothing of a pod that is there.
                self.add_all(&uses.kept, count.kept);
                self.add_all(&uses.before, -count.old);
            }
            Err(why) => {
                // How many pods there are is known all the same.
                if scopes.is_empty() {
                    self.add("pods", (count.new - count.old) * 1000);
                }
                self.unknown.get_or_insert(why);
            }
        }
    }
}

/// How many pods a workload has.
struct PodCount {
    /// Once it is as it will be.
    new: i128,
    /// Of these, pods that are there already and are not made again.
    kept: i128,
    /// As the quota has counted them.
    old: i128,
}

impl Charged<'_> {
    /// As the quota has counted it.
    fn before(&self) -> Option<&Object> {
        self.live.filter(|_| self.is_counted)
    }

    fn pod_count(&self) -> PodCount {
        // One is enough, whatever `maxSurge` allows: a rollout goes on pod by pod.
        let surge = self.makes_pods && needs_surge(self.object, self.live);
        let new = replicas(self.object, self.live) + i128::from(surge);

        // Pods of a template that stays are not made again.
        let is_kept = |live: &&Object| !self.makes_pods || template(self.object) == template(live);
        let kept = self.live.filter(is_kept);

        PodCount {
            new,
            kept: kept.map_or(0, |live| replicas(live, None)).min(new),
            old: self.before().map_or(0, |live| replicas(live, None)),
        }
    }
}

/// What one pod of a workload uses.
struct Uses {
    /// One that is made anew.
    made: Usage,
    /// One of the same template that is there already.
    kept: Usage,
    /// One of before.
    before: Usage,
}

/// Pods that were tried, as admission makes them.
pub(super) struct Pods<'a> {
    new: HashMap<&'a ObjectId, &'a Object>,
    old: HashMap<&'a ObjectId, &'a Object>,
}

fn by_workload<'a>(asked: &'a [PodTry], answers: &'a [Answer]) -> HashMap<&'a ObjectId, &'a Object> {
    // A pod that was refused is a finding of its own.
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

    /// What a pod of a workload uses, and what one uses now; why not, where that is not known. Like is compared with
    /// like: both with what admission adds to them (defaults of a LimitRange, sidecars), or both without it.
    fn uses(
        &self,
        id: &ObjectId,
        object: &Object,
        old: Option<&Object>,
        (limits, scopes): (&Limits<'_>, &Scopes),
    ) -> Result<Uses, String> {
        // What was tried has its old defaults in it, and nothing tells them from what the manifest says.
        if let Some(range) = &limits.changed {
            return Err(format!("this promotion changes {range} first"));
        }

        let (new, before) = self.specs(id, object, old);
        // Of the next pods only: the server gives them their defaults when they are made.
        let with_defaults = limits.with_defaults(new.spec);
        let made = PodSpec {
            spec: &with_defaults,
            ..new
        };

        let unknown =
            || format!("whether it counts the pods of {id} depends on what admission makes of them");
        let usage = |pod: PodSpec<'_>| match scopes.counts(pod) {
            Some(true) => Ok(pod_usage(pod.spec)),
            Some(false) => Ok(Usage::new()),
            None => Err(unknown()),
        };

        let before = before.map_or_else(|| Ok(Usage::new()), usage)?;
        Ok(Uses {
            made: usage(made)?,
            kept: usage(new)?,
            before,
        })
    }

    /// The pods of a workload, as it will be and as it is.
    fn specs<'s>(
        &'s self,
        id: &ObjectId,
        object: &'s Object,
        old: Option<&'s Object>,
    ) -> (PodSpec<'s>, Option<PodSpec<'s>>) {
        let made = |pods: &'s HashMap<&ObjectId, &'a Object>| {
            pods.get(id)?.at("/spec").map(|spec| PodSpec {
                spec,
                is_admitted: true,
            })
        };
        // Without admission: a default may be missing in it.
        let plain = |object: &'s Object| PodSpec {
            spec: template(object).map_or(&Value::Null, |template| &template["spec"]),
            is_admitted: false,
        };

        let new = made(&self.new);
        let Some(live) = old else {
            return (new.unwrap_or_else(|| plain(object)), None);
        };
        // Alike in all that a quota counts: the one that was tried stands for the one that is there.
        if asks_the_same(object, live) {
            let spec = new.unwrap_or_else(|| plain(object));
            return (spec, Some(spec));
        }

        // One as admission makes it beside one as it is written would charge what admission adds as new.
        match new.zip(made(&self.old)) {
            Some((new, old)) => (new, Some(old)),
            None => (plain(object), Some(plain(live))),
        }
    }
}

/// Whether the pods of a workload ask for what they ask for now, and are of the same scopes, as far as a template says.
pub(super) fn asks_the_same(object: &Object, live: &Object) -> bool {
    // By these fields, beside the resources, a pod changes from one quota's scope to another's.
    let scoped = ["activeDeadlineSeconds", "priorityClassName", "affinity"];
    let specs = template(object)
        .zip(template(live))
        .map(|(new, old)| (&new["spec"], &old["spec"]));
    specs.is_some_and(|(new, old)| is_same(new, old) && scoped.iter().all(|field| new[*field] == old[*field]))
}

/// Pods of a workload.
pub(super) fn replicas(object: &Object, live: Option<&Object>) -> i128 {
    let count = |object: &Object| {
        ["/spec/replicas", "/spec/parallelism"]
            .iter()
            .find_map(|pointer| object.at(pointer)?.as_i64())
    };
    // Where the manifest leaves it open, an autoscaler or somebody else has decided, and the number stays.
    let count = count(object).or_else(|| live.and_then(count));

    match object.kind() {
        // How many nodes take one is not known here: those that are there are counted.
        "DaemonSet" => live
            .and_then(|live| live.at("/status/desiredNumberScheduled")?.as_i64())
            .unwrap_or(1)
            .into(),
        _ => count.unwrap_or(1).into(),
    }
}

/// Whether a rolling update cannot go on without one more pod than there are.
pub(super) fn needs_surge(object: &Object, live: Option<&Object>) -> bool {
    // Other kinds take a pod away before they make its successor.
    let Some(live) = live.filter(|_| object.kind() == "Deployment") else {
        return false;
    };

    // What does not change the template replaces no pod.
    let changes = template(object) != template(live);
    let unavailable = object
        .at("/spec/strategy/rollingUpdate/maxUnavailable")
        .or_else(|| live.at("/spec/strategy/rollingUpdate/maxUnavailable"));

    let allowed = match unavailable {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(0),
        Some(Value::String(text)) => {
            // Rounded down, as the Deployment's controller does.
            let percent: i128 = text.trim_end_matches('%').parse().unwrap_or(0);
            i64::try_from(replicas(object, Some(live)) * percent / 100).unwrap_or(0)
        }
        // A quarter, where nothing is said: of fewer than four that is none.
        _ => i64::from(replicas(object, Some(live)) >= 4),
    };
    changes && allowed == 0 && live.text("/spec/strategy/type") != "Recreate"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn web(image: &str, resources: Value) -> Object {
        let containers = json!([{"name": "web", "image": image, "resources": resources}]);
        Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 9, "template": {"spec": {"containers": containers}}}}))
        .unwrap()
    }

    /// A pod as admission makes it.
    fn pod(cpu: &[&str]) -> Object {
        let containers: Vec<Value> = cpu
            .iter()
            .map(|cpu| json!({"resources": {"requests": {"cpu": cpu}}}))
            .collect();
        Object::new(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1"}, "spec": {"containers": containers}}))
            .unwrap()
    }

    #[test]
    fn what_admission_adds_is_on_both_sides() {
        let old = web("web:1", json!({}));
        let id = old.id();
        let (new_pod, old_pod) = (pod(&["100m", "20m"]), pod(&["50m", "20m"]));
        let pods = Pods {
            new: HashMap::from([(&id, &new_pod)]),
            old: HashMap::from([(&id, &old_pod)]),
        };

        let (none, all) = (Limits::none(), Scopes::of(&web("none", json!({}))));
        let uses =
            |pods: &Pods<'_>, object: &Object, old| pods.uses(&id, object, old, (&none, &all)).unwrap();
        let cpu = |uses: Uses| (uses.made["cpu"], uses.before.get("cpu").copied());

        // Admission adds a sidecar to both pods: it is no request of the release.
        assert_eq!(
            cpu(uses(&pods, &web("web:2", json!({})), Some(&old))),
            (120, Some(120)),
            "an image"
        );

        let more = web("web:1", json!({"requests": {"cpu": "100m"}}));
        assert_eq!(
            cpu(uses(&pods, &more, Some(&old))),
            (120, Some(70)),
            "a request of its own"
        );

        assert_eq!(cpu(uses(&pods, &more, None)), (120, None), "a new one");
        // Only the new one could be tried: both are taken as they are written.
        let untried = Pods {
            new: HashMap::from([(&id, &new_pod)]),
            old: HashMap::new(),
        };
        assert_eq!(
            cpu(uses(&untried, &more, Some(&old))),
            (100, None),
            "without it on both sides"
        );
    }

    #[test]
    fn a_rolling_update_needs_room_only_where_its_pods_change() {
        let one = |text: &str| {
            let mut object = web(text, json!({}));
            object.value_mut()["spec"]["replicas"] = 1.into();
            object
        };

        assert!(needs_surge(&one("web:2"), Some(&one("web:1"))));
        assert!(
            !needs_surge(&one("web:1"), Some(&one("web:1"))),
            "nothing of the pods changes"
        );
        assert!(
            !needs_surge(&web("web:2", json!({})), Some(&web("web:1", json!({})))),
            "two of nine may be missing"
        );
        assert!(!needs_surge(&one("web:1"), None), "a new one");
    }
}
