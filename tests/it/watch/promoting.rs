//! Promotions, reverts and their ends while a release is watched: nothing that a run does is drift, and what a killed one has
//! left is said to be.

use super::stream::{Watching, is_about};
use crate::harness::{Act, KillProxy, Run, TestCluster, User};
use crate::screens::stage::{Stage, config, playing, web};
use serde_json::{Value, json};

const CURRENCY: &str = "ConfigMap settings /data/currency";

fn stage() -> Stage {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);
    stage
}

/// Drift of it is seen: what happened before was looked at.
fn mark(stage: &Stage, watching: &Watching, number: usize) {
    stage.kubectl(&format!("label configmap settings mark=m{number}"));
    watching.wait_for(
        "driftOpened",
        is_about("ConfigMap settings /metadata/labels/mark"),
    );
    stage.kubectl("label configmap settings mark-");
    let closed = || watching.named("driftClosed").len() >= number;
    assert!(crate::harness::until(60, closed), "{:?}", watching.lines());
}

/// What was reported as drift besides marks.
fn findings(watching: &Watching) -> Vec<String> {
    let opened = watching.named("driftOpened");
    let opened = opened.iter().map(super::stream::about);
    opened.filter(|about| !about.ends_with("/mark")).collect()
}

/// With the role `view` Leases cannot be read.
fn viewer(stage: &Stage) -> User<'_> {
    stage.namespace.user("viewer").with_role("view").ready()
}

#[test]
fn neither_a_promotion_nor_a_rollback_is_drift_whether_leases_may_be_read_or_not() {
    let stage = stage();
    let user = viewer(&stage);
    let mut command = stage.command("watch -o json --mode readonly --starts off");
    let limited = Watching::spawn(command.env("KUBECONFIG", user.kubeconfig()));
    let full = Watching::spawn(&mut stage.command("watch -o json"));
    let watches = [limited, full];
    for watching in &watches {
        watching.wait_for("releaseAdded", |_| true);
    }

    stage.release("1.4.2", &[config("settings", "USD"), web("1.1.0")]);
    stage
        .run("promote shop-1.4.2.yaml --yes --settle 0s --overwrite")
        .ok();
    for watching in &watches {
        watching.wait_for("promotionStarted", |event| event["version"] == "1.4.2");
        watching.wait_for("promotionEnded", |event| event["end"] == "promoted");
    }
    stage.release(
        "1.4.3",
        &[config("settings", "CHF"), playing("1.1.0", "crash-loop")],
    );
    stage.run("promote shop-1.4.3.yaml --yes --settle 0s").exits(3);
    for watching in &watches {
        let ended = watching.wait_for("promotionEnded", |event| event["end"] == "unchanged");
        assert_eq!(
            (&ended["version"], &ended["revision"]),
            (&json!("1.4.2"), &json!(2))
        );
    }

    // What is promoted now is what is compared with.
    stage.kubectl(r#"patch configmap settings --type merge -p {"data":{"currency":"EUR"}}"#);
    for watching in watches {
        let opened = watching.wait_for("driftOpened", is_about(CURRENCY));
        assert_eq!(
            (&opened["version"], &opened["revision"]),
            (&json!("1.4.2"), &json!(2))
        );
        assert_eq!(findings(&watching), [CURRENCY], "{:?}", watching.lines());
        let (_, events) = watching.interrupt();
        assert_eq!(events.last().unwrap()["drifted"], 1);
    }
}

#[test]
fn a_user_who_may_not_lock_a_release_promotes_nothing_and_nothing_is_reported() {
    let stage = stage();
    let watching = Watching::spawn(&mut stage.command("watch -o json"));
    watching.wait_for("releaseAdded", |_| true);
    let everything = ["get", "list", "watch", "create", "update", "patch", "delete"];
    let user = stage.namespace.user("ci");
    let user = user
        .may(&everything, "", &["configmaps", "secrets", "pods", "events"])
        .may(&everything, "apps", &["deployments", "replicasets"])
        .ready();

    stage.release("1.4.2", &[config("settings", "USD"), web("1.1.0")]);
    let mut promote = stage.command("promote shop-1.4.2.yaml --yes --settle 0s");
    let ran = promote.env("KUBECONFIG", user.kubeconfig()).run();
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("leases"), "{ran:?}");

    mark(&stage, &watching, 1);
    assert_eq!(findings(&watching), [""; 0]);
    assert_eq!(
        watching.named("promotionStarted").len(),
        0,
        "{:?}",
        watching.lines()
    );
}

#[test]
fn what_a_killed_promotion_has_left_is_told_with_its_being_unfinished_and_closed_once_it_was_resumed() {
    let stage = stage();
    let watching = Watching::spawn(&mut stage.command("watch -o json --resync 1h"));
    watching.wait_for("releaseAdded", |_| true);

    // Killed when one object was written and the other was not.
    stage.release("1.4.2", &[config("settings", "USD"), web("1.1.0")]);
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write_to("/deployments/web", Act::KillBefore);
    let namespace = stage.namespace.name();
    let promote = format!("promote shop-1.4.2.yaml --yes --settle 0s -n {namespace}");
    proxy.run(&mut stage.command(&promote));
    watching.wait_for("promotionStarted", |event| event["version"] == "1.4.2");
    assert_eq!(findings(&watching), [""; 0], "a run may still be at work");

    // Its lock expires.
    stage.kubectl("delete lease delivery-shop --ignore-not-found");
    watching.wait_for("promotionEnded", |event| event["end"] == "unfinished");
    let opened = watching.wait_for("driftOpened", is_about(CURRENCY));
    assert_eq!(opened["version"], "1.4.1", "{opened}");
    let order: Vec<Value> = watching
        .events()
        .iter()
        .map(|event| event["event"].clone())
        .collect();
    let place = |name: &str| order.iter().position(|event| event == name).unwrap();
    assert!(place("promotionEnded") < place("driftOpened"), "{order:?}");

    // One that starts now says so, too.
    let later = Watching::spawn(&mut stage.command("watch -o json"));
    later.wait_for("note", |event| {
        event["message"].as_str().unwrap().contains("unfinished")
    });
    later.wait_for("driftOpened", is_about(CURRENCY));
    assert_eq!(later.interrupt().0, Some(1));

    stage
        .run("promote shop-1.4.2.yaml --yes --settle 0s --on-open-journal resume")
        .ok();
    watching.wait_for("promotionEnded", |event| event["end"] == "promoted");
    let closed = watching.wait_for("driftClosed", is_about(CURRENCY));
    assert_eq!(closed["reason"], "promoted", "{closed}");
    assert_eq!(watching.open(), [""; 0]);
    assert_eq!(watching.interrupt().0, Some(0));
}

#[test]
fn an_unfinished_promotion_whose_lock_may_not_be_read_is_not_in_sync() {
    let stage = stage();
    stage.unfinished("1.4.2");
    let user = viewer(&stage);
    let mut command = stage.command("watch -o json --mode readonly --starts off");
    let watching = Watching::spawn(command.env("KUBECONFIG", user.kubeconfig()));

    // Whether a run is at work is unknown for some minutes.
    let added = watching.wait_for("releaseAdded", |_| true);
    assert_eq!(added["version"], "1.4.1", "{added}");
    watching.wait_for("promotionStarted", |event| event["version"] == "1.4.2");
    let (code, events) = watching.interrupt();
    assert_eq!((code, &events.last().unwrap()["unknown"]), (Some(2), &json!(1)));
}

#[test]
fn findings_of_a_release_that_is_forgotten_or_deleted_are_closed() {
    for (end, reasons) in [
        // What is looked at in the middle of it has an inventory, and nothing promoted.
        (
            "forget shop --yes --manager kubectl",
            &["forgotten", "notPromoted"][..],
        ),
        ("delete shop --yes", &["notPromoted"]),
    ] {
        let stage = stage();
        let watching = Watching::spawn(&mut stage.command("watch -o json"));
        watching.wait_for("releaseAdded", |_| true);
        stage.kubectl(r#"patch configmap settings --type merge -p {"data":{"currency":"USD"}}"#);
        let opened = watching.wait_for("driftOpened", is_about(CURRENCY));

        stage.run(end).ok();
        let dropped = watching.wait_for("releaseDropped", |_| true);
        assert!(
            reasons.contains(&dropped["reason"].as_str().unwrap()),
            "{dropped}"
        );
        assert_eq!(watching.open(), [""; 0], "{end}");
        let closed = watching.named("driftClosed");
        let closed = closed.iter().find(|event| event["id"] == opened["id"]).unwrap();
        assert_eq!(closed["reason"], "releaseDropped", "{closed}");
        let (code, events) = watching.interrupt();
        assert_eq!(
            (code, &events.last().unwrap()["message"]),
            (Some(0), &json!("0 releases in sync"))
        );
    }
}
