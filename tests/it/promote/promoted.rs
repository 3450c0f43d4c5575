//! `promote --promoted`: drift is repaired from what the cluster has stored, without the release's file.

use crate::execute::app::{App, NAME, map};
use crate::harness::{Act, KillProxy, Ran, Run, TestCluster};
use serde_json::{Value, json};
use std::process::Command;

fn repairing(app: &App, flags: &[&str]) -> Command {
    let mut command = app.delivery();
    command
        .args(["promote", NAME, "--promoted", "-y", "--settle", "0s", "-n"])
        .arg(app.namespace.name())
        .args(flags);
    command
}

fn repair(app: &App, flags: &[&str]) -> Ran {
    repairing(app, flags).run()
}

fn value(app: &App, name: &str, key: &str) -> Option<String> {
    let live = app.namespace.get("", "ConfigMap", name)?;
    Some(live.text(&format!("/data/{key}")).to_owned())
}

fn edit(app: &App, name: &str, data: &Value) {
    let patch = json!({"data": data}).to_string();
    app.kubectl(&[
        "patch",
        "configmap",
        name,
        "--field-manager=kubectl-edit",
        "-p",
        &patch,
    ]);
}

fn outcomes(app: &App) -> Vec<(u64, String)> {
    let history = app.history();
    let entry = |entry: &Value| {
        let outcome = entry["outcome"].as_str().unwrap().to_owned();
        (entry["revision"].as_u64().unwrap(), outcome)
    };
    history.as_array().unwrap().iter().map(entry).collect()
}

fn named(outcomes: &[(u64, &str)]) -> Vec<(u64, String)> {
    outcomes
        .iter()
        .map(|(revision, ending)| (*revision, (*ending).to_owned()))
        .collect()
}

/// Two revisions: the second changes what the first one brought, and creates one more.
fn promoted() -> App {
    let app = App::new();
    app.promote(
        "1",
        &[map("a", json!({"x": "1", "y": "1"})), map("b", json!({"x": "1"}))],
    )
    .run()
    .exits(0);
    let second = [
        map("a", json!({"x": "2", "y": "2"})),
        map("b", json!({"x": "2"})),
        map("new", json!({"x": "2"})),
    ];
    app.promote("2", &second).run().exits(0);
    app
}

#[test]
fn drift_is_repaired_in_the_history_and_without_a_new_revision() {
    let app = promoted();
    edit(&app, "a", &json!({"x": "drift"}));
    app.kubectl(&["delete", "configmap", "b", "new"]);

    let refused = repair(&app, &[]).exits(2);
    assert!(refused.stderr.contains("--overwrite"), "{}", refused.stderr);
    let ran = repair(&app, &["--overwrite"]).exits(0);
    assert!(
        ran.stderr.contains(&format!("repaired {NAME} 2 (revision 2)")),
        "{}",
        ran.stderr
    );
    assert_eq!(value(&app, "a", "x").as_deref(), Some("2"));
    assert_eq!(value(&app, "b", "x").as_deref(), Some("2"));
    assert_eq!(
        outcomes(&app),
        named(&[(2, "repaired"), (2, "promoted"), (1, "promoted")])
    );
    assert_eq!(app.status()["revision"], 2);

    // The stored release is still there, and so is what the promotion replaced.
    let idle = repair(&app, &[]).exits(0);
    assert!(idle.stderr.contains("nothing to do"), "{}", idle.stderr);
    app.revert().run().exits(0);
    assert_eq!(value(&app, "a", "x").as_deref(), Some("1"));
    assert_eq!(value(&app, "new", "x"), None, "made anew by the repair, it stays");
    app.revert().args(["--to-revision", "2"]).run().exits(0);
    assert_eq!(value(&app, "a", "x").as_deref(), Some("2"));
}

#[test]
fn one_object_or_one_field_alone_is_repaired() {
    let app = promoted();
    edit(&app, "a", &json!({"x": "drift", "y": "drift"}));
    edit(&app, "b", &json!({"x": "drift"}));
    let here = app.namespace.name();

    let field = format!("ConfigMap/{here}/a/data/x");
    repair(&app, &["--overwrite", "--only", &field]).exits(0);
    let now = |name, key| value(&app, name, key).unwrap();
    assert_eq!(
        (now("a", "x"), now("a", "y"), now("b", "x")),
        ("2".into(), "drift".into(), "drift".into())
    );
    // Nothing else became ours: the drift outside of it is still another client's.
    let mut diff = app.delivery();
    let diff = diff.args(["diff", "-n", here]).run().exits(1);
    assert!(diff.stdout.contains("kubectl-edit"), "{}", diff.stdout);

    let object = format!("ConfigMap/{here}/a");
    repair(&app, &["--overwrite", "--only", &object]).exits(0);
    assert_eq!((now("a", "y"), now("b", "x")), ("2".into(), "drift".into()));

    let unknown = repair(&app, &["--only", "Secret/a"]).exits(1);
    assert!(
        unknown.stderr.contains("Secret/a is not in the promoted release"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn a_repair_that_fails_is_rolled_back_and_leaves_the_release_promoted() {
    let app = promoted();
    edit(&app, "a", &json!({"x": "drift"}));
    app.kubectl(&["delete", "configmap", "b"]);

    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write_to("/configmaps/a", Act::HoldBefore);
    let running = proxy.spawn(&mut repairing(&app, &["--overwrite"]));
    proxy.wait_for_act();
    edit(&app, "a", &json!({"x": "drifting"}));
    proxy.release();
    let ran = running.wait();
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(value(&app, "a", "x").as_deref(), Some("drifting"));
    assert_eq!(value(&app, "b", "x"), None);
    assert_eq!(outcomes(&app), named(&[(2, "promoted"), (1, "promoted")]));
    assert_eq!(app.status()["revision"], 2);
    // What the cluster has stored of it was not taken away.
    repair(&app, &["--overwrite"]).exits(0);
    app.revert().run().exits(0);
    assert_eq!(value(&app, "b", "x").as_deref(), Some("1"));
}

#[test]
fn a_repair_never_prunes_and_keeps_every_member() {
    let app = App::new();
    app.promote("1", &[map("a", json!({"x": "1"}))]).run().exits(0);
    let members = || {
        let inventory = app
            .namespace
            .get("", "ConfigMap", &format!("delivery-{NAME}"))
            .unwrap();
        inventory.text("/data/members").to_owned()
    };
    let before = members();
    edit(&app, "a", &json!({"x": "drift"}));
    let ran = repair(
        &app,
        &[
            "--overwrite",
            "--only",
            &format!("ConfigMap/{}/a", app.namespace.name()),
        ],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(members(), before);
}

#[test]
fn nothing_is_repaired_where_nothing_is_promoted() {
    let app = App::new();
    let ran = repair(&app, &[]).exits(1);
    assert!(
        ran.stderr.contains(&format!("no release {NAME} is promoted")),
        "{}",
        ran.stderr
    );
}
