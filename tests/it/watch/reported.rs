//! What users and controllers do to a release that is watched, and what is reported of it.

use super::stream::{Watching, is_about};
use crate::screens::stage::{Stage, config, web};
use serde_json::json;

fn stage() -> Stage {
    let stage = Stage::new();
    stage.promoted(
        "1.4.1",
        &[config("settings", "EUR"), config("flags", "on"), web("1.0.0")],
    );
    stage
}

#[test]
fn what_kubectl_does_opens_a_finding_with_who_and_undoing_it_closes_it() {
    let stage = stage();
    let watching = Watching::start(&stage, "--resync 10m");
    assert_eq!(watching.open(), [""; 0], "{:?}", watching.lines());

    let edits = [
        (
            "set env deployment/web LEVEL=trace",
            "set env deployment/web LEVEL-",
            "Deployment web /spec/template/spec/containers/[name=web]/env",
            Some("kubectl-set"),
        ),
        (
            "scale deployment/web --replicas 3",
            "scale deployment/web --replicas 1",
            "Deployment web /spec/replicas",
            None,
        ),
        (
            "label configmap settings team=shop",
            "label configmap settings team-",
            "ConfigMap settings /metadata/labels/team",
            Some("kubectl-label"),
        ),
    ];
    for (edit, undo, what, manager) in edits {
        stage.kubectl(edit);
        // The server may say it of the list or of its item.
        let is_it = |event: &serde_json::Value| super::stream::about(event).starts_with(what);
        let opened = watching.wait_for("driftOpened", is_it);
        if let Some(manager) = manager {
            assert_eq!(opened["changedBy"]["manager"], manager, "{opened}");
            assert_eq!(opened["changedBy"]["class"], "manual", "{opened}");
        }
        assert_eq!(
            opened["release"],
            json!({"namespace": stage.namespace.name(), "name": "shop"})
        );
        assert_eq!(
            (&opened["version"], &opened["revision"]),
            (&json!("1.4.1"), &json!(1))
        );

        stage.kubectl(undo);
        let closed = watching.wait_for("driftClosed", is_it);
        assert_eq!(
            (&closed["id"], &closed["reason"]),
            (&opened["id"], &json!("notFound"))
        );
        assert_eq!(closed["firstSeen"], opened["firstSeen"]);
    }

    let (code, events) = watching.interrupt();
    assert_eq!((code, &events.last().unwrap()["exitCode"]), (Some(0), &json!(0)));
}

#[test]
fn an_object_that_is_deleted_or_edited_is_reported_and_the_exit_code_says_so() {
    let stage = stage();
    let watching = Watching::start(&stage, "");

    stage.kubectl("delete configmap flags");
    watching.wait_for("driftOpened", is_about("ConfigMap flags missing"));
    stage.kubectl(r#"patch configmap settings --type merge -p {"data":{"currency":"USD"}}"#);
    let edited = watching.wait_for("driftOpened", is_about("ConfigMap settings /data/currency"));
    assert_eq!(edited["changedBy"]["manager"], "kubectl-patch");

    let (code, events) = watching.interrupt();
    let end = events.last().unwrap();
    assert_eq!(
        (code, &end["drifted"], &end["unknown"]),
        (Some(1), &json!(2), &json!(0))
    );
}

#[test]
fn a_status_and_what_only_controllers_write_are_no_events() {
    let stage = stage();
    let watching = Watching::start(&stage, "");
    let before = watching.lines();

    // A restart of all pods by their controller, and a write of a status alone.
    stage.kubectl("delete pods --all --wait=false");
    stage.kubectl(
        r#"patch deployment web --subresource status --type merge -p {"status":{"conditions":[{"type":"Mine","status":"True"}]}}"#,
    );
    stage.kubectl("annotate deployment web deployment.kubernetes.io/revision=9 --overwrite");
    watching.settle();

    assert_eq!(watching.lines(), before);
    let (code, _) = watching.interrupt();
    assert_eq!(code, Some(0));
}

#[test]
fn a_release_that_is_promoted_appears_and_is_deleted_while_it_is_watched_is_followed() {
    let stage = stage();
    let watching = Watching::start(&stage, "");
    stage.kubectl("label configmap settings team=shop");
    watching.wait_for(
        "driftOpened",
        is_about("ConfigMap settings /metadata/labels/team"),
    );

    // The promotion removes the label: nothing of what it does is drift.
    stage.release("1.4.2", &[config("settings", "USD"), web("1.1.0")]);
    stage
        .run("promote shop-1.4.2.yaml --yes --settle 0s --overwrite")
        .ok();
    let started = watching.wait_for("promotionStarted", |_| true);
    assert_eq!(started["version"], "1.4.2", "{started}");
    let ended = watching.wait_for("promotionEnded", |event| event["end"] == "promoted");
    assert_eq!(
        (&ended["version"], &ended["revision"]),
        (&json!("1.4.2"), &json!(2))
    );
    let closed = watching.wait_for("driftClosed", |_| true);
    assert_eq!(closed["reason"], "promoted", "{closed}");
    watching.settle();
    assert_eq!(watching.open(), [""; 0]);
    assert_eq!(watching.named("driftOpened").len(), 1, "{:?}", watching.lines());

    stage.run("delete shop --yes").ok();
    let dropped = watching.wait_for("releaseDropped", |_| true);
    assert_eq!(dropped["reason"], "notPromoted", "{dropped}");
    let (code, _) = watching.interrupt();
    assert_eq!(code, Some(0));
}

#[test]
fn a_release_that_is_promoted_first_while_its_namespace_is_watched_is_taken_in() {
    let stage = Stage::new();
    let watching = Watching::spawn(&mut stage.command("watch -o json"));
    watching.wait_for("started", |event| event["schemaVersion"] == 1);

    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    watching.wait_for("releaseAdded", |event| event["version"] == "1.4.1");
    stage.kubectl(r#"patch configmap settings --type merge -p {"data":{"currency":"USD"}}"#);
    watching.wait_for("driftOpened", is_about("ConfigMap settings /data/currency"));
}

#[test]
fn drift_is_an_event_about_the_inventory_and_no_value_of_a_secret_is_in_any_sink() {
    let stage = Stage::new();
    stage.kubectl("create secret generic db --from-literal=password=first-planted-value");
    let mut web = web("1.0.0");
    web["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "PASSWORD",
        "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]);
    stage.promoted("1.4.1", &[config("settings", "EUR"), web]);
    let watching = Watching::start(&stage, "--resync 2s --kubernetes-events");

    // The value turns up where no Secret is, and goes where it belongs.
    stage.kubectl(r#"patch configmap settings --type merge -p {"data":{"currency":"first-planted-value"}}"#);
    watching.wait_for("driftOpened", is_about("ConfigMap settings /data/currency"));
    stage.kubectl(r#"patch secret db --type json -p [{"op":"remove","path":"/data/password"}]"#);
    let missing = watching.wait_for("driftOpened", is_about("Secret db requirement"));
    assert!(
        missing["message"].as_str().unwrap().contains("password"),
        "{missing}"
    );

    let described = || stage.kubectl("describe configmap delivery-shop");
    let is_shown = || described().contains("DriftOpened") && described().contains("/data/currency");
    assert!(crate::harness::until(30, is_shown), "{}", described());
    let events = stage.kubectl("get events -o yaml");
    let (_, lines) = watching.interrupt();
    let all = format!("{events}\n{}\n{lines:?}", described());
    for form in ["first-planted", "Zmlyc3QtcGxhbnRlZC"] {
        assert!(!all.contains(form), "{form}");
    }
}
