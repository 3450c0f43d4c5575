//! A release is split as users do it, from the plan to the next promotions of both.

use super::{Split, rest, whole, with_cart};
use crate::harness::Run;
use serde_json::json;

#[test]
fn a_release_is_split_and_both_halves_go_on_by_themselves() {
    let split = Split::new();
    let before = split.copy();
    let plan = split.take_cart().arg("--dry-run=server").run().exits(0);
    for outcome in [
        "moves from release shop",
        "2 objects of release shop will move to this release",
    ] {
        let shown = format!("{}{}", plan.stdout, plan.stderr);
        assert!(shown.contains(outcome), "nothing of {outcome:?}:\n{shown}");
    }
    split.copy().must_be(&before, "after the plan");

    split.take_cart().run().exits(0);
    split.is_split("moved");
    let message = "2 objects moved to release web 2 by kwok-admin";
    let status = split.delivery("status").arg("shop").run().exits(0);
    assert!(
        status.stdout.contains(message) && !status.stdout.contains("ok  Deployment"),
        "{}",
        status.stdout
    );
    let moved = &split.status("shop")["moved"][0];
    assert_eq!(
        (&moved["to"]["name"], &moved["isDone"]),
        (&json!("web"), &json!(true)),
        "{moved}"
    );
    let history = split.delivery("history").arg("shop").run().exits(0);
    assert!(history.stdout.contains(message), "{}", history.stdout);
    // The same once more, as a pipeline types it.
    split.take_cart().run().exits(0);

    // The new shop neither prunes what has moved nor misses it.
    let plan = split
        .promote("shop", "2", &rest())
        .arg("--dry-run=server")
        .run()
        .exits(0);
    assert!(
        plan.stderr.contains(message) && !plan.stdout.contains("delete"),
        "{}{}",
        plan.stdout,
        plan.stderr
    );
    split.promote("shop", "2", &rest()).run().exits(0);
    split.is_split("the new shop");
    for (name, version, objects) in [("shop", "2", rest()), ("web", "2", with_cart())] {
        let diff = split
            .delivery("diff")
            .arg(split.file(name, version, &objects))
            .run();
        assert_eq!(diff.code, Some(0), "{name}: {}\n{}", diff.stdout, diff.stderr);
    }
    assert!(
        split.status("shop").get("moved").is_none(),
        "it is no news any more"
    );
}

#[test]
fn the_old_file_is_told_whose_its_objects_are_and_touches_none_of_them() {
    let split = Split::new();
    split.take_cart().run().exits(0);
    let moved = split.copy();
    let refused = split.promote("shop", "1", &whole()).run().exits(2);
    for outcome in [
        "[managed-by]",
        "belongs to release web",
        "--adopt release:web",
        "Deployment",
        "ConfigMap",
    ] {
        assert!(
            refused.stderr.contains(outcome),
            "nothing of {outcome:?}:\n{}",
            refused.stderr
        );
    }
    split.copy().must_be(&moved, "the old file was refused");
    let diff = split
        .delivery("diff")
        .arg(split.file("shop", "1", &whole()))
        .run();
    assert_eq!(diff.code, Some(0), "{}\n{}", diff.stdout, diff.stderr);
    assert!(
        diff.stdout.contains("belongs to release web now"),
        "{}\n{}",
        diff.stdout,
        diff.stderr
    );
}

#[test]
fn a_revert_gives_everything_back_exactly_and_the_split_can_be_done_again() {
    let split = Split::new();
    let (objects, inventory) = (split.copy(), split.inventory("shop"));
    split.take_cart().run().exits(0);
    let moved = split.copy();
    assert!(!moved.differences(&objects).is_empty());
    split.revert("web").run().exits(0);
    split.copy().must_be(&objects, "reverted");
    assert_eq!(split.inventory("shop"), inventory, "the inventory of shop");
    split.has_members("web", &[], "reverted");
    let diff = split
        .delivery("diff")
        .arg(split.file("shop", "1", &whole()))
        .run();
    assert_eq!(diff.code, Some(0), "{}\n{}", diff.stdout, diff.stderr);
    split.promote("shop", "1", &whole()).run().exits(0);

    split.take_cart().run().exits(0);
    split.copy().must_be(&moved, "a second time");
    split.is_split("a second time");
}

#[test]
fn a_release_whose_state_nobody_vouches_for_is_neither_taken_from_nor_given_back_to() {
    let split = Split::new();
    let lose_the_seal = || {
        let gone = ["delete", "secret", "delivery-shop-key", "delivery-shop-seal"];
        split.namespace.kubectl().args(gone).run().ok();
    };
    split.take_cart().run().exits(0);
    let taken = split.copy();
    lose_the_seal();
    let ran = split.revert("web").run().exits(2);
    assert!(
        ran.stderr.contains("release shop") && ran.stderr.contains("is not sealed"),
        "{}",
        ran.stderr
    );
    split.copy().must_be(&taken, "a revert that was refused");
    assert!(
        split.namespace.get("", "Secret", "delivery-shop-seal").is_none(),
        "sealed by passing"
    );
}

#[test]
fn reverts_of_the_release_that_lost_them_name_the_new_owner_and_leave_its_objects() {
    let split = Split::new();
    let mut changed = whole();
    changed[0]["data"]["v"] = "2".into();
    changed[1]["data"]["v"] = "2".into();
    split.promote("shop", "2", &changed).run().exits(0);
    split.take_cart().run().exits(0);
    let moved = split.copy();

    let reverted = split.revert("shop").run().exits(0);
    assert!(
        reverted.stderr.contains("belongs to release web now"),
        "{}",
        reverted.stderr
    );
    assert_eq!(
        split
            .namespace
            .get("", "ConfigMap", "shop")
            .unwrap()
            .text("/data/v"),
        "1"
    );
    split.is_split("shop was reverted");

    split.promote("shop", "3", &rest()).run().exits(0);
    let older = split.revert("shop").args(["--to-revision", "1"]).run().exits(0);
    assert!(
        older.stderr.contains("belongs to release web now"),
        "{}",
        older.stderr
    );
    split.is_split("an older revision of shop");
    let mut now = split.copy();
    let mut moved = moved;
    for copy in [&mut now, &mut moved] {
        copy.0.retain(|name, _| name.contains("cart"));
    }
    now.must_be(&moved, "web's objects");
}

#[test]
fn objects_move_back_and_on_and_a_revert_leaves_what_has_moved_on() {
    let split = Split::new();
    split.take_cart().run().exits(0);
    split
        .promote("shop", "2", &whole())
        .args(["--adopt", "release:web"])
        .run()
        .exits(0);
    split.has_members(
        "shop",
        &["ConfigMap/shop", "ConfigMap/cart", "Deployment/cart"],
        "moved back",
    );
    split.has_members("web", &["ConfigMap/web"], "moved back");
    let back = split.copy();
    let reverted = split.revert("web").run().exits(0);
    assert!(
        reverted.stderr.contains("belongs to release shop now"),
        "{}",
        reverted.stderr
    );
    split.has_members(
        "shop",
        &["ConfigMap/shop", "ConfigMap/cart", "Deployment/cart"],
        "web is reverted",
    );
    let mut back = back;
    back.0.retain(|name, _| !name.contains("/web"));
    split.copy().must_be(&back, "what shop has again");
}

#[test]
fn members_move_between_namespaces_where_the_releases_lie() {
    let split = Split::new();
    let other = crate::harness::TestCluster::get().namespace_named("t-moves-to");
    let mut objects = with_cart();
    for object in &mut objects {
        object["metadata"]["namespace"] = split.namespace.name().into();
    }
    let before = (split.copy(), split.inventory("shop"));
    let file = split.file("web", "2", &objects);
    let from = format!("release:{}/shop", split.namespace.name());
    let promote = |adopt: &str| {
        let mut command = crate::harness::TestCluster::get().delivery();
        command.arg("promote").arg(&file).args([
            "-n",
            other.name(),
            "-y",
            "--settle",
            "0s",
            "--adopt",
            adopt,
        ]);
        command
    };
    promote("release:shop").run().exits(2);
    promote(&from).run().exits(0);
    assert_eq!(split.members("shop").len(), 1);
    let message = format!("moved to release {}/web", other.name());
    let status = split.delivery("status").arg("shop").run().exits(0);
    assert!(status.stdout.contains(&message), "{}", status.stdout);
    // What is stored of the release still holds them.
    let diff = split.delivery("diff").run().exits(0);
    assert!(diff.stdout.contains(&message), "{}", diff.stdout);
    let allowed = format!("ConfigMap/{}/delivery-shop", split.namespace.name());
    let mut revert = crate::harness::TestCluster::get().delivery();
    revert
        .args([
            "revert",
            "web",
            "-y",
            "-n",
            other.name(),
            "--allow-unconfirmed",
            &allowed,
        ])
        .run()
        .exits(0);
    split.copy().must_be(&before.0, "reverted");
    assert_eq!(split.inventory("shop"), before.1);
}
