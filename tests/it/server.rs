//! What the API server really does, where no other test shows it, and what follows from it here.

use crate::execute::app::{App, map, workload};
use crate::harness::{Namespace, Run, TestCluster, blocking};
use kubectl_delivery::testing::cluster::WriteOptions;
use kubectl_delivery::testing::model::bundle::decompress;
use kubectl_delivery::testing::model::k8s::kinds::well_known;
use kubectl_delivery::testing::model::names::RESTART_ANNOTATION;
use kubectl_delivery::testing::model::{Object, Target};
use serde_json::{Value, json};

/// Deletes a definition, after a panic too.
struct Gone(String);

impl Drop for Gone {
    fn drop(&mut self) {
        TestCluster::get()
            .kubectl()
            .args(["delete", "crd", "--wait=false", "--ignore-not-found", &self.0])
            .run();
    }
}

/// `things` of a group of their own, whose spec has a size and nothing else.
fn definition(group: &str) -> Value {
    let spec = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("things.{group}")},
        "spec": {"group": group, "names": {"kind": "Thing", "plural": "things"}, "scope": "Namespaced",
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": spec}}]}})
}

fn thing(group: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("{group}/v1"), "kind": "Thing", "metadata": {"name": "one"}, "spec": spec})
}

/// For RBAC and Leases, PUT creates what is missing.
#[test]
fn a_role_that_is_gone_is_made_again_by_a_put_unless_it_carries_the_uid() {
    let namespace = TestCluster::get().namespace_named("t-server");
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"}, "rules": []});
    let live = namespace.apply(role);
    let target = Target::new(
        &well_known(&live.gvk()).unwrap(),
        Some(namespace.name()),
        "reader",
    );
    namespace.kubectl().args(["delete", "role", "reader"]).run().ok();
    let put = |body: Value| {
        blocking(async {
            let client = TestCluster::get().connect().await;
            let options = WriteOptions {
                manager: "test".into(),
                dry_run: false,
                not_after: None,
            };
            client
                .replace(&target, &body, &options)
                .await
                .map(|done| done.object.uid().to_owned())
        })
    };
    let with_uid = put(live.value().clone());
    assert!(with_uid.is_err(), "it came back: {with_uid:?}");
    assert!(
        namespace
            .get("rbac.authorization.k8s.io", "Role", "reader")
            .is_none()
    );
    let mut without = live.value().clone();
    for field in ["uid", "resourceVersion", "managedFields"] {
        without["metadata"].as_object_mut().unwrap().shift_remove(field);
    }
    assert_ne!(put(without).unwrap(), live.uid());
}

/// The next apply that does not carry it would take it out, which is a rollout for nothing.
#[test]
fn the_annotation_that_restarted_pods_stays_and_restarts_nothing_more() {
    let app = App::new();
    let mut web = workload("Deployment", "web", '1', None);
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
        json!([{"configMapRef": {"name": "config"}}]);
    let version = |config: &str, other: &str| {
        [
            map("config", json!({"a": config})),
            map("other", json!({"a": other})),
            web.clone(),
        ]
    };
    app.promote("1", &version("1", "1")).run().exits(0);
    app.promote("2", &version("2", "1")).run().exits(0);
    let look = || {
        let web = app.namespace.get("apps", "Deployment", "web").unwrap();
        let mark = web
            .at("/spec/template/metadata/annotations")
            .and_then(|all| all.get(RESTART_ANNOTATION))
            .cloned();
        (web.generation(), mark)
    };
    let restarted = look();
    assert!(restarted.1.is_some(), "its pods run with the old configuration");
    let ran = app.promote("3", &version("2", "2")).run().exits(0);
    assert_eq!(look(), restarted, "a rollout for nothing:\n{}", ran.stderr);
    // Against the release, and against what was last promoted, which holds the annotation.
    for release in [vec![app.release("3", &version("2", "2"))], Vec::new()] {
        let mut diff = TestCluster::get().delivery();
        diff.args(["diff", "-n", app.namespace.name()])
            .args(release)
            .run()
            .exits(0);
    }
}

/// A strict apply of it answers 200 and drops it while the old schema is served.
#[test]
fn a_field_that_the_clusters_schema_does_not_know_is_named_before_anything_is_touched() {
    let app = App::new();
    let group = format!("{}.example.com", app.namespace);
    let _gone_at_the_end = Gone(format!("things.{group}"));
    let config = map("a", json!({"a": "1"}));
    app.promote(
        "1",
        &[
            config.clone(),
            definition(&group),
            thing(&group, &json!({"size": 1})),
        ],
    )
    .run()
    .exits(0);
    let new = [
        config,
        definition(&group),
        thing(&group, &json!({"size": 1, "colour": "red"})),
    ];
    let refused = app.promote("2", &new).run().exits(2);
    assert!(refused.stderr.contains("colour"), "{}", refused.stderr);
    assert_eq!(app.status()["version"], "1");
}

/// A definition takes all its resources with it.
#[test]
fn a_definition_that_a_promotion_made_stays_while_somebody_elses_resource_is_in_it() {
    let app = App::new();
    let others = TestCluster::get().namespace_named("t-server");
    let group = format!("{}.example.com", app.namespace);
    let name = format!("things.{group}");
    let _gone_at_the_end = Gone(name.clone());
    app.promote("1", &[map("a", json!({"a": "1"}))]).run().exits(0);
    app.promote("2", &[map("a", json!({"a": "2"})), definition(&group)])
        .run()
        .exits(0);
    let theirs = thing(&group, &json!({"size": 1})).to_string();
    others
        .kubectl()
        .args(["create", "-f", "-"])
        .run_with(&theirs)
        .ok();
    let allowed = format!("CustomResourceDefinition/{name}");
    let reverted = app.revert().args(["--allow-unconfirmed", &allowed]).run();
    others.kubectl().args(["get", &name, "one"]).run().ok();
    assert!(
        reverted.stderr.contains(&name) && reverted.stderr.contains("left in place"),
        "{}",
        reverted.stderr
    );
    assert_eq!(
        app.namespace.get("", "ConfigMap", "a").unwrap().text("/data/a"),
        "1"
    );
}

/// What Secrets of a type of ours hold in a namespace.
fn pre_images(namespace: &Namespace) -> Vec<String> {
    let listed = namespace
        .kubectl()
        .args(["get", "secrets", "-o", "json"])
        .run()
        .exits(0)
        .json();
    let ours = listed["items"].as_array().unwrap().iter();
    let ours = ours.filter(|secret| secret["type"] == "kubectl-delivery.io/preimage");
    ours.flat_map(|secret| {
        secret["data"]
            .as_object()
            .unwrap()
            .values()
            .map(text)
            .collect::<Vec<_>>()
    })
    .collect()
}

fn text(value: &Value) -> String {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(value.as_str().unwrap())
        .unwrap();
    String::from_utf8_lossy(&decompress(&bytes).unwrap_or(bytes)).into_owned()
}

/// Else readers of another namespace get to see it.
#[test]
fn what_a_secret_held_is_kept_in_its_own_namespace_and_in_no_other() {
    let app = App::new();
    let other = TestCluster::get().namespace_named("t-server");
    let secret = |value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": other.name()}, "data": {"password": value}});
    other
        .kubectl()
        .args(["create", "-f", "-"])
        .run_with(&secret("aHVudGVyMg==").to_string())
        .ok();
    let manifests = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    let list =
        json!({"apiVersion": "v1", "kind": "List", "items": [map("a", json!({"a": "1"})), secret("bmV3")]});
    std::fs::write(manifests.path(), list.to_string()).unwrap();
    let mut promote = app.promote("1", &[map("a", json!({"a": "1"}))]);
    promote
        .arg("-f")
        .arg(manifests.path())
        .args([
            "--overwrite",
            "--adopt",
            "kubectl-create",
            "--waive",
            &format!("untested=Secret/{other}/db"),
        ])
        .run()
        .exits(0);
    assert_eq!(
        other.get("", "Secret", "db").unwrap().text("/data/password"),
        "bmV3"
    );
    let holds = |namespace: &Namespace| {
        pre_images(namespace)
            .iter()
            .any(|text| text.contains("aHVudGVyMg"))
    };
    assert!(
        holds(&other),
        "its pre-image is nowhere: {:?}",
        pre_images(&other)
    );
    assert!(!holds(&app.namespace), "whoever reads {} reads it", app.namespace);
    app.revert().run().exits(0);
    assert_eq!(
        other.get("", "Secret", "db").unwrap().text("/data/password"),
        "aHVudGVyMg=="
    );
}

/// As an ApplySet of another tool.
#[test]
fn kubectl_sees_the_set_and_refuses_to_touch_it() {
    let app = App::new();
    app.promote("1", &[map("a", json!({"a": "1"})), map("b", json!({}))])
        .run()
        .exits(0);
    let parent = Object::new(
        app.namespace
            .get("", "ConfigMap", "delivery-app")
            .unwrap()
            .into_value(),
    )
    .unwrap();
    let id = parent.label("applyset.kubernetes.io/id").unwrap().to_owned();
    let members = app.kubectl(&[
        "get",
        "configmaps",
        "-o",
        "name",
        "-l",
        &format!("applyset.kubernetes.io/part-of={id}"),
    ]);
    assert_eq!(members, "configmap/a\nconfigmap/b\n");
    let list =
        json!({"apiVersion": "v1", "kind": "List", "items": [map("a", json!({"a": "1"}))]}).to_string();
    let mut apply = app.namespace.kubectl();
    apply.env("KUBECTL_APPLYSET", "true").args([
        "apply",
        "--prune",
        "--applyset=configmap/delivery-app",
        "-f",
        "-",
    ]);
    let refused = apply.run_with(&list);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("tooling"), "{}", refused.stderr);
    assert!(app.namespace.get("", "ConfigMap", "b").is_some());
}
