//! Whose hand it was is a label for people: nothing is hidden by a name that anybody may claim, and what is written while
//! we look is no difference of ours.

use super::Scene;
use crate::harness::{Run, TestCluster, blocking};
use kubectl_delivery::testing::model::k8s::kinds::well_known;
use kubectl_delivery::testing::model::snapshot::{Observed, Prediction};
use kubectl_delivery::testing::model::{Object, Target};
use kubectl_delivery::testing::observe::predict;
use serde_json::json;

/// JSON, which is YAML too.
const WEB: &str = r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
    "replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]}}}}"#;

#[test]
fn nothing_is_hidden_by_the_name_of_a_controller() {
    let patch = json!({"metadata": {"annotations": {"note": "mine"}}, "spec": {"replicas": 1, "template": {"spec": {
        "containers": [{"name": "web", "image": "registry.example/web:2"}, {"name": "miner", "image": "registry.example/miner"}]}}}});
    for manager in [
        "kube-controller-manager",
        "kubelet",
        "helm",
        "kubectl-delivery",
        "argocd-controller",
    ] {
        let scene = Scene::made(WEB, &["apply", "--server-side"]);
        let name = format!("--field-manager={manager}");
        scene.kubectl(&["patch", "deployment", "web", &name, "-p", &patch.to_string()]);
        let found = scene.changes();
        for path in [
            "/metadata/annotations",
            "/spec/replicas",
            "/[name=web]/image",
            "/[name=miner]",
        ] {
            assert!(
                found.iter().any(|one| one.contains(path)),
                "{manager} hides {path}: {found:?}"
            );
        }
        assert!(
            scene.diff(&[]).exits(1).stdout.contains(manager),
            "{manager} is not named"
        );
    }
}

/// A server leaves the time out of what is written through a subresource.
#[test]
fn an_entry_without_a_time_is_a_hand_like_others() {
    let scene = Scene::made(WEB, &["apply", "--server-side"]);
    scene.kubectl(&["scale", "deployment", "web", "--replicas=2"]);
    let live = scene.namespace.get("apps", "Deployment", "web").unwrap();
    let entry = live
        .managed_fields()
        .iter()
        .find(|entry| entry["subresource"] == "scale")
        .unwrap();
    assert!(entry.get("time").is_none(), "{entry}");
    let view = scene.diff(&["-o", "json"]).exits(1).json();
    let change = &view["objects"][0]["changes"][0];
    assert_eq!(change["path"], "/spec/replicas", "{view:#}");
    assert!(change.to_string().contains("kubectl"), "{change:#}");
}

#[test]
fn what_is_written_between_the_read_and_the_dry_run_is_read_again() {
    let scene = Scene::made(
        WEB,
        &["apply", "--server-side", "--field-manager=kubectl-delivery"],
    );
    let desired = Object::new(serde_json::from_str(WEB).unwrap()).unwrap();
    let target = Target::new(
        &well_known(&desired.gvk()).unwrap(),
        Some(scene.namespace.name()),
        "web",
    );
    let listed = scene.namespace.get("apps", "Deployment", "web").unwrap();
    let wrote = ["annotate", "deployment", "web", "controller.example/seen=now"];
    scene
        .namespace
        .kubectl()
        .args(wrote)
        .args(["--field-manager", "controller"])
        .run()
        .ok();
    let (live, predicted) = blocking(async {
        let client = TestCluster::get().connect().await;
        assert_eq!(client.get(&target).await.unwrap().unwrap().uid(), listed.uid());
        predict(&*client, &target, &desired, listed.clone()).await
    });
    let (Observed::Present(live), Prediction::Would(predicted)) = (live, predicted) else {
        panic!("it is there, and may be asked about");
    };
    assert_ne!(live.resource_version(), listed.resource_version());
    assert_eq!(live.annotation("controller.example/seen"), Some("now"));
    assert_eq!(
        live.resource_version(),
        predicted.resource_version(),
        "both are of one moment"
    );
}
