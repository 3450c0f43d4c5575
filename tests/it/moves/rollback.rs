//! A promotion that moves objects and fails gives them back.

use super::{Split, own};
use crate::execute::app::{map, workload};
use crate::harness::{Act, KillProxy, Run, TestCluster};
use serde_json::{Value, json};
use std::process::Command;

fn failing(split: &Split) -> Command {
    let cart = [
        map("cart", json!({"v": "2"})),
        workload("Deployment", "cart", '2', Some("image-not-found")),
    ];
    let mut command = split.promote("web", "bad", &[own(), cart.to_vec()].concat());
    command.args(["--adopt", "release:shop"]);
    command
}

fn is_as_before(split: &Split, before: &(crate::execute::snapshot::Copy, Value), when: &str) {
    split.copy().must_be(&before.0, when);
    assert_eq!(split.inventory("shop"), before.1, "{when}: the inventory of shop");
    split.has_members("web", &[], when);
    split.has_members(
        "shop",
        &["ConfigMap/shop", "ConfigMap/cart", "Deployment/cart"],
        when,
    );
}

#[test]
fn a_promotion_that_fails_gives_the_objects_back_exactly() {
    let split = Split::new();
    let before = (split.copy(), split.inventory("shop"));
    failing(&split).run().exits(3);
    is_as_before(&split, &before, "rolled back");
    assert!(split.status("shop").get("moved").is_none());
}

#[test]
fn while_a_failure_stands_the_other_release_waits_and_is_told_what_settles_it() {
    let split = Split::new();
    let before = (split.copy(), split.inventory("shop"));
    failing(&split).arg("--on-failure=stop").run().exits(4);
    let status = split.delivery("status").arg("shop").run().exits(0);
    assert!(
        status.stdout.contains("2 objects are being moved to release web"),
        "{}",
        status.stdout
    );
    let mut next = super::rest();
    next[0]["data"]["v"] = "3".into();
    for mut command in [split.promote("shop", "3", &next), split.revert("shop")] {
        let refused = command.run().exits(2);
        for ran in ["promote --resume web", "revert web", "2 objects of shop"] {
            assert!(
                refused.stderr.contains(ran),
                "nothing of {ran:?}:\n{}",
                refused.stderr
            );
        }
    }
    split.revert("web").run().exits(0);
    is_as_before(&split, &before, "the failure was reverted");
    split
        .promote("shop", "3", &next)
        .arg("--allow-prune")
        .run()
        .exits(0);
}

#[test]
fn a_promotion_of_the_other_release_meanwhile_ends_at_its_lock_and_changes_nothing() {
    let split = Split::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    // Past both locks and the first head.
    proxy.at_write(9, Act::HoldBefore);
    let running = proxy.spawn(&mut split.take_cart());
    proxy.wait_for_act();
    let mut next = super::whole();
    next[0]["data"]["v"] = "3".into();
    split.promote("shop", "3", &next).run().exits(5);
    split.revert("shop").run().exits(5);
    proxy.release();
    running.wait().exits(0);
    split.is_split("moved beside another promotion");
    for name in ["web", "shop"] {
        let lease = split
            .namespace
            .get("coordination.k8s.io", "Lease", &format!("delivery-{name}"));
        assert!(lease.is_none(), "the lock of {name} is left");
    }
}

#[test]
fn where_the_other_release_is_being_promoted_nothing_moves() {
    let split = Split::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let mut next = super::whole();
    next[0]["data"]["v"] = "3".into();
    // Its lock alone is held: no journal is open yet.
    proxy.at_write(2, Act::HoldBefore);
    let running = proxy.spawn(&mut split.promote("shop", "3", &next));
    proxy.wait_for_act();
    let locked = split.take_cart().run().exits(5);
    assert!(locked.stderr.contains("release shop"), "{}", locked.stderr);
    proxy.release();
    running.wait().exits(0);
    assert!(
        split
            .namespace
            .get("coordination.k8s.io", "Lease", "delivery-web")
            .is_none()
    );
    split.take_cart().run().exits(0);
    split.is_split("once it had ended");
}
