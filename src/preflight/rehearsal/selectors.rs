//! The labels that a pod may keep so that nothing of its namespace selects it.
//!
//! A label goes where a selector that matches the pod names its key. What still selects it then cannot be avoided: a
//! selector of all pods, or one of pods that lack a label. A NetworkPolicy of all pods holds for the tried pod as for any
//! other; anything else of that kind would count or serve it.

use crate::model::Object;
use serde_json::{Map, Value};

/// The labels of a pod that is to be selected by nothing.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Unselected {
    /// Those that stay.
    pub labels: Map<String, Value>,
    /// Keys that go.
    pub dropped: Vec<String>,
    /// NetworkPolicies that it would be under with them.
    pub without_policies: Vec<String>,
    /// What selects it all the same.
    pub selected_by: Vec<String>,
}

/// Takes labels away until nothing of the namespace selects a pod with them, as far as that can be had.
pub(super) fn unselected(labels: &Map<String, Value>, selecting: &[&Object]) -> Unselected {
    let selectors: Vec<Selector<'_>> = selecting
        .iter()
        .filter_map(|one| Selector::from_object(one))
        .collect();
    let mut remaining = labels.clone();
    // A label that goes can make another selector match, one of pods without it: until nothing goes any more.
    loop {
        let matching = selectors.iter().filter(|one| one.matches(&remaining));
        let keys: Vec<&str> = matching
            .flat_map(|one| one.requirements.iter())
            .filter(|one| one.is_positive())
            .map(|one| one.key)
            .collect();
        let before = remaining.len();
        remaining.retain(|key, _| !keys.contains(&key.as_str()));
        if remaining.len() == before {
            break;
        }
    }

    let named = |one: &Selector<'_>| one.object.name().to_owned();
    let policies = || selectors.iter().filter(|one| one.is_policy());
    let without = policies().filter(|one| one.matches(labels) && !one.matches(&remaining));
    let others = selectors.iter().filter(|one| match one.is_policy() {
        // Of a policy that holds for its pods as well, nothing is different.
        true => one.matches(&remaining) && !one.matches(labels),
        false => one.matches(&remaining),
    });
    Unselected {
        dropped: labels
            .keys()
            .filter(|key| !remaining.contains_key(*key))
            .cloned()
            .collect(),
        without_policies: without.map(named).collect(),
        selected_by: others.map(|one| one.object.id().to_string()).collect(),
        labels: remaining,
    }
}

/// By which labels an object selects pods.
struct Selector<'a> {
    object: &'a Object,
    /// All have to hold; where there is none, every pod is selected.
    requirements: Vec<Requirement<'a>>,
}

struct Requirement<'a> {
    key: &'a str,
    operator: Operator,
    values: Vec<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl<'a> Selector<'a> {
    /// None where it selects nothing.
    fn from_object(object: &'a Object) -> Option<Self> {
        let requirements = match object.kind() {
            // A map; an empty one of a Service selects nothing, and its endpoints are written by hand.
            "Service" | "ReplicationController" => {
                let map = object.at("/spec/selector")?.as_object()?;
                equalities(map).collect::<Vec<_>>()
            }
            "NetworkPolicy" => object
                .at("/spec/podSelector")
                .map(label_selector)
                .unwrap_or_default(),
            _ => label_selector(object.at("/spec/selector")?),
        };
        let selects_none =
            requirements.is_empty() && matches!(object.kind(), "Service" | "ReplicationController");
        (!selects_none).then_some(Self { object, requirements })
    }

    fn is_policy(&self) -> bool {
        self.object.kind() == "NetworkPolicy"
    }

    fn matches(&self, labels: &Map<String, Value>) -> bool {
        self.requirements.iter().all(|one| one.holds(labels))
    }
}

fn equalities(map: &Map<String, Value>) -> impl Iterator<Item = Requirement<'_>> {
    map.iter().map(|(key, value)| Requirement {
        key,
        operator: Operator::In,
        values: value.as_str().into_iter().collect(),
    })
}

fn label_selector(selector: &Value) -> Vec<Requirement<'_>> {
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    let equal = labels.into_iter().flat_map(equalities);
    let expressions = expressions.into_iter().flatten().filter_map(expression);
    equal.chain(expressions).collect()
}

fn expression(one: &Value) -> Option<Requirement<'_>> {
    let values = one.get("values").and_then(Value::as_array);
    Some(Requirement {
        key: one.get("key")?.as_str()?,
        operator: match one.get("operator")?.as_str()? {
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            _ => Operator::In,
        },
        values: values.into_iter().flatten().filter_map(Value::as_str).collect(),
    })
}

impl Requirement<'_> {
    /// Whether it asks for the label: without it, it does not hold.
    fn is_positive(&self) -> bool {
        matches!(self.operator, Operator::In | Operator::Exists)
    }

    fn holds(&self, labels: &Map<String, Value>) -> bool {
        let value = labels.get(self.key).and_then(Value::as_str);
        let is_listed = value.is_some_and(|value| self.values.contains(&value));
        match self.operator {
            Operator::In => is_listed,
            // As Kubernetes has it: a pod without the label matches.
            Operator::NotIn => !is_listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn object(kind: &str, name: &str, spec: &Value) -> Object {
        let value = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec});
        Object::new(value).unwrap()
    }

    fn found(labels: &Value, selecting: &[Object]) -> Unselected {
        let selecting: Vec<&Object> = selecting.iter().collect();
        unselected(labels.as_object().unwrap(), &selecting)
    }

    #[rstest]
    #[case::a_service("Service", json!({"selector": {"app": "web"}}), json!({"tier": "front"}))]
    #[case::a_service_by_two("Service", json!({"selector": {"app": "web", "tier": "front"}}), json!({}))]
    #[case::a_service_of_another("Service", json!({"selector": {"app": "api"}}), json!({"app": "web", "tier": "front"}))]
    #[case::a_service_without("Service", json!({"selector": {}}), json!({"app": "web", "tier": "front"}))]
    #[case::a_controller("ReplicaSet", json!({"selector": {"matchLabels": {"app": "web"}}}), json!({"tier": "front"}))]
    #[case::an_old_controller("ReplicationController", json!({"selector": {"app": "web"}}), json!({"tier": "front"}))]
    #[case::a_budget("PodDisruptionBudget", json!({"selector": {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "back"]}]}}), json!({"app": "web"}))]
    #[case::a_budget_by_a_key("PodDisruptionBudget", json!({"selector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}}), json!({"app": "web"}))]
    #[case::a_budget_without_a_selector("PodDisruptionBudget", json!({}), json!({"app": "web", "tier": "front"}))]
    fn a_label_goes_where_what_selects_the_pod_names_it(
        #[case] kind: &str,
        #[case] spec: Value,
        #[case] labels: Value,
    ) {
        let found = found(
            &json!({"app": "web", "tier": "front"}),
            &[object(kind, "x", &spec)],
        );
        assert_eq!(Value::Object(found.labels), labels);
        assert_eq!((found.selected_by, found.without_policies), (vec![], vec![]));
    }

    #[test]
    fn a_policy_that_no_longer_holds_is_named_and_one_of_all_pods_is_not() {
        let policies = [
            object(
                "NetworkPolicy",
                "web",
                &json!({"podSelector": {"matchLabels": {"app": "web"}}}),
            ),
            object("NetworkPolicy", "all", &json!({"podSelector": {}})),
        ];
        let found = found(&json!({"app": "web"}), &policies);
        assert_eq!(found.without_policies, ["web"]);
        assert_eq!(
            (found.selected_by, found.dropped),
            (vec![], vec!["app".to_owned()])
        );
    }

    #[rstest]
    #[case::every_pod("PodDisruptionBudget", json!({"selector": {}}))]
    #[case::pods_of_no_other("PodDisruptionBudget", json!({"selector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["db"]}]}}))]
    #[case::a_policy_of_pods_without_the_label("NetworkPolicy", json!({"podSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}}))]
    fn what_selects_the_pod_without_its_labels_is_named(#[case] kind: &str, #[case] spec: Value) {
        let service = object("Service", "web", &json!({"selector": {"app": "web"}}));
        let found = found(&json!({"app": "web"}), &[service, object(kind, "x", &spec)]);
        assert_eq!(found.selected_by, [format!("{kind} shop/x")]);
    }
}
