//! What the control plane, admission or an installer writes is no drift after a promotion.

use super::support::{ReleaseFile, config, deployment, kubectl_apply, promote};
use super::target::{diff, in_sync, lands, live, service};
use crate::harness::{Run, TestCluster, Webhook};
use kubectl_delivery::testing::model::Object;
use serde_json::{Value, json};

#[test]
fn what_the_control_plane_counts_on_a_daemon_set_is_no_drift() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let set = |image: &str| {
        let mut set = deployment("collector", image);
        set["kind"] = "DaemonSet".into();
        set["spec"].as_object_mut().unwrap().remove("replicas");
        set
    };
    lands(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![set("web:1")]),
        &[],
    );
    lands(
        &namespace,
        &ReleaseFile::new("shop", "2", vec![set("web:2")]),
        &[],
    );
}

#[test]
fn a_bare_pod_is_in_sync_right_after_its_promotion() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "worker"},
        "spec": {"containers": [{"name": "main", "image": "web:1"}]}});
    lands(&namespace, &ReleaseFile::new("shop", "1", vec![pod]), &[]);
}

#[test]
fn what_the_server_fills_in_is_no_difference_whoever_made_the_object() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let name = namespace.name();
    let group = format!("{name}.example");
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things.{group}")}, "spec": {"group": group, "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"}, "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
                    "x-kubernetes-preserve-unknown-fields": true}}}}, "subresources": {"status": {}}}]}});
    let inner =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("{name}-inner")}});
    let objects = [inner, definition, service(&json!({"type": "NodePort"}))];
    kubectl_apply(&namespace, &objects);
    let file = serde_json::to_string(&json!({"apiVersion": "v1", "kind": "List", "items": objects})).unwrap();
    let mut diff = TestCluster::get().delivery();
    let ran = diff.args(["diff", "-n", name, "-f", "-"]).run_with(&file);
    namespace
        .kubectl()
        .args(["delete", "--wait=false", "namespace", &format!("{name}-inner")])
        .run()
        .ok();
    namespace
        .kubectl()
        .args(["delete", "--wait=false", "crd", &format!("things.{group}")])
        .run()
        .ok();
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn the_rules_of_an_aggregated_role_are_its_controllers() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let name = namespace.name();
    let label = format!("{name}.example/aggregate");
    let role = |suffix: &str, more: Value| {
        let mut role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": format!("{name}-{suffix}")}});
        for (key, value) in more.as_object().unwrap() {
            role[key] = value.clone();
        }
        role
    };
    let selector = json!({"clusterRoleSelectors": [{"matchLabels": {&label: "true"}}]});
    let objects = |team: &str| {
        let mut roles = vec![
            role("all", json!({"aggregationRule": selector, "rules": []})),
            role("bare", json!({"aggregationRule": selector})),
            role(
                "part",
                json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
            ),
        ];
        for role in &mut roles {
            role["metadata"]["labels"] = json!({"team": team});
        }
        roles[2]["metadata"]["labels"][&label] = "true".into();
        roles
    };
    let rules = |suffix: &str| live(&namespace, &format!("clusterrole/{name}-{suffix}"))["rules"].clone();
    lands(&namespace, &ReleaseFile::new("shop", "1", objects("a")), &[]);
    assert!(crate::harness::until(10, || rules("all")
        .as_array()
        .is_some_and(|rules| rules.len() == 1)));
    lands(&namespace, &ReleaseFile::new("shop", "2", objects("b")), &[]);
    assert_eq!(
        rules("all").as_array().map(Vec::len),
        Some(1),
        "the controller's rules stay"
    );
    for suffix in ["all", "bare", "part"] {
        namespace
            .kubectl()
            .args(["delete", "clusterrole", &format!("{name}-{suffix}")])
            .run()
            .ok();
    }
}

#[test]
fn the_marks_of_an_installer_are_told_in_one_line_and_are_no_difference() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let mut marked = config("settings", json!({"a": "b"}));
    let notes =
        json!({"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": namespace.name()});
    marked["metadata"]["annotations"] = notes;
    marked["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "Helm"});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [marked]});
    let create = ["create", "--field-manager=helm", "-f", "-"];
    namespace.kubectl().args(create).run_with(&list.to_string()).ok();
    let release = ReleaseFile::new("shop", "1", vec![config("settings", json!({"a": "b"}))]);
    let ran = diff(&namespace, &release, "auto").exits(0);
    assert!(
        ran.stdout.contains("1 object is managed by Helm (release shop)"),
        "{}",
        ran.stdout
    );

    lands(&namespace, &release, &["--adopt", "helm"]);
    let object = Object::new(live(&namespace, "configmap/settings")).unwrap();
    assert_eq!(
        (
            object.annotation("meta.helm.sh/release-name"),
            object.label("app.kubernetes.io/managed-by")
        ),
        (None, None)
    );
}

#[test]
fn what_admission_writes_anew_at_each_request_is_no_drift_and_no_failed_restore() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let stamp = Webhook::changing(&namespace, "deployments", |review| {
        let has_notes = review["request"]["object"]["metadata"]["annotations"].is_object();
        let now = jiff::Timestamp::now().to_string();
        let path = "/metadata/annotations";
        if has_notes {
            json!([{"op": "add", "path": format!("{path}/stamped-at"), "value": now}])
        } else {
            json!([{"op": "add", "path": path, "value": {"stamped-at": now}}])
        }
    });
    let create = ["create", "--dry-run=server", "-o", "yaml", "-f", "-"];
    let probe = deployment("probe", "web:1").to_string();
    stamp.wait(|| {
        namespace
            .kubectl()
            .args(create)
            .run_with(&probe)
            .ok()
            .contains("stamped-at")
    });
    let web = |replicas: u32| {
        let mut web = deployment("web", "web:1");
        web["spec"]["replicas"] = replicas.into();
        ReleaseFile::new("shop", &replicas.to_string(), vec![web])
    };
    promote(&namespace, &web(1), &["-y", "--settle", "0s"]).exits(0);
    in_sync(&namespace, &web(1), "auto");
    let second = promote(&namespace, &web(2), &["-y", "--settle", "0s"]).exits(0);
    assert!(
        second.stderr.contains("stamped-at") && second.stderr.contains("rewritten by admission"),
        "{}",
        second.stderr
    );
    in_sync(&namespace, &web(2), "auto");
    let mut view = TestCluster::get().delivery();
    let first = web(1);
    view.arg("diff")
        .arg(first.path())
        .args(["-n", namespace.name(), "-o", "json"]);
    let not_compared = view.run().json()["notCompared"].clone();
    let is_stamp = |one: &Value| {
        one["name"] == "web"
            && one["path"] == "/metadata/annotations/stamped-at"
            && one["reason"] == "admission"
    };
    assert!(
        not_compared.as_array().unwrap().iter().any(is_stamp),
        "{not_compared:#}"
    );
    TestCluster::get()
        .delivery()
        .args(["revert", "shop", "-y", "-n", namespace.name()])
        .run()
        .exits(0);
    assert_eq!(live(&namespace, "deployment/web")["spec"]["replicas"], 1);
}
