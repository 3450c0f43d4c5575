//! What leaves a release or becomes empty in it, and an apply alone does not bring about.

use crate::execute::app::{App, map, workload};
use crate::harness::{Act, KillProxy, Run, TestCluster, unique};
use crate::readiness::{Definition, definition, group};
use rstest::rstest;
use serde_json::{Value, json};

#[test]
fn a_map_of_a_custom_resource_that_a_release_empties_is_an_empty_map_and_not_null() {
    let app = App::new();
    let group = group();
    let _definition = Definition(format!("routes.{group}"));
    let mut crd = definition(&group, "Route");
    let deep = json!({"type": "object", "properties": {"on": {"type": "boolean", "default": true}}});
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = json!({"type": "object", "properties": {"deep": deep, "free":
            {"type": "object", "x-kubernetes-preserve-unknown-fields": true}, "ports": {"type": "array",
            "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}}});
    let route = |spec: Value| json!({"apiVersion": format!("{group}/v1"), "kind": "Route", "metadata": {"name": "web"}, "spec": spec});
    let full = route(json!({"deep": {"on": false}, "free": {"a": 1, "list": []}, "ports": []}));
    app.promote("1", &[crd.clone(), full]).run().exits(0);
    app.promote("2", &[crd, route(json!({"deep": {}, "free": {}}))])
        .run()
        .exits(0);

    let live: Value =
        serde_json::from_str(&app.kubectl(&["get", &format!("routes.{group}"), "web", "-o", "json"]))
            .unwrap();
    assert_eq!(live["spec"], json!({"deep": {"on": true}, "free": {}}), "{live}");
}

#[test]
fn a_claims_class_that_leaves_a_release_stays_and_is_refused_no_more() {
    let app = App::new();
    let own = format!("class-{}", unique());
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": own},
        "provisioner": "none.example", "volumeBindingMode": "WaitForFirstConsumer"});
    app.kubectl_with(&["apply"], &class).exits(0);
    let claim = |class: Option<&str>, note: &str| {
        let mut claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "annotations": {"example.com/note": note, "kubectl-delivery.io/wait": "false"}},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
        if let Some(class) = class {
            claim["spec"]["storageClassName"] = class.into();
        }
        claim
    };
    app.promote("1", &[claim(Some(&own), "a"), map("m", json!({}))])
        .run()
        .exits(0);
    app.promote("2", &[claim(None, "b"), map("m", json!({}))])
        .run()
        .exits(0);
    let class = app.kubectl(&["get", "pvc", "data", "-o", "jsonpath={.spec.storageClassName}"]);
    app.kubectl(&["delete", "storageclass", &own]);
    assert_eq!(class, own);
    let mut diff = TestCluster::get().delivery();
    diff.arg("diff")
        .arg(app.release("2", &[claim(None, "b"), map("m", json!({}))]));
    diff.args(["-n", app.namespace.name()]).run().exits(0);
}

#[rstest]
#[case::the_default(0)]
#[case::another_value(3)]
fn a_default_is_there_once_its_field_leaves_a_release(#[case] partition: u32) {
    let app = App::new();
    let set = |strategy: Value, digit| {
        let mut set = workload("StatefulSet", "db", digit, None);
        set["spec"]["updateStrategy"] = strategy;
        set
    };
    app.promote(
        "1",
        &[set(json!({"rollingUpdate": {"partition": partition}}), '1')],
    )
    .run()
    .exits(0);
    app.promote("2", &[set(json!({}), '2')]).run().exits(0);
    let get = [
        "get",
        "statefulset",
        "db",
        "-o",
        "jsonpath={.spec.updateStrategy.rollingUpdate.partition}",
    ];
    assert_eq!(app.kubectl(&get), "0");
    for mode in ["auto", "server"] {
        let mut diff = TestCluster::get().delivery();
        diff.arg("diff").arg(app.release("2", &[set(json!({}), '2')]));
        diff.args(["-n", app.namespace.name(), "--mode", mode, "-o", "json"]);
        let view = diff.run().json();
        assert_eq!(view["summary"]["differ"], 0, "{mode}: {view:#}");
    }
    let again = app.promote("2", &[set(json!({}), '2')]).run().exits(0);
    assert!(again.stderr.contains("nothing to do"), "{}", again.stderr);
    app.promote("3", &[set(json!({}), '3')]).run().exits(0);
    assert_eq!(app.kubectl(&get), "0", "a later release keeps it");
}

#[test]
fn a_run_that_ended_between_an_apply_and_the_default_that_it_lost_is_finished() {
    let app = App::new();
    let set = |strategy: Value, digit| {
        let mut set = workload("StatefulSet", "db", digit, None);
        set["spec"]["updateStrategy"] = strategy;
        set
    };
    app.promote("1", &[set(json!({"rollingUpdate": {"partition": 3}}), '1')])
        .run()
        .exits(0);
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write_to("/statefulsets/db", Act::KillAfter);
    let killed = proxy.run(&mut app.promote("2", &[set(json!({}), '2')]));
    assert_eq!(killed.code, None, "{}", killed.stderr);
    let strategy = [
        "get",
        "statefulset",
        "db",
        "-o",
        "jsonpath={.spec.updateStrategy}",
    ];
    assert!(
        !app.kubectl(&strategy).contains("partition"),
        "the apply takes the default away"
    );
    app.promote("2", &[set(json!({}), '2')]).run().exits(0);
    assert!(
        app.kubectl(&strategy).contains(r#""partition":0"#),
        "{}",
        app.kubectl(&strategy)
    );
}
