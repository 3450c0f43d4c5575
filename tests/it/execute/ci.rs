//! What CI does: a cancelled pipeline is asked to stop, told to stop, and killed; the next one settles what it left.

use super::app::{App, map, workload};
use crate::harness::{AT_ONCE, Act, KillProxy, Run, Running, TestCluster};
use serde_json::{Value, json};
use std::time::Duration;

/// Two versions; the second one's rollout takes for ever.
fn old() -> Vec<Value> {
    vec![
        map("config", json!({"v": "1"})),
        workload("Deployment", "web", '1', None),
    ]
}

fn stuck() -> Vec<Value> {
    vec![
        map("config", json!({"v": "2"})),
        workload("Deployment", "web", '2', Some("never-ready")),
    ]
}

/// A pipeline in the middle of its rollout.
fn in_the_middle(app: &App) -> Running {
    app.promote("1", &old()).run().exits(0);
    let running = Running::start(&mut app.promote("2", &stuck()));
    let is_2 = || {
        app.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/v")
            == "2"
    };
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
    let next = vec![
        map("config", json!({"v": "3"})),
        workload("Deployment", "web", '3', None),
    ];
    let ran = app
        .promote("3", &next)
        .args(["--on-open-journal", "revert", "--lock-timeout", "1m"])
        .run()
        .exits(0);
    assert_eq!(app.status()["version"], "3", "{}", ran.stderr);
    assert!(app.status().get("unfinished").is_none());
    assert_eq!(
        app.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/v"),
        "3"
    );
}

#[test]
fn one_signal_puts_everything_back() {
    let app = App::new();
    let running = in_the_middle(&app);
    running.process().signal("INT");
    let ran = running.wait();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert_eq!(
        app.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/v"),
        "1"
    );
    assert!(app.status().get("unfinished").is_none());
}

#[test]
fn a_pipeline_killed_at_once_is_settled_by_the_next_in_either_way() {
    for what in ["revert", "resume"] {
        let app = App::new();
        let running = in_the_middle(&app);
        running.process().kill();
        running.wait();
        let next = vec![
            map("config", json!({"v": "3"})),
            workload("Deployment", "web", '3', None),
        ];
        let stopped = app
            .promote("3", &next)
            .args(["--on-open-journal", "stop"])
            .run()
            .exits(2);
        assert!(
            stopped.stderr.contains("promote --resume app"),
            "{}",
            stopped.stderr
        );
        // What is resumed gets stuck again, fails within its limit, and is put back; then the new one goes on.
        let ran = app
            .promote("3", &next)
            .args(["--on-open-journal", what, "--timeout", "15s"])
            .run();
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
        assert_eq!(app.status()["version"], "3");
    }
}

/// A pipeline that is busy until it is let go on, right before its commit.
fn busy(app: &App, proxy: &KillProxy) -> Running {
    app.promote("1", &old()).run().exits(0);
    let new = [
        map("config", json!({"v": "2"})),
        workload("Deployment", "web", '2', None),
    ];
    proxy.at_write_to("/configmaps/delivery-app", Act::HoldBefore);
    let running = proxy.spawn(&mut app.promote("2", &new));
    proxy.wait_for_act();
    running
}

#[test]
fn a_pipeline_that_waits_for_another_does_not_put_back_what_that_one_finished() {
    for what in ["revert", "resume"] {
        let app = App::new();
        let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
        let first = busy(&app, &proxy);
        let next = [
            map("config", json!({"v": "3"})),
            workload("Deployment", "web", '3', None),
        ];
        let flags = ["--on-open-journal", what, "--lock-timeout", "1m"];
        let second = Running::start(app.promote("3", &next).args(flags));
        std::thread::sleep(Duration::from_millis(1500));
        proxy.release();
        first.wait().exits(0);
        let ran = second.wait().exits(0);
        assert!(
            ran.stderr.contains("was ended by another run"),
            "{what}: {}",
            ran.stderr
        );
        let history = app.history();
        let outcomes: Vec<_> = history
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["outcome"].clone())
            .collect();
        assert_eq!(
            outcomes,
            ["promoted", "promoted", "promoted"],
            "{what}: {history}"
        );
        assert_eq!(app.status()["version"], "3");
    }
}

#[test]
fn a_pipeline_that_is_cancelled_while_it_waits_for_the_lock_ends_at_once_and_changes_nothing() {
    let app = App::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let first = busy(&app, &proxy);
    let second = Running::start(app.revert().args(["--lock-timeout", "2m", "-v", "6"]));
    second.until_stderr("leases/delivery-app");
    second.process().signal("TERM");
    let ran = second.wait();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("nothing was changed") && ran.took < AT_ONCE,
        "{ran:?}"
    );
    proxy.release();
    first.wait().exits(0);
    assert_eq!(app.status()["version"], "2");
}

#[test]
fn a_release_whose_promotion_was_cancelled_and_killed_is_promoted_by_the_next_run_of_the_same_pipeline() {
    let app = App::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    app.promote("1", &old()).run().exits(0);
    let new = [
        map("config", json!({"v": "2"})),
        workload("Deployment", "web", '2', Some("slow-ready")),
    ];
    let running = proxy.spawn(&mut app.promote("2", &new));
    while app
        .namespace
        .get("", "ConfigMap", "config")
        .unwrap()
        .text("/data/v")
        != "2"
    {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Killed while it puts back.
    proxy.at_write_to("/configmaps/config", Act::KillAfter);
    running.process().signal("INT");
    assert_eq!(running.wait().code, None);
    let ran = app.promote("2", &new).run().exits(0);
    assert_eq!(app.status()["version"], "2", "{}", ran.stderr);
}

#[test]
fn whoever_starts_it_to_outlive_a_hang_up_has_it_go_on() {
    let app = App::new();
    app.promote("1", &old()).run().exits(0);
    let new = [
        map("config", json!({"v": "2"})),
        workload("Deployment", "web", '2', Some("slow-ready")),
    ];
    let promote = app.promote("2", &new);
    let mut nohup = TestCluster::get().delivery();
    let environment: Vec<_> = nohup
        .get_envs()
        .filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned())))
        .collect();
    nohup = std::process::Command::new("/bin/sh");
    nohup
        .env_clear()
        .envs(environment)
        .args(["-c", "trap '' HUP; exec \"$@\"", "sh"]);
    nohup.arg(promote.get_program()).args(promote.get_args());
    let running = Running::start(&mut nohup);
    while app
        .namespace
        .get("", "ConfigMap", "config")
        .unwrap()
        .text("/data/v")
        != "2"
    {
        std::thread::sleep(Duration::from_millis(20));
    }
    running.process().signal("HUP");
    running.wait().exits(0);
    assert_eq!(app.status()["version"], "2");
}
