//! Whether quotas have room for the one pod that takes the place of another.
//!
//! What a dry run of a pod says of a quota is no answer: with its predecessor still counted, a quota that is exactly used
//! denies each of them. So one pod of the workload is taken out of the sum, and one put in: only a quota that was cut
//! since, or that has no pod of it to take out, is in the way.

use crate::model::Object;
use crate::model::k8s::pod_usage::{Usage, pod_usage, usage_key};
use crate::model::k8s::quantity::{plain, thousandths};
use crate::model::k8s::quota_scopes::{PodSpec, Scopes};
use crate::model::start::StartCause;
use crate::model::unknown::Unknown;
use serde_json::Value;

/// What a quota has counted of a workload.
#[derive(Clone, Copy)]
pub(super) enum CountedPod<'a> {
    /// One of its pods, which makes room for the next.
    Replaced(PodSpec<'a>),
    /// None yet, and its pods start now.
    None,
    /// Its pods start at another time: what others use by then is unknown.
    Later,
}

/// What the quotas of a namespace say of one pod.
#[derive(Debug, Default)]
pub(super) struct QuotaOutcome {
    /// Resources of which there is too little.
    pub exceeded: Vec<StartCause>,
    /// Why one could not be summed.
    pub unknown: Option<Unknown>,
}

/// Sums each quota with one pod put in, and with what it has counted of the workload taken out.
pub(super) fn sum(quotas: &[Object], pod: PodSpec<'_>, counted: CountedPod<'_>) -> QuotaOutcome {
    let mut outcome = QuotaOutcome::default();
    for quota in quotas {
        let scopes = Scopes::from_quota(quota);
        let old = match counted {
            CountedPod::Replaced(old) => Some(old),
            CountedPod::None | CountedPod::Later => None,
        };
        // A pod that may be of another scope than it seems takes no other's place.
        let old = old.filter(|old| scopes.counts(*old) != Some(false));
        let old = old.map(|old| pod_usage(old.spec)).unwrap_or_default();

        let sum = QuotaSum {
            quota,
            new: pod_usage(pod.spec),
            old,
            is_later: matches!(counted, CountedPod::Later),
        };
        let mut exceeded = sum.exceeded();
        match scopes.counts(pod) {
            Some(true) => outcome.exceeded.append(&mut exceeded),
            Some(false) => {}
            // In a quota with room it makes no difference whether it is counted.
            None if exceeded.is_empty() => {}
            None => {
                let why = format_args!("{}: its quota scopes depend on admission", quota.id());
                outcome.unknown.get_or_insert_with(|| Unknown::new(why));
            }
        }
    }
    outcome
}

/// One quota, and the pods that change places in it.
struct QuotaSum<'a> {
    quota: &'a Object,
    new: Usage,
    old: Usage,
    is_later: bool,
}

impl QuotaSum<'_> {
    fn exceeded(&self) -> Vec<StartCause> {
        // What the server enforces is the status: the spec may be newer.
        let hard = self.quota.at("/status/hard").and_then(Value::as_object);
        let hard = hard.into_iter().flatten();
        hard.filter_map(|(resource, limit)| self.over_limit(resource, limit))
            .collect()
    }

    fn over_limit(&self, resource: &String, limit: &Value) -> Option<StartCause> {
        let amount = |usage: &Usage| usage.get(usage_key(resource)).copied().unwrap_or_default();
        let requested = amount(&self.new);
        let counted = thousandths(self.quota.at("/status/used")?.get(resource)?)?;
        let used = if self.is_later {
            0
        } else {
            counted - amount(&self.old)
        };

        // As the server: what a pod does not ask for it is not denied for.
        if requested <= 0 || used + requested <= thousandths(limit)? {
            return None;
        }
        Some(StartCause::Quota {
            quota: self.quota.id(),
            resource: resource.clone(),
            requested: plain(requested),
            used: plain(used),
            limited: limit.as_str().map_or_else(|| limit.to_string(), str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn quota(scopes: &Value, hard: &Value, used: &Value) -> Object {
        let value = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "shop"},
            "spec": {"scopes": scopes}, "status": {"hard": hard, "used": used}});
        Object::new(value).unwrap()
    }

    fn spec() -> Value {
        json!({"containers": [{"name": "web", "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}}]})
    }

    fn pod(spec: &Value) -> PodSpec<'_> {
        PodSpec {
            spec,
            is_admitted: false,
        }
    }

    /// The resources that are exceeded.
    fn exceeded(outcome: &QuotaOutcome) -> Vec<String> {
        let causes = outcome.exceeded.iter().map(ToString::to_string);
        causes.collect()
    }

    #[rstest]
    #[case::exactly_used(&json!({"pods": "3"}), &json!({"pods": "3"}), 0)]
    #[case::cut(&json!({"pods": "2"}), &json!({"pods": "3"}), 1)]
    #[case::cut_by_less_than_a_pod(&json!({"requests.cpu": "1400m"}), &json!({"requests.cpu": "1500m"}), 1)]
    #[case::exactly_used_cpu(&json!({"requests.cpu": "1.5"}), &json!({"requests.cpu": "1500m"}), 0)]
    #[case::all_objects(&json!({"count/pods": "2"}), &json!({"count/pods": "3"}), 1)]
    #[case::two_resources(&json!({"cpu": "1", "limits.memory": "1Gi"}), &json!({"cpu": "1500m", "limits.memory": "3Gi"}), 2)]
    #[case::not_of_pods(&json!({"services": "1", "requests.storage": "1Gi"}), &json!({"services": "3", "requests.storage": "5Gi"}), 0)]
    #[case::not_asked_for(&json!({"limits.cpu": "1", "requests.nvidia.com/gpu": "0"}), &json!({"limits.cpu": "2", "requests.nvidia.com/gpu": "1"}), 0)]
    #[case::not_counted_yet(&json!({"pods": "0"}), &json!({}), 0)]
    fn a_pod_takes_the_place_of_another(#[case] hard: &Value, #[case] used: &Value, #[case] count: usize) {
        let spec = spec();
        let outcome = sum(
            &[quota(&json!([]), hard, used)],
            pod(&spec),
            CountedPod::Replaced(pod(&spec)),
        );
        assert_eq!(exceeded(&outcome).len(), count, "{:?}", exceeded(&outcome));
    }

    #[test]
    fn the_sum_is_told_without_the_pod_that_is_replaced() {
        let spec = spec();
        let quota = quota(&json!([]), &json!({"cpu": "1"}), &json!({"cpu": "1500m"}));
        let outcome = sum(&[quota], pod(&spec), CountedPod::Replaced(pod(&spec)));
        assert_eq!(
            exceeded(&outcome),
            [
                "ResourceQuota shop/q would be exceeded: requested: cpu=500m, used without the replaced pod: cpu=1, limited: cpu=1"
            ]
        );
    }

    #[rstest]
    #[case::nothing_to_replace(CountedPod::None, "3", 1)]
    #[case::room(CountedPod::None, "4", 0)]
    #[case::another_time(CountedPod::Later, "3", 0)]
    #[case::never(CountedPod::Later, "0", 1)]
    fn without_a_pod_that_is_counted_one_more_needs_room(
        #[case] counted: CountedPod<'_>,
        #[case] pods: &str,
        #[case] count: usize,
    ) {
        let quota = quota(&json!([]), &json!({"pods": pods}), &json!({"pods": "3"}));
        let outcome = sum(&[quota], pod(&spec()), counted);
        assert_eq!(exceeded(&outcome).len(), count);
    }

    #[rstest]
    #[case::counted(&json!(["NotBestEffort"]), &spec(), 1, false)]
    #[case::not_counted(&json!(["Terminating"]), &spec(), 0, false)]
    #[case::admission_decides(&json!(["BestEffort"]), &json!({"containers": [{"name": "web"}]}), 0, true)]
    fn scopes_decide_what_is_counted(
        #[case] scopes: &Value,
        #[case] spec: &Value,
        #[case] count: usize,
        #[case] is_unknown: bool,
    ) {
        let cut = quota(scopes, &json!({"pods": "1"}), &json!({"pods": "3"}));
        let outcome = sum(&[cut], pod(spec), CountedPod::Replaced(pod(spec)));
        assert_eq!(
            (exceeded(&outcome).len(), outcome.unknown.is_some()),
            (count, is_unknown)
        );

        // With room nothing hangs on it.
        let roomy = quota(scopes, &json!({"pods": "9"}), &json!({"pods": "3"}));
        let outcome = sum(&[roomy], pod(spec), CountedPod::Replaced(pod(spec)));
        assert!(outcome.exceeded.is_empty() && outcome.unknown.is_none());
    }
}
