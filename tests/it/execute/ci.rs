//! What CI does: a cancelled pipeline is asked to stop, told to stop, and killed; the next one settles what it left.

use super::app::{App, map, workload};
use crate::harness::{Run, Running};
use serde_json::{Value, json};
use std::time::Duration;

/// Two versions; the second one's rollout takes for ever.
fn old() -> Vec<Value> {
    vec![map("config", json!({"v": "1"})), workload("Deployment", "web", '1', None)]
}

fn stuck() -> Vec<Value> {
    vec![map("config", json!({"v": "2"})), workload("Deployment", "web", '2', Some("never-ready"))]
}

/// A pipeline in the middle of its rollout.
fn in_the_middle(app: &App) -> Running {
    app.promote("1", &old()).run().exits(0);
    let running = Running::start(&mut app.promote("2", &stuck()));
    let is_2 = || app.namespace.get("", "ConfigMap", "config").unwrap().text("/data/v") == "2";
    let web_is_2 = || {
        let web = app.namespace.get("apps", "Deployment", "web").unwrap();
        web.text("/spec/template/metadata/labels/kwok-play") == "never-ready"
    };
    while !(is_2() && web_is_2()) {
        std::thread::sleep(Duration::from_millis(20));
    }
    running
}

#[test]
fn a_cancelled_pipeline_leaves_a_journal_that_the_next_one_settles_without_a_person() {
    let app = App::new();
    let before = {
        let running = in_the_middle(&app);
        // As a runner cancels: SIGINT, SIGTERM a moment later, SIGKILL to what is left after 7 s.
        running.process().signal("INT");
        std::thread::sleep(Duration::from_millis(30));
        running.process().signal("TERM");
        std::thread::sleep(Duration::from_secs(7));
        running.process().kill();
        running.wait()
    };
    assert_ne!(before.code, Some(0), "{}", before.stderr);
    let next = vec![map("config", json!({"v": "3"})), workload("Deployment", "web", '3', None)];
    let ran =
        app.promote("3", &next).args(["--on-open-journal", "revert", "--lock-timeout", "1m"]).run().exits(0);
    assert_eq!(app.status()["version"], "3", "{}", ran.stderr);
    assert!(app.status().get("open").is_none());
    assert_eq!(app.namespace.get("", "ConfigMap", "config").unwrap().text("/data/v"), "3");
}

#[test]
fn one_signal_puts_everything_back() {
    let app = App::new();
    let running = in_the_middle(&app);
    running.process().signal("INT");
    let ran = running.wait();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert_eq!(app.namespace.get("", "ConfigMap", "config").unwrap().text("/data/v"), "1");
    assert!(app.status().get("open").is_none());
}

#[test]
fn a_pipeline_killed_at_once_is_settled_by_the_next_in_either_way() {
    for what in ["revert", "resume"] {
        let app = App::new();
        let running = in_the_middle(&app);
        running.process().kill();
        running.wait();
        let next = vec![map("config", json!({"v": "3"})), workload("Deployment", "web", '3', None)];
        let stopped = app.promote("3", &next).args(["--on-open-journal", "stop"]).run().exits(2);
        assert!(stopped.stderr.contains("promote --resume app"), "{}", stopped.stderr);
        // What is resumed gets stuck again, fails within its limit, and is put back; then the new one goes on.
        let ran = app.promote("3", &next).args(["--on-open-journal", what, "--timeout", "15s"]).run();
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
        assert_eq!(app.status()["version"], "3");
    }
}
