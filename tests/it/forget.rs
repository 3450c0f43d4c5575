//! An application that goes on without this tool: its objects stay as they are, with another manager.

use crate::execute::app::{App, NAME, image, map};
use crate::execute::kill_points::kill_points;
use crate::harness::{Act, KillProxy, Run, TestCluster};
use serde_json::{Value, json};
use std::process::Command;

fn objects() -> Vec<Value> {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "runner"}, "automountServiceAccountToken": false});
    let labels = json!({"app": "web"});
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": labels}, "spec": {
        "replicas": 1, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image('1')}]}}}});
    vec![map("config", json!({"a": "1", "b": "2"})), account, web]
}

fn promoted() -> App {
    let app = App::new();
    app.promote("1", &[map("config", json!({"a": "0"}))])
        .run()
        .exits(0);
    app.promote("2", &objects())
        .args(["--timeout", "60s"])
        .run()
        .exits(0);
    app
}

fn forget(app: &App, flags: &[&str]) -> Command {
    let mut command = app.delivery();
    command
        .args(["forget", NAME, "-n", app.namespace.name(), "--manager", "kubectl"])
        .args(flags);
    command
}

/// Every member as it lies there.
fn live(app: &App) -> Vec<Value> {
    let all = app.kubectl(&[
        "get",
        "configmap/config",
        "serviceaccount/runner",
        "deployment/web",
        "-o",
        "json",
        "--show-managed-fields",
    ]);
    let all: Value = serde_json::from_str(&all).unwrap();
    all["items"].as_array().unwrap().clone()
}

/// What a user's own tools see: all but the bookkeeping and what controllers go on writing.
fn content(mut object: Value) -> Value {
    object.as_object_mut().unwrap().shift_remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| ["name", "namespace", "uid", "generation"].contains(&&**key));
    object
}

/// Objects in which this tool would still be seen.
fn traces(app: &App) -> Vec<String> {
    let found = app.kubectl(&[
        "get",
        "configmaps,secrets,leases,deployments,serviceaccounts",
        "-o",
        "json",
        "--show-managed-fields",
    ]);
    let found: Value = serde_json::from_str(&found).unwrap();
    let items = found["items"].as_array().unwrap().iter();
    let is_trace = |object: &&Value| {
        let text = object["metadata"].to_string();
        text.contains("kubectl-delivery\"")
            || text.contains("applyset.kubernetes.io")
            || text.contains("kubectl-delivery.io/release")
    };
    let name = |object: &Value| format!("{}/{}", object["kind"], object["metadata"]["name"]);
    items.filter(is_trace).map(name).collect()
}

#[test]
fn a_forgotten_release_leaves_its_objects_and_nothing_else() {
    let app = promoted();
    let before: Vec<Value> = live(&app).into_iter().map(content).collect();

    let ran = forget(&app, &["-y"]).run().exits(0);
    assert_eq!(ran.stderr, "release app forgotten; no object was deleted\n");

    let after = live(&app);
    assert_eq!(after.iter().cloned().map(content).collect::<Vec<_>>(), before);
    assert_eq!(traces(&app), Vec::<String>::new());
    let managers = |object: &Value| {
        let entries = object["metadata"]["managedFields"].as_array().unwrap().iter();
        let plain = entries.filter(|entry| entry.get("subresource").is_none());
        plain
            .map(|entry| {
                format!(
                    "{} {}",
                    entry["manager"].as_str().unwrap(),
                    entry["operation"].as_str().unwrap()
                )
            })
            .collect::<Vec<_>>()
    };
    for object in &after {
        assert_eq!(managers(object), ["kubectl Apply"], "{object:#}");
    }
}

#[test]
fn the_manager_that_goes_on_owns_the_fields_and_a_later_promotion_is_a_first_one() {
    let app = promoted();
    forget(&app, &["-y"]).run().exits(0);

    // Without a conflict, and what the manifest no longer holds goes.
    let ran = app.kubectl_with(&["apply", "--server-side"], &map("config", json!({"a": "3"})));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let config = app.namespace.get("", "ConfigMap", "config").unwrap();
    assert_eq!(config.at("/data"), Some(&json!({"a": "3"})));

    app.promote("3", &objects())
        .args(["--adopt", "kubectl", "--timeout", "60s"])
        .run()
        .exits(0);
    assert_eq!(app.history().as_array().unwrap().len(), 1);
    app.revert().run().exits(0);
    let config = app.namespace.get("", "ConfigMap", "config").unwrap();
    assert_eq!(config.at("/data"), Some(&json!({"a": "3"})));
}

#[test]
fn killed_in_any_state_that_it_writes_it_is_run_again_to_the_same_end() {
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let undisturbed = promoted();
    proxy.forget();
    proxy.run(&mut forget(&undisturbed, &["-y"])).exits(0);
    let points = kill_points(&proxy.writes());
    assert!(points.len() > 3, "{points:?}");

    for point in points {
        let app = promoted();
        let before: Vec<Value> = live(&app).into_iter().map(content).collect();
        proxy.forget();
        proxy.at_write(point.n, point.act);

        let ran = proxy.run(&mut forget(&app, &["-y"]));
        if ran.code.is_none() {
            let again = forget(&app, &["-y", "--lock-timeout", "60s"]).run();
            assert!(
                // Only the lock was left: there is no release any more.
                again.code == Some(0) || again.stderr.contains("no release app"),
                "{point:?}: {}",
                again.stderr
            );
        }

        let found: Vec<Value> = live(&app).into_iter().map(content).collect();
        assert_eq!(found, before, "{point:?}");
        let leases = |trace: &String| trace.starts_with("\"Lease\"");
        let rest: Vec<String> = traces(&app).into_iter().filter(|trace| !leases(trace)).collect();
        assert_eq!(rest, Vec::<String>::new(), "{point:?}");
    }
}

#[test]
fn nothing_is_changed_without_a_yes_with_an_unfinished_promotion_or_by_a_state_that_was_altered() {
    let app = promoted();
    let before = live(&app);

    let shown = forget(&app, &["--dry-run"]).run().exits(0);
    assert_eq!(
        shown.stdout.lines().next(),
        Some(&*format!(
            "ConfigMap {}/config  managed by kubectl",
            app.namespace.name()
        ))
    );
    let ran = forget(&app, &[]).run().exits(1);
    assert!(
        ran.stderr
            .contains("error: cannot ask for confirmation without a terminal; nothing was changed"),
        "{}",
        ran.stderr
    );
    let mut own = app.delivery();
    own.args([
        "forget",
        NAME,
        "-n",
        app.namespace.name(),
        "--manager",
        "kubectl-delivery",
        "-y",
    ]);
    assert!(
        own.run()
            .exits(1)
            .stderr
            .contains("expected another field manager")
    );
    let mut unknown = app.delivery();
    unknown.args([
        "forget",
        "other",
        "-n",
        app.namespace.name(),
        "--manager",
        "kubectl",
        "-y",
    ]);
    let ran = unknown.run().exits(1);
    let expected = format!("error: no release other in namespace {}", app.namespace.name());
    assert!(ran.stderr.contains(&expected), "{}", ran.stderr);

    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write_to("/configmaps/config", Act::KillAfter);
    let mut changed = objects();
    changed[0] = map("config", json!({"a": "9"}));
    let killed = proxy.run(&mut app.promote("3", &changed));
    assert_eq!(killed.code, None);
    let ran = forget(&app, &["-y"]).run().exits(2);
    assert!(
        ran.stderr
            .contains("error: the promotion of app 3 is unfinished; nothing was changed"),
        "{}",
        ran.stderr
    );
    app.revert().args(["--lock-timeout", "60s"]).run().exits(0);
    let contents = |objects: Vec<Value>| objects.into_iter().map(content).collect::<Vec<_>>();
    assert_eq!(contents(live(&app)), contents(before));

    app.kubectl(&[
        "patch",
        "configmap",
        "delivery-app",
        "-p",
        "{\"data\":{\"history\":\"[]\"}}",
    ]);
    let ran = forget(&app, &["-y"]).run().exits(2);
    assert!(ran.stderr.contains("was altered"), "{}", ran.stderr);
    assert!(traces(&app).len() >= 3, "{:?}", traces(&app));
}

#[test]
fn an_object_that_another_release_has_taken_stays_that_ones() {
    let app = promoted();
    // As a release that moved it without this one's knowledge leaves it.
    app.kubectl(&[
        "label",
        "configmap",
        "config",
        "applyset.kubernetes.io/part-of=applyset-other-v1",
        "--overwrite",
    ]);

    let ran = forget(&app, &["-y", "-o", "json"]).run().exits(0).json();

    let names: Vec<&str> = ran["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!((names, &ran["forgotten"]), (vec!["runner", "web"], &json!(true)));
    let config = app.namespace.get("", "ConfigMap", "config").unwrap();
    assert_eq!(
        config.label("applyset.kubernetes.io/part-of"),
        Some("applyset-other-v1")
    );
}
