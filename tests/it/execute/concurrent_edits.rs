//! Somebody else's hand between the plan and its steps.

use super::app::{App, map};
use crate::harness::{Act, KillProxy, Run, TestCluster};
use serde_json::json;

/// Stops a promotion right before its first step, does something, and lets it go on.
fn meanwhile(app: &App, new: &[serde_json::Value], edit: impl FnOnce()) -> crate::harness::Ran {
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    // Writes: lock, head, parts, record, the journal before, head, head, then the steps.
    proxy.at_write(8, Act::HoldBefore);
    let running = proxy.spawn(&mut app.promote("2", new));
    proxy.wait_for_act();
    edit();
    proxy.release();
    running.wait()
}

#[test]
fn an_object_that_somebody_changed_meanwhile_turns_the_promotion_back_and_is_named() {
    let app = App::new();
    app.promote("1", &[map("a", json!({"v": "1"}))]).run().exits(0);
    let ran = meanwhile(&app, &[map("a", json!({"v": "2"}))], || {
        app.kubectl(&[
            "patch",
            "configmap",
            "a",
            "--type=merge",
            "-p",
            r#"{"data":{"v":"hand"}}"#,
        ]);
    });
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("/data/v") && ran.stderr.contains("kubectl-patch"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        app.namespace.get("", "ConfigMap", "a").unwrap().text("/data/v"),
        "hand"
    );
}

#[test]
fn a_label_that_somebody_added_meanwhile_is_of_no_concern_and_stays() {
    let app = App::new();
    app.promote("1", &[map("a", json!({"v": "1"}))]).run().exits(0);
    let ran = meanwhile(&app, &[map("a", json!({"v": "2"}))], || {
        app.kubectl(&["label", "configmap", "a", "team=blue"]);
    });
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let live = app.namespace.get("", "ConfigMap", "a").unwrap();
    assert_eq!((live.text("/data/v"), live.label("team")), ("2", Some("blue")));
    app.revert().run().exits(0);
    let live = app.namespace.get("", "ConfigMap", "a").unwrap();
    assert_eq!((live.text("/data/v"), live.label("team")), ("1", Some("blue")));
}

#[test]
fn an_object_that_somebody_made_meanwhile_is_a_conflict_and_is_never_deleted() {
    let app = App::new();
    app.promote("1", &[map("a", json!({"v": "1"}))]).run().exits(0);
    let ran = meanwhile(
        &app,
        &[map("a", json!({"v": "1"})), map("b", json!({"v": "2"}))],
        || {
            app.kubectl(&["create", "configmap", "b", "--from-literal=v=theirs"]);
        },
    );
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(
        app.namespace.get("", "ConfigMap", "b").unwrap().text("/data/v"),
        "theirs"
    );
}

#[test]
fn an_object_that_somebody_deleted_meanwhile_is_not_brought_back_by_an_apply() {
    let app = App::new();
    app.promote("1", &[map("a", json!({"v": "1"})), map("b", json!({}))])
        .run()
        .exits(0);
    let ran = meanwhile(&app, &[map("a", json!({"v": "2"})), map("b", json!({}))], || {
        app.kubectl(&["delete", "configmap", "a"]);
    });
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(app.namespace.get("", "ConfigMap", "a").is_none());
}
