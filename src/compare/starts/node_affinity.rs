//! Whether a node matches a pod's `nodeSelector` and its required node affinity, as the scheduler's plugin matches them
//! (component-helpers, `scheduling/corev1/nodeaffinity`), and which labels they ask for that no node has.

use crate::model::Object;
use serde_json::Value;

const REQUIRED: &str = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";

/// Whether a node matches both.
pub(super) fn is_matched(spec: &Value, node: &Object) -> bool {
    let is_selected = selected_labels(spec).all(|(key, value)| node.label(key) == value);
    // Terms are alternatives; one that is empty matches nothing, and neither does an empty list.
    let is_affine = |terms: &[Value]| terms.iter().any(|term| is_term_matched(term, node));

    is_selected && required_terms(spec).is_none_or(is_affine)
}

/// The labels that the pod asks for and that no node has; empty where that is not why no node matches. Of alternatives
/// each has to ask for one.
pub(super) fn labels_of_no_node(spec: &Value, nodes: &[Object]) -> Vec<String> {
    let is_nowhere = |key: &str, value: Option<&str>| nodes.iter().all(|node| node.label(key) != value);
    let selected = selected_labels(spec).find(|(key, value)| is_nowhere(key, *value));
    if let Some((key, value)) = selected {
        return vec![label(key, value.unwrap_or_default())];
    }

    let terms = required_terms(spec).unwrap_or_default();
    let of_terms: Option<Vec<Vec<String>>> = terms.iter().map(|term| term_labels(term, nodes)).collect();
    let mut labels = of_terms.unwrap_or_default().concat();
    labels.dedup();
    labels
}

/// What one term asks for that no node has: all values of one expression, or a key.
fn term_labels(term: &Value, nodes: &[Object]) -> Option<Vec<String>> {
    items(term, "matchExpressions").iter().find_map(|expression| {
        let key = expression["key"].as_str()?;
        let is_nowhere = nodes.iter().all(|node| !is_expression_matched(expression, node));

        match expression["operator"].as_str()? {
            "In" if is_nowhere => Some(values(expression).map(|value| label(key, value)).collect()),
            "Exists" if is_nowhere => Some(vec![key.to_owned()]),
            _ => None,
        }
    })
}

fn label(key: &str, value: &str) -> String {
    format!("{key}={value}")
}

fn selected_labels(spec: &Value) -> impl Iterator<Item = (&str, Option<&str>)> {
    let selector = spec["nodeSelector"].as_object().into_iter().flatten();
    selector.map(|(key, value)| (key.as_str(), value.as_str()))
}

/// The alternatives of the required affinity; none where any node will do.
fn required_terms(spec: &Value) -> Option<&[Value]> {
    let required = spec.pointer(REQUIRED).filter(|required| required.is_object())?;
    Some(items(required, "nodeSelectorTerms"))
}

fn is_term_matched(term: &Value, node: &Object) -> bool {
    let (labels, fields) = (items(term, "matchExpressions"), items(term, "matchFields"));
    let is_empty = labels.is_empty() && fields.is_empty();

    !is_empty
        && labels.iter().all(|one| is_expression_matched(one, node))
        && fields.iter().all(|one| is_field_matched(one, node))
}

fn is_expression_matched(expression: &Value, node: &Object) -> bool {
    let found = expression["key"].as_str().and_then(|key| node.label(key));
    let is_listed = || values(expression).any(|value| found == Some(value));
    // Both sides are whole numbers, and the node has to have one.
    let numbers = || {
        let bound = values(expression).next()?.parse::<i64>().ok()?;
        Some((found?.parse::<i64>().ok()?, bound))
    };

    match expression["operator"].as_str() {
        Some("In") => is_listed(),
        // A node without the label is not in any list.
        Some("NotIn") => !is_listed(),
        Some("Exists") => found.is_some(),
        Some("DoesNotExist") => found.is_none(),
        Some("Gt") => numbers().is_some_and(|(found, bound)| found > bound),
        Some("Lt") => numbers().is_some_and(|(found, bound)| found < bound),
        _ => false,
    }
}

/// The only field that is selected by is the name.
fn is_field_matched(expression: &Value, node: &Object) -> bool {
    let is_listed = values(expression).any(|value| value == node.name());
    match (expression["key"].as_str(), expression["operator"].as_str()) {
        (Some("metadata.name"), Some("In")) => is_listed,
        (Some("metadata.name"), Some("NotIn")) => !is_listed,
        _ => false,
    }
}

fn values(expression: &Value) -> impl Iterator<Item = &str> {
    items(expression, "values").iter().filter_map(Value::as_str)
}

fn items<'v>(value: &'v Value, list: &str) -> &'v [Value] {
    value[list].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn node() -> Object {
        let labels = json!({"zone": "a", "cores": "8", "empty": ""});
        Object::new(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": labels}}))
            .unwrap()
    }

    fn term(operator: &str, key: &str, values: &[&str]) -> Value {
        json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})
    }

    fn field(operator: &str, name: &str) -> Value {
        json!({"matchFields": [{"key": "metadata.name", "operator": operator, "values": [name]}]})
    }

    fn affinity(terms: &[Value]) -> Value {
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": terms}}}})
    }

    #[rstest]
    #[case::in_list(&term("In", "zone", &["b", "a"]), true)]
    #[case::in_another(&term("In", "zone", &["b"]), false)]
    #[case::in_without_label(&term("In", "disk", &["ssd"]), false)]
    #[case::not_in(&term("NotIn", "zone", &["a"]), false)]
    #[case::not_in_without_label(&term("NotIn", "disk", &["ssd"]), true)]
    #[case::exists(&term("Exists", "empty", &[]), true)]
    #[case::exists_not(&term("Exists", "disk", &[]), false)]
    #[case::does_not_exist(&term("DoesNotExist", "disk", &[]), true)]
    #[case::does_exist(&term("DoesNotExist", "zone", &[]), false)]
    #[case::greater(&term("Gt", "cores", &["7"]), true)]
    #[case::not_greater(&term("Gt", "cores", &["8"]), false)]
    #[case::less(&term("Lt", "cores", &["9"]), true)]
    #[case::no_number(&term("Lt", "zone", &["9"]), false)]
    #[case::no_number_asked(&term("Gt", "cores", &["few"]), false)]
    #[case::greater_without_label(&term("Gt", "disk", &["1"]), false)]
    #[case::unknown_operator(&term("Like", "zone", &["a"]), false)]
    #[case::name(&field("In", "n1"), true)]
    #[case::another_name(&field("In", "n2"), false)]
    #[case::not_this_name(&field("NotIn", "n1"), false)]
    #[case::empty_term(&json!({}), false)]
    fn a_term_matches_as_the_scheduler_matches_it(#[case] term: &Value, #[case] is_match: bool) {
        assert_eq!(
            is_matched(&affinity(std::slice::from_ref(term)), &node()),
            is_match
        );
    }

    #[rstest]
    #[case::nothing_asked(&json!({}), true)]
    #[case::no_terms(&affinity(&[]), false)]
    #[case::alternatives(&affinity(&[term("In", "zone", &["b"]), term("Exists", "cores", &[])]), true)]
    #[case::all_of_a_term(&affinity(&[json!({"matchExpressions": [{"key": "zone", "operator": "Exists"},
        {"key": "disk", "operator": "Exists"}]})]), false)]
    #[case::selector(&json!({"nodeSelector": {"zone": "a", "empty": ""}}), true)]
    #[case::selector_of_another(&json!({"nodeSelector": {"zone": "b"}}), false)]
    #[case::preferred(&json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
        [{"weight": 1, "preference": term("In", "zone", &["b"])}]}}}), true)]
    fn selector_and_affinity_have_to_match(#[case] spec: &Value, #[case] is_match: bool) {
        assert_eq!(is_matched(spec, &node()), is_match);
    }

    #[rstest]
    #[case::selector(&json!({"nodeSelector": {"zone": "a", "disk": "ssd"}}), &["disk=ssd"])]
    #[case::each_alternative(&affinity(&[term("In", "zone", &["b", "c"]), term("Exists", "gpu", &[])]),
        &["zone=b", "zone=c", "gpu"])]
    #[case::one_is_there(&affinity(&[term("In", "zone", &["b"]), term("In", "zone", &["a"])]), &[])]
    #[case::no_label_is_asked_for(&affinity(&[term("Gt", "cores", &["64"])]), &[])]
    #[case::a_name(&affinity(&[field("In", "n2")]), &[])]
    #[case::an_exclusion(&affinity(&[term("NotIn", "zone", &["a"])]), &[])]
    #[case::nothing_asked(&json!({}), &[])]
    fn labels_that_no_node_has_are_named(#[case] spec: &Value, #[case] labels: &[&str]) {
        assert_eq!(labels_of_no_node(spec, &[node()]), labels);
    }
}
