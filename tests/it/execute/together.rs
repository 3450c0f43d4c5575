//! Two at once, killed holders and zombies.

use super::app::{App, map, workload};
use crate::harness::{Act, KillProxy, Run, TestCluster};
use serde_json::json;
use std::time::Duration;

fn slow() -> serde_json::Value {
    workload("Deployment", "slow", '2', Some("slow-ready"))
}

#[test]
fn the_second_of_two_ends_at_once_and_names_the_first() {
    let app = App::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let first = proxy.spawn(&mut app.promote("1", &[map("a", json!({})), slow()]));
    while app.namespace.get("", "ConfigMap", "a").is_none() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let ran = app.promote("2", &[map("b", json!({}))]).run().exits(2);
    assert!(
        ran.stderr
            .contains("the promotion of app 1 by kwok-admin is unfinished"),
        "{}",
        ran.stderr
    );
    assert!(app.namespace.get("", "ConfigMap", "b").is_none());
    let reverted = app.revert().run().exits(5);
    assert!(reverted.stderr.contains("process"), "{}", reverted.stderr);
    first.wait().exits(0);
}

#[test]
fn a_revert_does_not_overlook_a_promotion_that_has_only_taken_its_lock() {
    let app = App::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write(2, Act::FreezeBefore);
    let first = proxy.spawn(&mut app.promote("1", &[map("a", json!({}))]));
    assert!(proxy.acts_before_the_end_of(&first));

    // Nothing is promoted yet, and in a moment something will be.
    let reverted = app.revert().run().exits(5);
    assert!(reverted.stderr.contains("locked by"), "{}", reverted.stderr);
    proxy.release();
    first.wait().exits(0);
}

#[test]
fn a_killed_holder_on_the_same_machine_is_taken_over_at_once() {
    let app = App::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let objects = [
        map("a", json!({})),
        map("b", json!({})),
        workload("Deployment", "web", '1', None),
    ];
    proxy.at_write(8, Act::KillAfter);
    assert_eq!(proxy.run(&mut app.promote("1", &objects)).code, None);
    assert!(
        app.namespace
            .get("coordination.k8s.io", "Lease", "delivery-app")
            .is_some(),
        "its lock is left"
    );
    let other = app.promote("2", &[map("c", json!({}))]).run().exits(2);
    for command in ["promote --resume", "revert"] {
        assert!(other.stderr.contains(command), "{}", other.stderr);
    }
    let settled = app.promote("1", &objects).run().exits(0);
    // A lease lasts 15 seconds.
    assert!(settled.took < Duration::from_secs(14), "{:?}", settled.took);
    assert_eq!(app.status()["version"], "1");
}

#[test]
fn a_zombie_that_wakes_up_after_its_lease_changes_nothing_more() {
    let app = App::new();
    let old = [map("a", json!({"v": "1"})), map("b", json!({"v": "1"}))];
    app.promote("1", &old).run().exits(0);
    let before = app.copy(&old);
    let new = [map("a", json!({"v": "2"})), map("b", json!({"v": "2"}))];
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    // Writes: lock, head, parts, record, the journal before, head, head, then the steps.
    proxy.at_write(8, Act::FreezeBefore);
    let zombie = proxy.spawn(&mut app.promote("2", &new));
    proxy.wait_for_act();
    // Its process is there, so that the lease decides: 15 s, and 10 s for what may be on its way.
    app.revert().args(["--lock-timeout", "40s"]).run().exits(0);
    app.copy(&old).must_be(&before, "after the revert");
    proxy.release();
    let woken = zombie.wait();
    assert_ne!(woken.code, Some(0), "{}", woken.stderr);
    app.copy(&old).must_be(&before, "after the zombie woke up");
    assert!(app.status().get("unfinished").is_none());
}

#[test]
fn a_plan_from_before_another_promotion_ended_is_not_carried_out() {
    let app = App::new();
    let of = |version: &str| map("a", json!({"v": version}));
    let all = [of(""), map("b", json!({}))];
    app.promote("1", &[of("1")]).run().exits(0);

    // Its first write asks for the lock: what it planned is of before the other.
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write(1, Act::FreezeBefore);
    let late = proxy.spawn(&mut app.promote("3", &[of("2"), map("c", json!({}))]));
    proxy.wait_for_act();
    app.promote("2", &[of("2"), map("b", json!({}))]).run().exits(0);
    let between = app.copy(&all);

    proxy.release();
    let late = late.wait().exits(2);
    let moved = "the cluster changed since the plan was made: another run on app has ended";
    assert!(late.stderr.contains(moved), "{}", late.stderr);
    app.copy(&all).must_be(&between, "after the late one");
    assert_eq!(app.status()["version"], "2");
    assert!(app.namespace.get("", "ConfigMap", "c").is_none());
}
