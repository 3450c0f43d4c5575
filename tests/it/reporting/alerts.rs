//! What is posted to an Alertmanager, as a receiver on the loopback gets it; `make observability` has the real one.

use super::Scene;
use crate::harness::{Receiver, WatchProcess, until};
use serde_json::Value;

/// All alerts that were taken, in order.
fn alerts(receiver: &Receiver) -> Vec<Value> {
    let taken = receiver
        .posted()
        .into_iter()
        .filter(|posted| posted.status == 200);
    taken
        .flat_map(|posted| posted.json().as_array().unwrap().clone())
        .collect()
}

fn is_resolved(alert: &Value) -> bool {
    let time = |name: &str| alert[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    time("endsAt") <= jiff::Timestamp::now()
}

#[test]
fn a_finding_fires_until_it_is_closed_also_where_the_receiver_was_away() {
    let (scene, receiver) = (Scene::promote(), Receiver::start());
    receiver.answer(503);
    let mut command = scene.watch();
    command.args([
        "--alertmanager",
        &receiver.url("/am"),
        "--alertmanager-label",
        "cluster=test",
    ]);
    let _watch = WatchProcess::start_ready(command);

    scene.drift();
    assert!(until(30, || !receiver.posted().is_empty()));
    receiver.answer(200);
    assert!(until(60, || !alerts(&receiver).is_empty()), "it is sent again");
    scene.undo();
    assert!(
        until(60, || alerts(&receiver).last().is_some_and(is_resolved)),
        "{:#?}",
        alerts(&receiver)
    );

    assert!(
        receiver
            .posted()
            .iter()
            .all(|posted| posted.path == "/am/api/v2/alerts")
    );
    let labels = &alerts(&receiver)[0]["labels"];
    for (name, value) in [
        ("alertname", "ReleaseDrift"),
        ("release", "app"),
        ("release_namespace", scene.namespace()),
        ("kind", "Deployment"),
        ("name", "web"),
        ("finding", "added"),
        ("cluster", "test"),
    ] {
        assert_eq!(labels[name], value, "{labels:#}");
    }
    let all = alerts(&receiver);
    assert!(
        all.iter().all(|alert| alert["labels"] == *labels),
        "one alert: {all:#?}"
    );
}
