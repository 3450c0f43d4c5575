//! `revert` is safe to type: it says what it would do, asks, does just that, and undoes no promotion that nobody named.

use crate::execute::app::{App, NAME, map, workload};
use crate::harness::{Act, KillProxy, Ran, Run, TestCluster, unique};
use crate::promote::support::{ReleaseFile, promote};
use serde_json::{Value, json};
use std::process::Command;

fn revert(app: &App, flags: &[&str]) -> Command {
    let mut command = app.delivery();
    command
        .args(["revert", NAME, "-n", app.namespace.name()])
        .args(flags);
    command
}

fn secret(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": value}})
}

/// Two versions, promoted: the second changes, creates and deletes.
fn two_versions(app: &App) {
    let first = vec![
        map("a", json!({"v": "1"})),
        map("gone", json!({"v": "1"})),
        secret("hunter2-first"),
    ];
    let second = vec![
        map("a", json!({"v": "2"})),
        secret("hunter2-second"),
        map("new", json!({"v": "2"})),
    ];
    // In the release itself: what `record` makes of a Secret holds no value.
    for (version, objects) in [("1", first), ("2", second)] {
        let release = ReleaseFile::new(NAME, version, objects);
        promote(&app.namespace, &release, &["-y", "--allow-prune"]).exits(0);
    }
}

fn value(app: &App, name: &str) -> Option<String> {
    let live = app.namespace.get("", "ConfigMap", name)?;
    Some(live.text("/data/v").to_owned())
}

/// Everything of the namespace with its version: what is written to at all differs in it.
fn versions(app: &App) -> String {
    let columns = "-o=custom-columns=K:.kind,N:.metadata.name,V:.metadata.resourceVersion";
    app.kubectl(&["get", "configmaps,secrets,leases,deployments.apps", columns])
}

fn steps(plan: &Value) -> Vec<(String, String)> {
    let step = |step: &Value| {
        (
            step["action"].as_str().unwrap().to_owned(),
            step["name"].as_str().unwrap().to_owned(),
        )
    };
    plan["steps"].as_array().unwrap().iter().map(step).collect()
}

#[test]
fn after_a_rollback_the_promotion_before_it_is_undone_only_by_its_number() {
    let app = App::new();
    let first = [map("a", json!({"v": "1"}))];
    app.promote("1", &first).run().exits(0);
    let broken = workload("Deployment", "web", '1', Some("crash-loop"));
    app.promote("2", &[map("a", json!({"v": "2"})), broken])
        .run()
        .exits(3);
    let before = versions(&app);

    let ran = revert(&app, &["-y"]).run().exits(1);
    let typed = format!(
        "kubectl delivery revert {NAME} -n {} --undo-revision 1",
        app.namespace.name()
    );
    assert!(
        ran.stderr.contains(&format!(
            "nothing to revert: the last promotion of {NAME} 2 was already rolled back; {NAME} 1 (revision 1) is promoted"
        )),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains(&typed), "{}", ran.stderr);

    let wrong = revert(&app, &["-y", "--undo-revision", "2"]).run().exits(1);
    assert!(
        wrong
            .stderr
            .contains("revision 2: it is not the current revision")
            && wrong.stderr.contains(&typed),
        "{}",
        wrong.stderr
    );
    assert_eq!(versions(&app), before, "something was written");
    assert_eq!(value(&app, "a").as_deref(), Some("1"));

    revert(&app, &["-y", "--undo-revision", "1"]).run().exits(0);
    assert_eq!(value(&app, "a"), None);
    let again = revert(&app, &["-y"]).run().exits(1);
    assert!(
        again
            .stderr
            .contains("was already reverted; no release is promoted"),
        "{}",
        again.stderr
    );
}

#[test]
fn after_a_failed_first_promotion_nothing_is_reverted_and_nothing_is_promoted() {
    let app = App::new();
    let broken = workload("Deployment", "web", '1', Some("crash-loop"));
    app.promote("1", &[broken]).run().exits(3);
    let ran = revert(&app, &["-y"]).run().exits(1);
    assert!(
        ran.stderr
            .contains("was already rolled back; no release is promoted"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("--undo-revision"), "{}", ran.stderr);
}

#[test]
fn a_number_confirms_the_current_revision_and_no_other() {
    let app = App::new();
    two_versions(&app);
    let ran = revert(&app, &["-y", "--undo-revision", "1"]).run().exits(1);
    assert!(
        ran.stderr.contains(&format!("{NAME} 2 (revision 2) is promoted")),
        "{}",
        ran.stderr
    );
    assert_eq!(value(&app, "a").as_deref(), Some("2"));
    revert(&app, &["-y", "--undo-revision", "2"]).run().exits(0);
    assert_eq!(value(&app, "a").as_deref(), Some("1"));
}

#[test]
fn a_dry_run_writes_nothing_and_lists_what_the_revert_then_does() {
    let app = App::new();
    two_versions(&app);
    let before = versions(&app);
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    for mode in ["client", "server"] {
        let dry_run = format!("--dry-run={mode}");
        let plan = proxy
            .run(&mut revert(&app, &[&dry_run, "-o", "json"]))
            .exits(0)
            .json();
        assert_eq!(
            steps(&plan),
            [
                ("restore", "a"),
                ("restore", "db"),
                ("recreate", "gone"),
                ("delete", "new")
            ]
            .map(|(action, name)| (action.to_owned(), name.to_owned())),
            "{mode}: {plan:#}"
        );
        let change = &plan["steps"][0]["changes"];
        assert_eq!(
            change,
            &json!([{"path": "/data/v", "live": "2", "restored": "1"}])
        );
        assert_eq!(plan["totals"]["restore"], 2);
        assert_eq!(plan["promotedAfter"]["revision"], 1);
        assert!(!plan.to_string().contains("hunter2"), "{plan:#}");
        assert_eq!(proxy.writes().len(), 0, "{mode}: {:?}", proxy.writes());
    }
    assert_eq!(versions(&app), before);

    // For a user it goes to stdout, where it can be kept.
    let text = revert(&app, &["--dry-run=server"]).run().ok();
    assert!(text.contains("restore   ConfigMap"), "{text}");
    assert!(text.contains("    - 2\n    + 1\n"), "{text}");
    assert!(
        text.contains(&format!("afterwards: {NAME} 1 (revision 1) is promoted")),
        "{text}"
    );
    assert!(
        text.contains("total: 1 to delete, 2 to restore, 1 to recreate"),
        "{text}"
    );

    revert(&app, &["-y"]).run().exits(0);
    assert_eq!(value(&app, "a").as_deref(), Some("1"));
    assert_eq!(value(&app, "gone").as_deref(), Some("1"));
    assert_eq!(value(&app, "new"), None);
}

#[test]
fn without_a_terminal_nothing_is_reverted_unless_yes_is_given() {
    let app = App::new();
    two_versions(&app);
    let before = versions(&app);
    let ran = revert(&app, &[]).run().exits(1);
    assert!(
        ran.stderr
            .contains("cannot ask for confirmation without a terminal; nothing was changed"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("hint: add --yes"), "{}", ran.stderr);
    assert!(ran.stderr.contains("restore   ConfigMap"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert_eq!(versions(&app), before);
}

/// Stops a revert right before its first write, the lock, does something, and lets it go on.
fn meanwhile(app: &App, edit: impl FnOnce()) -> Ran {
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write(1, Act::HoldBefore);
    let running = proxy.spawn(&mut revert(app, &["-y", "--undo-revision", "2"]));
    proxy.wait_for_act();
    edit();
    proxy.release();
    running.wait()
}

#[test]
fn what_changed_between_the_plan_and_the_lock_is_found_and_nothing_is_reverted() {
    let app = App::new();
    two_versions(&app);
    let ran = meanwhile(&app, || {
        let patch = r#"{"data":{"v":"other"}}"#;
        app.kubectl(&["patch", "configmap", "a", "--type=merge", "-p", patch]);
    });
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    let named = format!(
        "the cluster changed since the plan was made: ConfigMap {}/a; nothing was changed",
        app.namespace.name()
    );
    assert!(ran.stderr.contains(&named), "{}", ran.stderr);
    // Without its flags it would be another revert.
    let again = format!("revert {NAME} -n {} --undo-revision 2", app.namespace.name());
    assert!(ran.stderr.contains(&again), "{}", ran.stderr);
    assert_eq!(value(&app, "a").as_deref(), Some("other"));
    assert_eq!(value(&app, "new").as_deref(), Some("2"));

    // What is of no concern to the plan is none to the revert.
    let ran = meanwhile(&app, || {
        app.kubectl(&["label", "configmap", "a", "team=blue"]);
    });
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(value(&app, "a").as_deref(), Some("1"));
}

#[test]
fn an_unfinished_promotion_is_rolled_back_without_a_question() {
    let app = App::new();
    app.promote("1", &[map("a", json!({"v": "1"}))]).run().exits(0);
    let broken = workload("Deployment", "web", '1', Some("crash-loop"));
    app.promote("2", &[map("a", json!({"v": "2"})), broken])
        .args(["--on-failure", "stop"])
        .run()
        .exits(4);

    // A dry run shows what that would be.
    let plan = revert(&app, &["--dry-run=server", "-o", "json"])
        .run()
        .exits(0)
        .json();
    assert_eq!(
        steps(&plan),
        [("restore", "a"), ("delete", "web")].map(|(action, name)| (action.to_owned(), name.to_owned()))
    );
    revert(&app, &[]).run().exits(0);
    assert_eq!(value(&app, "a").as_deref(), Some("1"));
}

#[test]
fn one_that_was_committed_is_finished_unasked_and_reverted_only_with_a_yes() {
    let app = App::new();
    app.promote("1", &[map("a", json!({"v": "1"})), map("gone", json!({}))])
        .run()
        .exits(0);
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write_to("/configmaps/gone", Act::KillBefore);
    let second = [map("a", json!({"v": "2"}))];
    let ran = proxy.run(app.promote("2", &second).arg("--allow-prune"));
    assert_eq!(ran.code, None, "{}", ran.stderr);

    revert(&app, &["--lock-timeout", "1m"]).run().exits(1);
    assert_eq!(value(&app, "gone"), None, "it was not finished");
    assert_eq!(value(&app, "a").as_deref(), Some("2"));
    revert(&app, &["-y"]).run().exits(0);
    assert_eq!(value(&app, "a").as_deref(), Some("1"));
}

#[test]
fn a_plan_names_what_stays_and_why() {
    let app = App::new();
    two_versions(&app);
    app.kubectl(&["delete", "configmap", "new"]);
    app.kubectl(&["create", "configmap", "new", "--from-literal=v=theirs"]);
    let patch = r#"{"data":{"v":"theirs"}}"#;
    app.kubectl(&["patch", "configmap", "a", "--type=merge", "-p", patch]);

    let text = revert(&app, &["--dry-run=server", "--keep-foreign"]).run().ok();
    let here = app.namespace.name();
    assert!(
        text.contains(&format!(
            "leave     ConfigMap {here}/new: recreated by another client; left in place"
        )),
        "{text}"
    );
    assert!(
        text.contains("/data/v was changed after the promotion: kept"),
        "{text}"
    );
    let text = revert(&app, &["--dry-run=server"]).run().ok();
    assert!(
        text.contains("/data/v was changed after the promotion: overwritten"),
        "{text}"
    );
    revert(&app, &["-y"]).run().exits(0);
    assert_eq!(value(&app, "new").as_deref(), Some("theirs"));
}

#[test]
fn what_is_of_a_kind_that_is_recreated_is_planned_at_once() {
    let app = App::new();
    let group = format!("{}.example.com", unique());
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let thing = json!({"apiVersion": format!("{group}/v1"), "kind": "Thing", "metadata": {"name": "one"}, "spec": {"n": 1}});
    let beyond = [
        "--allow-unconfirmed".to_owned(),
        format!("CustomResourceDefinition/things.{group}"),
    ];
    let plain = map("a", json!({"v": "1"}));
    app.promote("1", &[plain.clone(), crd, thing])
        .args(&beyond)
        .run()
        .exits(0);
    let definition = format!("CustomResourceDefinition/things.{group}");
    app.promote("2", &[plain])
        .args(["--allow-prune", "--prune-kept", &definition])
        .args(&beyond)
        .run()
        .exits(0);

    let plan = revert(&app, &["--dry-run=server", "-o", "json"]).run().exits(0);
    assert!(
        plan.took.as_secs() < 20,
        "it waited for the kind: {:?}",
        plan.took
    );
    let plan = plan.json();
    assert_eq!(plan["totals"]["recreate"], 2, "{plan:#}");
    let mut act = revert(&app, &["-y"]);
    act.args(&beyond).run().exits(0);
    app.kubectl(&["get", &format!("things.{group}"), "one"]);
    app.kubectl(&["delete", "customresourcedefinition", &format!("things.{group}")]);
}

#[test]
fn an_earlier_revision_is_asked_about_and_names_the_flag_that_overwrites_drift() {
    let app = App::new();
    for version in ["1", "2"] {
        app.promote(version, &[map("a", json!({"v": version}))])
            .run()
            .exits(0);
    }
    let to = |flags: &[&str]| {
        let mut command = revert(&app, &["--to-revision", "1"]);
        command.args(flags).run()
    };
    let ran = to(&[]).exits(1);
    assert!(
        ran.stderr.contains("without a terminal") || ran.stderr.contains("expected a terminal"),
        "{}",
        ran.stderr
    );
    assert_eq!(value(&app, "a").as_deref(), Some("2"));
    to(&["--dry-run=server"]).exits(0);
    assert_eq!(value(&app, "a").as_deref(), Some("2"));

    let patch = r#"{"data":{"v":"other"}}"#;
    app.kubectl(&[
        "patch",
        "configmap",
        "a",
        "--field-manager=kubectl-edit",
        "-p",
        patch,
    ]);
    let ran = to(&["-y"]).exits(2);
    assert!(ran.stderr.contains("--overwrite"), "{}", ran.stderr);
    to(&["-y", "--overwrite"]).exits(0);
    assert_eq!(value(&app, "a").as_deref(), Some("1"));

    let newest = &app.history()[0];
    assert_eq!(newest["revision"], 3);
}
