//! CloudEvents, as a receiver on the loopback gets them.

use super::{SECRET, Scene};
use crate::harness::{Posted, Receiver, Run, WatchProcess, until};
use serde_json::Value;
use std::collections::BTreeSet;

/// Fails where a document lacks what the specification requires: `id`, `source`, `specversion`, `type`, none of them empty.
fn check_required(event: &Value) {
    assert_eq!(event["specversion"], "1.0", "{event:#}");
    for name in ["id", "source", "type"] {
        let text = event[name].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{name} of {event:#}");
    }
    // Names of attributes are lower-case letters and digits.
    for name in event.as_object().unwrap().keys() {
        let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        assert!(is_name && name.len() <= 20, "{name}");
    }
    let time: Result<jiff::Timestamp, _> = event["time"].as_str().unwrap_or_default().parse();
    assert!(time.is_ok(), "{event:#}");
}

fn is_type(posted: &Posted, name: &str) -> bool {
    posted.json()["type"] == format!("io.kubectl-delivery.{name}")
}

#[test]
fn a_finding_that_opens_and_closes_is_two_events_of_one_subject() {
    let (scene, receiver) = (Scene::promote(), Receiver::start());
    let mut command = scene.watch();
    command.args([
        "--cloudevents",
        &receiver.url("/hook"),
        "--cloudevents-source",
        "urn:test",
    ]);
    let _watch = WatchProcess::start_ready(command);

    scene.drift();
    let opened = receiver.wait_for("drift opens", |posted| is_type(posted, "driftOpened"));
    scene.undo();
    let closed = receiver.wait_for("drift closes", |posted| is_type(posted, "driftClosed"));

    assert_eq!(opened.path, "/hook");
    assert_eq!(
        opened.header("content-type"),
        "application/cloudevents+json; charset=utf-8"
    );
    for posted in receiver.posted() {
        check_required(&posted.json());
        assert_eq!(posted.json()["source"], "urn:test");
    }
    let (opened, closed) = (opened.json(), closed.json());
    assert_eq!(opened["subject"], closed["subject"]);
    assert_eq!(opened["data"]["finding"], "added");
    assert_eq!(opened["data"]["changedBy"]["manager"], "kubectl-set");
    assert_eq!(opened["data"]["object"]["name"], "web");
}

#[test]
fn in_binary_mode_the_attributes_are_headers_and_the_body_is_the_event() {
    let (scene, receiver) = (Scene::promote(), Receiver::start());
    let mut command = scene.watch();
    command.args([
        "--cloudevents",
        &receiver.url("/"),
        "--cloudevents-mode",
        "binary",
    ]);
    let _watch = WatchProcess::start_ready(command);

    scene.drift();
    let opened = receiver.wait_for("drift opens", |posted| {
        posted.header("ce-type") == "io.kubectl-delivery.driftOpened"
    });
    assert_eq!(opened.header("ce-specversion"), "1.0");
    assert_eq!(opened.header("content-type"), "application/json");
    assert!(!opened.header("ce-id").is_empty() && opened.header("ce-source").starts_with("http"));
    assert_eq!(opened.json()["event"], "driftOpened");
}

#[test]
fn a_receiver_that_fails_for_a_while_misses_nothing_and_delays_nothing() {
    let (scene, receiver) = (Scene::promote(), Receiver::start());
    receiver.answer(503);
    let mut command = scene.watch();
    command.args(["--cloudevents", &receiver.url("/")]);
    let watch = WatchProcess::start_ready(command);

    scene.drift();
    // The metrics have it while the receiver refuses.
    watch.wait_for("drift and failures are counted", |page| {
        let has = |texts: &[&str]| {
            crate::harness::series(page, texts)
                .iter()
                .any(|(_, value)| *value > 0.0)
        };
        has(&["drift_findings", &scene.labels()]) && has(&["sink_failures_total", "cloudevents"])
    });
    receiver.answer(204);
    receiver.wait_for("drift opens", |posted| is_type(posted, "driftOpened"));

    let taken: Vec<Value> = receiver
        .posted()
        .iter()
        .filter(|posted| posted.status == 204)
        .map(Posted::json)
        .collect();
    assert_eq!(taken[0]["type"], "io.kubectl-delivery.started");
    let ids: BTreeSet<&str> = taken.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), taken.len(), "each event once");
}

#[test]
fn a_receiver_that_never_answers_delays_nothing() {
    let (scene, receiver) = (Scene::promote(), Receiver::start());
    receiver.answer(0);
    let mut command = scene.watch();
    command.args(["--cloudevents", &receiver.url("/")]);
    let watch = WatchProcess::start_ready(command);
    scene.drift();
    watch.wait_for("drift is a series", |page| {
        !crate::harness::series(page, &["drift_findings", &scene.labels()]).is_empty()
    });
}

#[test]
fn no_byte_of_a_secret_is_in_any_event() {
    let (scene, receiver) = (Scene::promote(), Receiver::start());
    let mut command = scene.watch();
    // Secrets are read with each comparison, and not watched.
    command.args(["--cloudevents", &receiver.url("/"), "--resync", "5s"]);
    let _watch = WatchProcess::start_ready(command);
    scene.leak();
    receiver.wait_for("the value is drift where no Secret is", |posted| {
        is_type(posted, "driftOpened") && posted.json()["data"]["path"] == "/data/mode"
    });
    let missing = receiver.wait_for("the lost key is drift", |posted| {
        is_type(posted, "driftOpened") && posted.json()["data"]["finding"] == "requirement"
    });
    let data = &missing.json()["data"];
    assert_eq!(data["object"]["kind"], "Secret", "{data:#}");
    assert!(data["message"].as_str().unwrap().contains("password"), "{data:#}");

    for posted in receiver.posted() {
        let text = String::from_utf8(posted.body).unwrap();
        for value in [SECRET, "hunter2", "a-label-value", "aHVudGVy"] {
            assert!(!text.contains(value), "{text}");
        }
    }
}

#[test]
fn a_token_goes_along_and_is_read_anew_and_is_in_no_message() {
    let (scene, receiver) = (Scene::promote(), Receiver::start());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "first-token\n").unwrap();
    let mut command = scene.watch();
    command.args(["--cloudevents", &receiver.url("/")]);
    command.arg("--cloudevents-token-file").arg(&file);
    let watch = WatchProcess::start_ready(command);
    receiver.wait_for("the first token", |posted| {
        posted.header("authorization") == "Bearer first-token"
    });

    receiver.answer(401);
    std::fs::write(&file, "second-token\n").unwrap();
    scene.drift();
    assert!(until(30, || {
        let series = watch.series(&["sink_failures_total", "cloudevents"]);
        series.iter().any(|(_, value)| *value > 0.0)
    }));
    receiver.answer(204);
    receiver.wait_for("the second token", |posted| {
        posted.header("authorization") == "Bearer second-token"
    });
    assert!(
        !watch.log().contains("-token\n") && !watch.log().contains("Bearer"),
        "{}",
        watch.log()
    );
}

#[test]
fn a_url_with_credentials_is_refused_and_not_repeated() {
    let scene = Scene::promote();
    for url in ["https://user:hunter2@events.example", "ftp://hunter2.example/"] {
        let ran = scene.watch().args(["--cloudevents", url]).run();
        assert_ne!(ran.code, Some(0));
        assert!(
            ran.stderr.contains("--cloudevents: expected") && !ran.stderr.contains("hunter2"),
            "{ran:?}"
        );
    }
}
