use super::*;
use rstest::rstest;
use serde_json::json;

/// A node of 4 processors.
fn node(name: &str, labels: &Value, taints: &Value) -> Object {
    let status = json!({"nodeInfo": {"operatingSystem": "linux", "architecture": "amd64"},
        "allocatable": {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "10Gi", "pods": "110", "hugepages-2Mi": "0"}});
    Object::new(
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
        "spec": {"taints": taints}, "status": status}),
    )
    .unwrap()
}

fn two_nodes() -> [Object; 2] {
    let taints = json!([{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]);
    [
        node("n1", &json!({"zone": "a"}), &json!([])),
        node("n2", &json!({"zone": "b"}), &taints),
    ]
}

fn asking(resources: &Value) -> Value {
    json!({"containers": [{"name": "web", "resources": {"requests": resources}}]})
}

fn reason(fit: NodeFit) -> Option<(String, bool)> {
    match fit {
        NodeFit::Fits => None,
        NodeFit::NoNode { reason, is_certain } => Some((reason, is_certain)),
    }
}

#[rstest]
#[case::anything(&json!({"containers": [{"name": "web"}]}), None)]
#[case::labelled(&json!({"nodeSelector": {"zone": "a"}}), None)]
#[case::tainted(&json!({"nodeSelector": {"zone": "b"}}),
    Some("node selector or affinity (1 node); taint \"dedicated=db:NoSchedule\" (1 node)"))]
#[case::tolerating(&json!({"nodeSelector": {"zone": "b"}, "tolerations": [{"key": "dedicated", "operator": "Exists"}]}), None)]
#[case::named(&json!({"nodeName": "n1"}), None)]
// The scheduler is passed over, and a taint that evicts nobody is, too.
#[case::named_and_tainted(&json!({"nodeName": "n2"}), None)]
#[case::named_and_gone(&json!({"nodeName": "n3"}), Some("not node n3 (2 nodes)"))]
#[case::of_another_scheduler(&json!({"schedulerName": "volcano", "nodeSelector": {"zone": "c"}}), None)]
#[case::fitting(&asking(&json!({"cpu": "4", "memory": "8Gi"})), None)]
#[case::too_large(&asking(&json!({"cpu": "4001m"})),
    Some("taint \"dedicated=db:NoSchedule\" (1 node); requested: cpu=4001m, largest allocatable: cpu=4 (1 node)"))]
#[case::a_device(&asking(&json!({"nvidia.com/gpu": "1"})),
    Some("taint \"dedicated=db:NoSchedule\" (1 node); requested: nvidia.com/gpu=1, largest allocatable: nvidia.com/gpu=0 (1 node)"))]
#[case::no_device(&asking(&json!({"nvidia.com/gpu": "0"})), None)]
#[case::pages(&asking(&json!({"hugepages-2Mi": "2Mi"})),
    Some("taint \"dedicated=db:NoSchedule\" (1 node); requested: hugepages-2Mi=2097152, largest allocatable: hugepages-2Mi=0 (1 node)"))]
#[case::a_limit_stands_for_a_request(&json!({"containers": [{"name": "web", "resources": {"limits": {"cpu": "5"}}}]}),
    Some("taint \"dedicated=db:NoSchedule\" (1 node); requested: cpu=5, largest allocatable: cpu=4 (1 node)"))]
#[case::a_limit_above_what_a_node_has(&json!({"containers": [{"name": "web",
    "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "64"}}}]}), None)]
#[case::starting(&json!({"containers": [{"name": "web"}], "initContainers": [{"name": "init",
    "resources": {"requests": {"cpu": "5"}}}]}),
    Some("taint \"dedicated=db:NoSchedule\" (1 node); requested: cpu=5, largest allocatable: cpu=4 (1 node)"))]
fn a_pod_fits_where_nothing_lasting_keeps_it_off(#[case] spec: &Value, #[case] expected: Option<&str>) {
    let found = reason(fit(spec, &two_nodes(), &[]));
    // Nothing of this is certain: nodes with such labels are there.
    assert_eq!(found, expected.map(|text| (text.to_owned(), false)));
}

#[rstest]
#[case::by_hand(&json!({}), true)]
#[case::karpenter(&json!({"karpenter.sh/nodepool": "default"}), false)]
#[case::gke(&json!({"cloud.google.com/gke-nodepool": "default"}), false)]
#[case::eks(&json!({"eks.amazonaws.com/nodegroup": "default"}), false)]
#[case::a_cluster_in_a_cluster(&json!({"vcluster.loft.sh/fake-node": "true"}), false)]
#[case::virtual_node(&json!({"type": "virtual-kubelet"}), false)]
#[case::aks(&json!({"kubernetes.azure.com/agentpool": "default"}), false)]
fn a_label_that_no_node_has_is_certain_where_no_node_is_made(#[case] labels: &Value, #[case] certain: bool) {
    let nodes = [node("n1", labels, &json!([])), node("n2", &json!({}), &json!([]))];
    let spec = json!({"nodeSelector": {"disk": "ssd"}});
    let found = reason(fit(&spec, &nodes, &[]));
    assert_eq!(
        found,
        Some(("none has the label \"disk=ssd\"".to_owned(), certain))
    );
}

#[test]
fn nodes_that_are_made_for_each_pod_say_nothing_of_the_next_one() {
    let spec = json!({"nodeSelector": {"disk": "ssd"}});
    let fargate = node(
        "f1",
        &json!({"eks.amazonaws.com/compute-type": "fargate"}),
        &json!([]),
    );

    assert_eq!(fit(&spec, &[fargate], &[]), NodeFit::Fits);
    assert_eq!(fit(&spec, &[], &[]), NodeFit::Fits, "a cluster without nodes");
}

#[test]
fn a_cordoned_node_and_one_that_is_not_ready_fit() {
    let cordoned = json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]);
    let mut cordoned = node("n1", &json!({}), &cordoned);
    cordoned.value_mut()["spec"]["unschedulable"] = true.into();
    assert_eq!(
        fit(&asking(&json!({"cpu": "1"})), &[cordoned], &[]),
        NodeFit::Fits
    );
}

#[test]
fn a_node_that_has_not_told_what_it_has_fits() {
    let mut new = node("n1", &json!({}), &json!([]));
    new.value_mut()["status"] = json!({});
    let images = [Platform("linux/arm64".into())];
    assert_eq!(
        fit(&asking(&json!({"cpu": "64"})), &[new], &[&images[..]]),
        NodeFit::Fits
    );
}

#[rstest]
#[case::its_own(&["linux/amd64 linux/arm64"], true)]
#[case::a_variant(&["linux/amd64/v3"], true)]
#[case::another(&["linux/arm64"], false)]
#[case::one_of_two(&["linux/amd64", "linux/arm64 windows/amd64"], false)]
#[case::a_longer_name(&["linux/amd64p32"], false)]
#[case::unknown(&[""], true)]
fn each_image_has_to_run_on_the_node(#[case] images: &[&str], #[case] fits: bool) {
    let platforms = |image: &&str| -> Vec<Platform> {
        let names = image.split_whitespace();
        names.map(|name| Platform(name.to_owned())).collect()
    };
    let images: Vec<Vec<Platform>> = images.iter().map(platforms).collect();
    let images: Vec<&[Platform]> = images.iter().map(Vec::as_slice).collect();
    let found = reason(fit(&json!({}), &[node("n1", &json!({}), &json!([]))], &images));
    let expected = (!fits).then(|| ("no image for platform linux/amd64 (1 node)".to_owned(), false));
    assert_eq!(found, expected);
}
