//! Signals of people, terminals and runners: what each of them does to a promotion in the middle of its rollout.

use super::app::{App, map, workload};
use crate::harness::{Act, KillProxy, Ran, Run, Running, Terminal, TestCluster, until};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

fn app() -> (App, Command) {
    let app = App::new();
    let old = [
        map("config", json!({"v": "1"})),
        workload("Deployment", "web", '1', None),
    ];
    app.promote("1", &old).run().exits(0);
    let stuck = workload("Deployment", "web", '2', Some("never-ready"));
    let promote = app.promote("2", &[map("config", json!({"v": "2"})), stuck]);
    (app, promote)
}

fn version(app: &App) -> String {
    app.namespace
        .get("", "ConfigMap", "config")
        .unwrap()
        .text("/data/v")
        .to_owned()
}

/// Waits until the rollout that never ends is under way.
fn wait_for_the_middle(app: &App) {
    let is_stuck = || {
        let web = app.namespace.get("apps", "Deployment", "web").unwrap();
        version(app) == "2" && web.text("/spec/template/metadata/labels/kwok-play") == "never-ready"
    };
    assert!(until(60, is_stuck), "it did not come to its rollout");
}

/// What the journal says of a promotion that has not ended.
fn unfinished(app: &App) -> Option<Value> {
    app.status().get("unfinished").cloned()
}

/// A promotion that one Ctrl-C has begun to roll back, held at its first write.
fn rolling_back() -> (App, KillProxy, Running) {
    rolling_back_by(|running| running.process().signal("INT"))
}

fn rolling_back_by(interrupt: impl FnOnce(&Running)) -> (App, KillProxy, Running) {
    let (app, mut promote) = app();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let running = proxy.spawn(&mut promote);
    wait_for_the_middle(&app);
    proxy.at_write_to("/configmaps/config", Act::HoldBefore);
    interrupt(&running);
    proxy.wait_for_act();
    (app, proxy, running)
}

fn assert_rolled_back(app: &App, ran: &Ran) {
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert_eq!(version(app), "1", "{}", ran.stderr);
    assert_eq!(unfinished(app), None, "{}", ran.stderr);
}

#[test]
fn a_closed_terminal_is_one_interruption_and_the_rollback_comes_to_its_end() {
    let (app, promote) = app();
    let mut terminal = Terminal::start(&promote, 24);
    wait_for_the_middle(&app);

    // The kernel sends SIGHUP, and the shell sends it to its jobs as well.
    terminal.close();
    std::thread::sleep(Duration::from_millis(50));
    terminal.signal("HUP");
    std::thread::sleep(Duration::from_millis(1100));
    terminal.signal("HUP");

    assert_eq!(terminal.wait(), Some(130), "{}", terminal.shown());
    assert_eq!(version(&app), "1", "{}", terminal.shown());
    assert_eq!(unfinished(&app), None);
}

#[test]
fn a_double_press_of_ctrl_c_does_not_abort_the_rollback() {
    // At once: how long it takes to begin the rollback is the machine's affair.
    let (app, proxy, running) = rolling_back_by(|running| {
        running.process().signal("INT");
        std::thread::sleep(Duration::from_millis(50));
        running.process().signal("INT");
    });
    assert!(!running.has_ended(), "it was aborted");
    proxy.release();

    let ran = running.wait();
    assert_rolled_back(&app, &ran);
    let message = "interrupted: rolling back; Ctrl-C again aborts the rollback";
    assert_eq!(ran.stderr.matches(message).count(), 1, "{}", ran.stderr);
}

#[test]
fn neither_a_hang_up_nor_a_runners_sigterm_aborts_a_rollback() {
    let (app, proxy, running) = rolling_back();
    std::thread::sleep(Duration::from_millis(1100));
    for name in ["TERM", "HUP", "TERM"] {
        running.process().signal(name);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(!running.has_ended(), "it was aborted");
    proxy.release();
    assert_rolled_back(&app, &running.wait());
}

#[test]
fn ctrl_c_again_after_a_second_aborts_the_rollback_and_leaves_its_journal_open() {
    let (app, proxy, running) = rolling_back();
    std::thread::sleep(Duration::from_millis(1100));
    running.process().signal("INT");
    // Nothing lets its write go on: it ends all the same.
    let ran = running.wait();
    proxy.release();

    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("aborted by a second Ctrl-C"),
        "{}",
        ran.stderr
    );
    assert_eq!(version(&app), "2");
    assert!(unfinished(&app).is_some());
}
