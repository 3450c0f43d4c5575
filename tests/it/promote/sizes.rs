//! Sizes: a thousand objects, objects as large as the server takes them, journals of several parts, long histories.

use crate::execute::app::{App, map, workload};
use crate::harness::{Act, KillProxy, Recorded, Run, TestCluster};
use serde_json::{Value, json};
use std::time::Duration;

fn names(app: &App, kind: &str) -> Vec<String> {
    let listed = app.kubectl(&["get", kind, "-l", "kubectl-delivery.io/release", "-o", "name"]);
    listed
        .lines()
        .map(|line| line.split('/').next_back().unwrap().to_owned())
        .collect()
}

/// Text that does not compress to less than three quarters.
fn noise(bytes: usize, seed: u64) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(LETTERS[usize::try_from(state >> 58).unwrap()])
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn objects_as_large_as_the_server_takes_them_are_promoted_and_come_back_from_several_parts() {
    let app = App::new();
    // 1 MiB of keys and values is what the server takes.
    let large = |name: &str, seed| map(name, json!({"text": noise(1024 * 1024 - 4, seed)}));
    let old = [large("a", 1), large("b", 2), map("small", json!({"v": "1"}))];
    let new = [large("a", 3), large("b", 4), map("small", json!({"v": "2"}))];
    app.promote("1", &old).run().exits(0);
    let before = app.copy(&old);
    app.promote("2", &new).run().exits(0);
    let after = app.copy(&new);
    assert!(
        names(&app, "secrets").len() >= 2,
        "pre-images: {:?}",
        names(&app, "secrets")
    );
    let records: Vec<_> = names(&app, "configmaps")
        .into_iter()
        .filter(|name| name.contains("-r2-"))
        .collect();
    assert!(records.len() >= 2, "records: {records:?}");
    app.revert().run().exits(0);
    app.copy(&old).must_be(&before, "after the revert");
    // Killed while the parts are written, and between the steps: taken up from what is there.
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    for n in [5, 14] {
        proxy.forget();
        proxy.at_write(n, Act::KillAfter);
        assert_eq!(proxy.run(&mut app.promote("2", &new)).code, None, "write {n}");
        app.promote("2", &new).run().exits(0);
        app.copy(&new).must_be(&after, "after it was resumed");
        app.revert().run().exits(0);
    }
    app.copy(&old).must_be(&before, "after the last revert");
}

#[test]
fn a_thousand_objects_are_promoted_changed_and_put_back() {
    let app = App::new();
    let objects = |text: &str| -> Vec<Value> {
        (0..1000)
            .map(|n| map(&format!("map-{n}"), json!({"text": text, "n": n.to_string()})))
            .collect()
    };
    app.promote("1", &objects("one")).run().exits(0);
    let ran = app.promote("2", &objects("two")).run().exits(0);
    assert!(ran.took < Duration::from_secs(60), "{:?}", ran.took);
    let count = |text: &str| {
        app.kubectl(&["get", "configmaps", "-o", "json"])
            .matches(text)
            .count()
    };
    assert_eq!(count("\"text\": \"two\""), 1000);
    app.revert().run().exits(0);
    assert_eq!(count("\"text\": \"one\""), 1000);
}

#[test]
fn the_history_keeps_ten_promotions_and_the_records_of_no_others() {
    let app = App::new();
    for version in 1..=12 {
        app.promote(
            &version.to_string(),
            &[map("a", json!({"v": version.to_string()}))],
        )
        .run()
        .exits(0);
    }
    let revisions = |app: &App| -> Vec<u64> {
        let history = app.history();
        let mut found: Vec<u64> = history[0]["history"]
            .as_array()
            .or(history.as_array())
            .unwrap()
            .iter()
            .map(|one| one["revision"].as_u64().unwrap())
            .collect();
        found.sort_unstable();
        found
    };
    assert_eq!(revisions(&app), (3..=12).collect::<Vec<_>>());
    let records = |app: &App| {
        names(app, "configmaps")
            .iter()
            .filter(|name| name.contains("-r"))
            .count()
    };
    assert_eq!(records(&app), 10);
    app.promote("13", &[map("a", json!({"v": "13"}))])
        .args(["--history", "3"])
        .run()
        .exits(0);
    assert_eq!(revisions(&app), [11, 12, 13]);
    assert_eq!(records(&app), 3);
}

#[test]
fn what_was_promoted_before_a_failed_promotion_can_still_be_put_back_and_then_nothing_is_left_of_it() {
    let app = App::new();
    let version = |value: &str| [map("a", json!({"v": value}))];
    app.promote("1", &version("1")).run().exits(0);
    let before = app.copy(&version("1"));
    app.promote("2", &version("2")).run().exits(0);
    let retained = |app: &App| {
        let maps = names(app, "configmaps")
            .into_iter()
            .filter(|name| name.contains("-last-"))
            .count();
        let vouches = |name: &String| name.ends_with("-key") || name.ends_with("-seal");
        (
            maps,
            names(app, "secrets")
                .into_iter()
                .filter(|name| !vouches(name))
                .count(),
        )
    };
    assert_eq!(
        retained(&app),
        (0, 1),
        "nothing is kept of what can no longer be put back"
    );
    let broken = [
        map("a", json!({"v": "3"})),
        workload("Deployment", "web", '3', Some("image-not-found")),
    ];
    for _ in 0..2 {
        app.promote("3", &broken)
            .args(["--waive", "quarantine", "--reason", "again"])
            .run()
            .exits(3);
        assert_eq!(
            retained(&app),
            (1, 1),
            "the journal and the pre-images of what is promoted"
        );
    }
    app.undo_current().run().exits(0);
    app.copy(&version("1")).must_be(&before, "after the revert");
    assert_eq!(retained(&app), (0, 0));
    assert_eq!(app.status()["version"], "1");
}

#[test]
fn a_promotion_killed_at_any_write_leaves_the_one_before_to_be_put_back() {
    let app = App::new();
    let version = |value: &str| [map("a", json!({"v": value}))];
    app.promote("1", &version("1")).run().exits(0);
    let first = app.copy(&version("1"));
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.run(&mut app.promote("2", &version("2"))).exits(0);
    let is_step = |write: &Recorded| write.path.ends_with("/configmaps/a");
    let step = proxy
        .writes()
        .iter()
        .position(is_step)
        .expect("the object is applied")
        + 1;
    app.revert().run().exits(0);
    for n in 2..=step {
        app.promote("2", &version("2")).run().exits(0);
        let second = app.copy(&version("2"));
        proxy.forget();
        proxy.at_write(n, Act::KillAfter);
        assert_eq!(
            proxy.run(&mut app.promote("3", &version("3"))).code,
            None,
            "write {n}"
        );
        if matches!(app.status()["state"].as_str(), Some("unfinished" | "inProgress")) {
            app.revert().run().exits(0);
        }
        app.copy(&version("2"))
            .must_be(&second, &format!("killed at write {n}, and put back"));
        app.undo_current().run().exits(0);
        app.copy(&version("1"))
            .must_be(&first, &format!("killed at write {n}, and put back twice"));
        let left: Vec<String> = names(&app, "configmaps")
            .into_iter()
            .chain(names(&app, "secrets"))
            .collect();
        let left: Vec<_> = left
            .iter()
            .filter(|name| name.contains("-last-") || name.contains("-before-"))
            .collect();
        assert!(left.is_empty(), "write {n}: {left:?}");
    }
}

#[test]
fn more_promotions_than_one_object_holds_are_not_kept() {
    let app = App::new();
    let ran = app
        .promote("1", &[map("a", json!({}))])
        .args(["--history", "101"])
        .run()
        .exits(1);
    assert!(ran.stderr.contains("from 1 to 100"), "{}", ran.stderr);
}
