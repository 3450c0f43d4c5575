//! A watch that is started again: what is open is told once more, and no receiver takes it for something else.

use super::stream::{Watching, is_about};
use crate::harness::{Receiver, until};
use crate::screens::stage::{Stage, config};
use jiff::Timestamp;
use serde_json::Value;

const CURRENCY: &str = "ConfigMap settings /data/currency";

fn start(stage: &Stage, receiver: &Receiver) -> Watching {
    let url = receiver.url("");
    let words = format!("watch -o json --resync 1h --kubernetes-events --alertmanager {url}");
    Watching::spawn(&mut stage.command(&words))
}

fn edit(stage: &Stage, currency: &str) {
    let patch = format!(r#"patch configmap settings --type merge -p {{"data":{{"currency":"{currency}"}}}}"#);
    stage.kubectl(&patch);
}

/// How many Events of the inventory have that reason.
fn events(stage: &Stage, reason: &str) -> usize {
    let line =
        format!("get events --field-selector involvedObject.name=delivery-shop,reason={reason} -o name");
    stage.kubectl(&line).lines().count()
}

/// All alerts that were taken, in order.
fn alerts(receiver: &Receiver) -> Vec<Value> {
    let bodies = receiver.posted().into_iter().map(|posted| posted.json());
    bodies.flat_map(|body| body.as_array().unwrap().clone()).collect()
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn is_resolved(alert: &Value) -> bool {
    time(&alert["endsAt"]) <= Timestamp::now()
}

#[test]
fn what_is_open_keeps_its_id_and_who_changed_it_and_has_no_second_event_or_alert() {
    let (stage, receiver) = (Stage::new(), Receiver::start());
    stage.promoted("1.4.1", &[config("settings", "EUR"), config("flags", "on")]);
    let first = start(&stage, &receiver);
    first.wait_for("releaseAdded", |_| true);
    edit(&stage, "USD");
    let before = first.wait_for("driftOpened", is_about(CURRENCY));
    assert!(until(60, || events(&stage, "DriftOpened") == 1));
    assert!(until(60, || !alerts(&receiver).is_empty()));
    assert_eq!(first.interrupt().0, Some(1));
    let alert = alerts(&receiver).last().unwrap().clone();
    assert!(
        !is_resolved(&alert),
        "that a watch ends is not that drift is undone: {alert:#}"
    );

    let sent = alerts(&receiver).len();
    let second = start(&stage, &receiver);
    let after = second.wait_for("driftOpened", is_about(CURRENCY));
    assert_eq!(
        (&after["id"], &after["changedBy"]),
        (&before["id"], &before["changedBy"])
    );
    assert!(after["changedBy"]["time"].is_string(), "{after}");
    // When it was seen first is not known any more: by whom it is said, the process that reports.
    assert!(
        time(&after["firstSeen"]) > time(&before["lastVerified"]),
        "{after}"
    );
    assert!(until(60, || alerts(&receiver).len() > sent));
    let again = alerts(&receiver).last().unwrap().clone();
    assert_eq!(again["labels"], alert["labels"]);
    assert!(!is_resolved(&again));

    // An Event that follows is there: one of what was open already would be before it.
    stage.kubectl("delete configmap flags");
    let all = || stage.kubectl("get events --field-selector involvedObject.name=delivery-shop");
    assert!(until(60, || all().contains("flags: does not exist")), "{}", all());
    assert_eq!(events(&stage, "DriftOpened"), 2, "{}", all());

    edit(&stage, "EUR");
    let closed = second.wait_for("driftClosed", is_about(CURRENCY));
    assert_eq!(closed["id"], before["id"]);
    let is_over = |one: &Value| one["labels"] == alert["labels"] && is_resolved(one);
    assert!(
        until(60, || alerts(&receiver).iter().any(is_over)),
        "{:#?}",
        alerts(&receiver)
    );
    // What opens again is told again.
    edit(&stage, "USD");
    assert!(until(60, || events(&stage, "DriftOpened") == 3), "{}", all());
    assert_eq!(events(&stage, "DriftClosed"), 1);
}
