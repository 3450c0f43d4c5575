//! Taints that last and that a pod does not tolerate, as the scheduler's plugin matches them (`Toleration.ToleratesTaint`).
//!
//! Which taints pass by themselves is a list: conditions of the node, nodes that start or go. A pod waits for their end.

use crate::model::Object;
use serde_json::Value;

/// The first lasting taint of a node that keeps a pod off it, as kubectl writes it. `effects` are those that count.
pub(super) fn untolerated(spec: &Value, node: &Object, effects: &[&str]) -> Option<String> {
    let tolerations = spec["tolerations"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let taints = node
        .at("/spec/taints")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();

    let mut counted = taints.filter(|taint| effects.contains(&text(taint, "effect")) && !is_transient(taint));
    let taint = counted.find(|taint| !tolerations.iter().any(|one| is_tolerated(one, taint)))?;

    let (key, value, effect) = (text(taint, "key"), text(taint, "value"), text(taint, "effect"));
    let equals = if value.is_empty() { "" } else { "=" };
    Some(format!("{key}{equals}{value}:{effect}"))
}

/// Whether a taint goes without anybody's doing: a cordon ends, a node becomes ready or is deleted.
fn is_transient(taint: &Value) -> bool {
    // Set by the node's controllers on its conditions, on a cordon, and by cloud providers at its start and end.
    const PREFIXES: [&str; 10] = [
        "node.kubernetes.io/",
        "node.cloudprovider.kubernetes.io/",
        "node.cluster.x-k8s.io/",
        "startup-taint.cluster-autoscaler.kubernetes.io/",
        "ignore-taint.cluster-autoscaler.kubernetes.io/",
        "ToBeDeletedByClusterAutoscaler",
        "DeletionCandidateOfClusterAutoscaler",
        "karpenter.sh/",
        "aws-node-termination-handler/",
        "cloud.google.com/impending-node-termination",
    ];
    let key = text(taint, "key");

    // Agents of networks and storage lift theirs as soon as they run on the node.
    PREFIXES.iter().any(|prefix| key.starts_with(prefix)) || key.ends_with("not-ready")
}

fn is_tolerated(toleration: &Value, taint: &Value) -> bool {
    let is_for = |field: &str| {
        let wanted = text(toleration, field);
        wanted.is_empty() || wanted == text(taint, field)
    };
    let numbers = || {
        let number = |value: &str| value.parse::<i64>().ok();
        number(text(taint, "value")).zip(number(text(toleration, "value")))
    };

    let has_value = match text(toleration, "operator") {
        "" | "Equal" => text(toleration, "value") == text(taint, "value"),
        "Exists" => true,
        // Where the server does not know these yet, it takes no such toleration.
        "Lt" => numbers().is_some_and(|(taint, bound)| taint < bound),
        "Gt" => numbers().is_some_and(|(taint, bound)| taint > bound),
        _ => false,
    };
    is_for("effect") && is_for("key") && has_value
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn found(taint: &Value, tolerations: &Value) -> Option<String> {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "spec": {"taints": [taint]}});
        let spec = json!({"tolerations": tolerations});
        untolerated(&spec, &Object::new(node).unwrap(), &["NoSchedule", "NoExecute"])
    }

    fn gpu() -> Value {
        json!({"key": "dedicated", "value": "gpu", "effect": "NoSchedule"})
    }

    #[rstest]
    #[case::none(&json!([]), false)]
    #[case::equal(&json!([{"key": "dedicated", "value": "gpu"}]), true)]
    #[case::another_value(&json!([{"key": "dedicated", "operator": "Equal", "value": "db"}]), false)]
    #[case::any_value(&json!([{"key": "dedicated", "operator": "Exists"}]), true)]
    #[case::any_key(&json!([{"operator": "Exists"}]), true)]
    #[case::of_its_effect(&json!([{"operator": "Exists", "effect": "NoSchedule"}]), true)]
    #[case::of_another_effect(&json!([{"operator": "Exists", "effect": "NoExecute"}]), false)]
    #[case::another_key(&json!([{"key": "spot", "operator": "Exists"}]), false)]
    #[case::one_of_two(&json!([{"key": "spot", "operator": "Exists"}, {"key": "dedicated", "value": "gpu"}]), true)]
    fn a_toleration_matches_as_the_scheduler_matches_it(
        #[case] tolerations: &Value,
        #[case] tolerated: bool,
    ) {
        let expected = (!tolerated).then(|| "dedicated=gpu:NoSchedule".to_owned());
        assert_eq!(found(&gpu(), tolerations), expected);
    }

    #[rstest]
    #[case("Lt", "10", true)]
    #[case("Lt", "5", false)]
    #[case("Gt", "4", true)]
    #[case("Gt", "few", false)]
    fn numbers_are_compared(#[case] operator: &str, #[case] value: &str, #[case] tolerated: bool) {
        let taint = json!({"key": "failures", "value": "5", "effect": "NoExecute"});
        let toleration = json!([{"key": "failures", "operator": operator, "value": value}]);
        assert_eq!(found(&taint, &toleration).is_none(), tolerated);
    }

    #[rstest]
    #[case("node.kubernetes.io/unschedulable", "NoSchedule")]
    #[case("node.kubernetes.io/not-ready", "NoExecute")]
    #[case("node.kubernetes.io/unreachable", "NoExecute")]
    #[case("node.kubernetes.io/disk-pressure", "NoSchedule")]
    #[case("node.kubernetes.io/out-of-service", "NoExecute")]
    #[case("node.cloudprovider.kubernetes.io/uninitialized", "NoSchedule")]
    #[case("node.cilium.io/agent-not-ready", "NoExecute")]
    #[case("ToBeDeletedByClusterAutoscaler", "NoSchedule")]
    #[case("karpenter.sh/disrupted", "NoSchedule")]
    #[case("maintenance", "PreferNoSchedule")]
    fn what_passes_keeps_no_pod_off(#[case] key: &str, #[case] effect: &str) {
        assert_eq!(found(&json!({"key": key, "effect": effect}), &json!([])), None);
    }

    #[test]
    fn a_taint_without_a_value_is_written_without_one() {
        let taint = json!({"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"});
        let written = "node-role.kubernetes.io/control-plane:NoSchedule".to_owned();
        assert_eq!(found(&taint, &json!([])), Some(written));
    }
}
