//! Worlds in which nothing is wrong, or of which not everything may be seen: no workload is said not to start again.

use crate::execute::app::{App, map, workload};
use crate::harness::{Ran, Run, TestCluster, unique, until};
use crate::starting::{cause, causes, unknown};
use serde_json::{Value, json};
use std::path::Path;

fn diff(app: &App, release: &Path, kubeconfig: &Path) -> Ran {
    let mut diff = TestCluster::get().delivery();
    diff.env("KUBECONFIG", kubeconfig).arg("diff").arg(release);
    diff.args(["-n", app.namespace.name(), "-o", "json"]).run()
}

fn as_administrator(app: &App, release: &Path) -> Ran {
    diff(app, release, &TestCluster::get().kubeconfig)
}

/// A Deployment that reads a key of each of these, and whose pods ask for this much.
fn reader(name: &str, cpu: &str) -> Value {
    let mut web = workload("Deployment", name, '1', None);
    let container = &mut web["spec"]["template"]["spec"]["containers"][0];
    container["resources"] = json!({"requests": {"cpu": cpu}});
    container["env"] = json!([
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "a"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "db", "key": "b"}}}]);
    web
}

fn app_with_what_they_read() -> App {
    let app = App::new();
    app.namespace.apply(map("settings", json!({"a": "1"})));
    let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
    secret["stringData"] = json!({"b": "a-password-of-the-database"});
    app.namespace.apply(secret);
    app
}

#[test]
fn a_user_with_view_is_told_once_what_is_unknown_and_of_the_rest_what_is_missing() {
    let app = app_with_what_they_read();
    let objects = [reader("web", "10m"), reader("api", "10m")];
    app.promote("1", &objects).run().exits(0);
    let release = app.release("1", &objects);
    let user = app.namespace.user("viewer").with_role("view").ready();
    let view = diff(&app, &release, &user.kubeconfig()).exits(0).json();
    assert!(causes(&view).is_empty(), "{view:#}");
    let found = unknown(&view);
    for what in ["nodes", "Secret"] {
        let named = found
            .iter()
            .filter(|one| one["what"].as_str().is_some_and(|text| text.contains(what)));
        assert_eq!(named.count(), 1, "{what}: {view:#}");
    }
    let by_admin = as_administrator(&app, &release).exits(0).json();
    assert!(unknown(&by_admin).is_empty(), "{by_admin:#}");

    app.kubectl(&[
        "patch",
        "configmap",
        "settings",
        "--type=merge",
        "-p",
        r#"{"data":{"a":null}}"#,
    ]);
    let view = diff(&app, &release, &user.kubeconfig()).exits(1).json();
    let missing = cause("keysMissing", "ConfigMap/settings", &["a".into()]);
    for name in ["Deployment/web", "Deployment/api"] {
        assert_eq!(causes(&view)[name], [missing.clone()].into(), "{view:#}");
    }
}

#[test]
fn a_quota_that_is_exactly_used_has_room_for_each_pod_that_is_made_anew() {
    let app = app_with_what_they_read();
    let objects = [reader("web", "100m"), reader("api", "50m")];
    // Two pods each, and nothing besides.
    app.namespace
        .quota(json!({"requests.cpu": "300m", "pods": "4", "count/deployments.apps": "2"}));
    app.promote("1", &objects).run().exits(0);
    let release = app.release("1", &objects);
    let view = as_administrator(&app, &release).exits(0).json();
    assert!(causes(&view).is_empty(), "{view:#}");

    // Half a pod less: neither has room for its next one, and a quota of objects is no matter of pods.
    let cut = json!({"spec": {"hard": {"requests.cpu": "240m", "pods": "4", "count/deployments.apps": "1"}}});
    app.kubectl(&[
        "patch",
        "resourcequota",
        "small",
        "--type=merge",
        "-p",
        &cut.to_string(),
    ]);
    let named = || causes(&as_administrator(&app, &release).json());
    let both: Vec<String> = ["api", "web"].map(|name| format!("Deployment/{name}")).into();
    assert!(
        until(60, || named().into_keys().collect::<Vec<_>>() == both),
        "{:?}",
        named()
    );
}

/// A node of its own that kwok plays, ready; it goes when it is dropped.
struct OwnNode(String);

impl OwnNode {
    fn start(labels: &Value) -> Self {
        let name = format!("t-node-{}", unique());
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels,
            "annotations": {"kwok.x-k8s.io/node": "fake"}}});
        let kubectl = || TestCluster::get().kubectl();
        kubectl()
            .args(["create", "-f", "-"])
            .run_with(&node.to_string())
            .ok();
        let ready = ["wait", "--for=condition=Ready", "--timeout=60s", "node", &name];
        kubectl().args(ready).run().ok();
        Self(name)
    }
}

impl Drop for OwnNode {
    fn drop(&mut self) {
        let delete = ["delete", "--wait=false", "node", &self.0];
        TestCluster::get().kubectl().args(delete).run();
    }
}

#[test]
fn a_cordoned_node_still_counts_and_one_that_lost_its_label_does_not() {
    let app = app_with_what_they_read();
    let mark = unique();
    let node = OwnNode::start(&json!({"own": mark}));
    let mut web = reader("web", "10m");
    web["spec"]["template"]["spec"]["nodeSelector"] = json!({"own": mark});
    app.promote("1", &[web.clone()]).run().exits(0);
    let release = app.release("1", &[web]);
    as_administrator(&app, &release).exits(0);

    app.kubectl(&["cordon", &node.0]);
    let tainted = || app.kubectl(&["get", "node", &node.0, "-o", "jsonpath={.spec.taints[*].key}"]);
    assert!(until(20, || tainted().contains("unschedulable")), "{}", tainted());
    let view = as_administrator(&app, &release).exits(0).json();
    assert!(causes(&view).is_empty(), "{view:#}");

    app.kubectl(&["label", "node", &node.0, "own-"]);
    let view = as_administrator(&app, &release).exits(1).json();
    assert_eq!(
        causes(&view)["Deployment/web"],
        ["noNode".to_owned()].into(),
        "{view:#}"
    );
}
