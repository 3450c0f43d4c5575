//! What objects use of a quota: one sum for what a quota counts already and for what none has counted yet.
//!
//! A quota that is there has counted what is there, so that only the difference is charged. One that comes with the release
//! has counted nothing: everything is. Pods weigh most, and nobody sees them before they are made: a pod that was tried
//! says what admission makes of a template. Where that is not known, the sum says so for the resources that depend on it,
//! and stands for the others: a wrong refusal is as bad as a rollout that stops for want of room.

use super::limits::LimitRanges;
use super::pod_charge::Pods;
use crate::model::k8s::pod_usage::Usage;
use crate::model::k8s::quantity::thousandths;
use crate::model::k8s::quota_scopes::Scopes;
use crate::model::unknown::Unknown;
use crate::model::{Object, Target};
use crate::objects::template;
use serde_json::Value;

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
    pub unknown: Option<Unknown>,
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
    limits: &LimitRanges<'_>,
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

    fn add_pods(&mut self, one: &Charged<'_>, pods: &Pods<'_>, limits: &LimitRanges<'_>, scopes: &Scopes) {
        let count = one.pod_count();

        match pods.uses(&one.target.id(), one.object, one.before(), (limits, scopes)) {
            Ok(uses) => {
                self.add_all(&uses.made, count.new - count.retained);
                // A new LimitRange changes nothing of a pod that is there.
                self.add_all(&uses.retained, count.retained);
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
    retained: i128,
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
        let is_same = |live: &&Object| !self.makes_pods || template(self.object) == template(live);
        let staying = self.live.filter(is_same);

        PodCount {
            new,
            retained: staying.map_or(0, |live| replicas(live, None)).min(new),
            old: self.before().map_or(0, |live| replicas(live, None)),
        }
    }
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

    fn web(image: &str, resources: &Value) -> Object {
        let containers = json!([{"name": "web", "image": image, "resources": resources}]);
        Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 9, "template": {"spec": {"containers": containers}}}}))
        .unwrap()
    }

    #[test]
    fn a_rolling_update_needs_room_only_where_its_pods_change() {
        let one = |text: &str| {
            let mut object = web(text, &json!({}));
            object.value_mut()["spec"]["replicas"] = 1.into();
            object
        };

        assert!(needs_surge(&one("web:2"), Some(&one("web:1"))));
        assert!(
            !needs_surge(&one("web:1"), Some(&one("web:1"))),
            "nothing of the pods changes"
        );
        assert!(
            !needs_surge(&web("web:2", &json!({})), Some(&web("web:1", &json!({})))),
            "two of nine may be missing"
        );
        assert!(!needs_surge(&one("web:1"), None), "a new one");
    }
}
