//! Which pods a quota counts: all, or those of its scopes, as the server's own evaluator tells them apart.
//!
//! A template says less than a pod: admission adds a priority class and the defaults of a LimitRange. So each answer can
//! also be that it is not known, which is told and refuses nothing.

use super::quantity::thousandths;
use crate::model::object::Object;
use serde_json::Value;

/// The scopes of a quota; none where it counts everything.
pub struct Scopes(Vec<Scope>);

struct Scope {
    name: String,
    operator: String,
    values: Vec<String>,
}

/// A pod's spec, and whether it is as admission makes it: else a default may still be missing in it.
#[derive(Clone, Copy)]
pub struct PodSpec<'a> {
    /// The spec.
    pub spec: &'a Value,
    /// Whether admission has added to it what it adds.
    pub is_admitted: bool,
}

impl Scopes {
    /// The scopes that a quota names.
    pub fn from_quota(quota: &Object) -> Self {
        let items = |at: &str| quota.at(at).and_then(Value::as_array).into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let listed = items("/spec/scopes").map(|name| Scope {
            name: text(name),
            operator: "Exists".into(),
            values: Vec::new(),
        });

        let selected = items("/spec/scopeSelector/matchExpressions").map(|one| Scope {
            name: text(&one["scopeName"]),
            operator: text(&one["operator"]),
            values: one["values"].as_array().into_iter().flatten().map(text).collect(),
        });

        Self(listed.chain(selected).collect())
    }

    /// Whether it counts everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a pod counts; none where that is not known.
    pub fn counts(&self, pod: PodSpec<'_>) -> Option<bool> {
        let answers: Vec<Option<bool>> = self.0.iter().map(|scope| scope.matches(pod)).collect();
        // One that does not match is enough.
        if answers.contains(&Some(false)) {
            Some(false)
        } else {
            (!answers.contains(&None)).then_some(true)
        }
    }
}

impl Scope {
    fn matches(&self, pod: PodSpec<'_>) -> Option<bool> {
        // A deadline of zero is one, too.
        let ends = || {
            pod.spec["activeDeadlineSeconds"]
                .as_i64()
                .is_some_and(|seconds| seconds >= 0)
        };

        match self.name.as_str() {
            "Terminating" => Some(ends()),
            "NotTerminating" => Some(!ends()),
            "BestEffort" => is_best_effort(pod),
            "NotBestEffort" => is_best_effort(pod).map(|is_one| !is_one),
            "PriorityClass" => self.selects(pod),
            "CrossNamespacePodAffinity" => Some(reaches_out(&pod.spec["affinity"])),
            // A scope that is not known here: neither is whether it counts a pod.
            _ => None,
        }
    }

    fn selects(&self, pod: PodSpec<'_>) -> Option<bool> {
        let class = pod.spec["priorityClassName"]
            .as_str()
            .filter(|class| !class.is_empty());
        // Another class may be the default of all.
        if class.is_none() && !pod.is_admitted {
            return None;
        }

        let is_listed = class.is_some_and(|class| self.values.iter().any(|value| value == class));
        match self.operator.as_str() {
            "In" => Some(is_listed),
            "NotIn" => Some(!is_listed),
            "Exists" => Some(class.is_some()),
            "DoesNotExist" => Some(class.is_none()),
            _ => None,
        }
    }
}

/// Whether nothing in it asks for processors or memory, or is limited in them.
fn is_best_effort(pod: PodSpec<'_>) -> Option<bool> {
    let asks = |one: &Value| {
        let parts = ["requests", "limits"].iter().map(|part| &one["resources"][*part]);
        let mut amounts = parts.flat_map(|part| ["cpu", "memory"].map(|name| &part[name]));
        amounts.any(|amount| thousandths(amount).is_some_and(|amount| amount > 0))
    };

    let containers = ["containers", "initContainers"]
        .iter()
        .filter_map(|list| pod.spec[*list].as_array());
    if asks(pod.spec) || containers.flatten().any(asks) {
        return Some(false);
    }
    // As it is written, a default may still be missing in it.
    pod.is_admitted.then_some(true)
}

/// Whether a term of affinity names other namespaces.
fn reaches_out(affinity: &Value) -> bool {
    let is_out = |term: &Value| {
        term["namespaces"]
            .as_array()
            .is_some_and(|names| !names.is_empty())
            || term["namespaceSelector"].is_object()
    };

    ["podAffinity", "podAntiAffinity"].iter().any(|kind| {
        let terms = |list: &str| affinity[*kind][list].as_array().into_iter().flatten();
        terms("requiredDuringSchedulingIgnoredDuringExecution").any(is_out)
            || terms("preferredDuringSchedulingIgnoredDuringExecution")
                .any(|weighted| is_out(&weighted["podAffinityTerm"]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn quota(spec: &Value) -> Object {
        Object::new(
            json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": spec}),
        )
        .unwrap()
    }

    fn selector(operator: &str, values: &[&str]) -> Value {
        json!({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": operator, "values": values}]}})
    }

    #[rstest]
    #[case::no_scope(&json!({}), &json!({}), Some(true), Some(true))]
    #[case::best_effort(&json!({"scopes": ["BestEffort"]}), &json!({"containers": [{"name": "a"}]}), Some(true), None)]
    #[case::zero_is_nothing(&json!({"scopes": ["BestEffort"]}),
        &json!({"containers": [{"resources": {"requests": {"cpu": "0"}}}]}), Some(true), None)]
    #[case::an_init_container(&json!({"scopes": ["NotBestEffort"]}),
        &json!({"containers": [{}], "initContainers": [{"resources": {"limits": {"memory": "1Gi"}}}]}), Some(true), Some(true))]
    #[case::with_an_end(&json!({"scopes": ["NotTerminating"]}), &json!({"activeDeadlineSeconds": 0}), Some(false), Some(false))]
    #[case::without_an_end(&json!({"scopes": ["NotTerminating", "BestEffort"]}), &json!({}), Some(true), None)]
    #[case::one_is_enough(&json!({"scopes": ["Terminating", "BestEffort"]}), &json!({}), Some(false), Some(false))]
    #[case::class(&selector("In", &["high"]), &json!({"priorityClassName": "high"}), Some(true), Some(true))]
    #[case::another_class(&selector("NotIn", &["high"]), &json!({"priorityClassName": "low"}), Some(true), Some(true))]
    #[case::no_class(&selector("In", &["high"]), &json!({}), Some(false), None)]
    #[case::no_class_is_not_in(&selector("NotIn", &["high"]), &json!({}), Some(true), None)]
    #[case::any_class(&selector("Exists", &[]), &json!({"priorityClassName": "low"}), Some(true), Some(true))]
    #[case::elsewhere(&json!({"scopes": ["CrossNamespacePodAffinity"]}), &json!({"affinity": {"podAffinity":
        {"requiredDuringSchedulingIgnoredDuringExecution": [{"namespaceSelector": {}}]}}}), Some(true), Some(true))]
    #[case::unheard_of(&json!({"scopes": ["Other"]}), &json!({}), None, None)]
    fn a_quota_counts_the_pods_of_all_its_scopes(
        #[case] spec: &Value,
        #[case] pod: &Value,
        #[case] admitted: Option<bool>,
        #[case] as_written: Option<bool>,
    ) {
        let scopes = Scopes::from_quota(&quota(spec));
        assert_eq!(
            scopes.counts(PodSpec {
                spec: pod,
                is_admitted: true
            }),
            admitted
        );
        assert_eq!(
            scopes.counts(PodSpec {
                spec: pod,
                is_admitted: false
            }),
            as_written
        );
    }
}
