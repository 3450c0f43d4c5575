//! `watch -l`: releases whose inventory gets or loses the label while they are watched.

use super::stream::{Watching, is_about};
use crate::screens::stage::{Stage, config};
use serde_json::json;

#[test]
fn a_release_that_loses_the_label_is_dropped_with_its_findings_and_one_that_gets_it_is_watched() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    stage.write("other.json", &config("flags", "on").to_string());
    stage
        .run("record --quiet --name other --version 1.0.0 -f other.json -o other.yaml")
        .ok();
    stage.run("promote other.yaml --yes --settle 0s").ok();
    stage.kubectl("label configmap delivery-shop team=shop");
    let watching = Watching::spawn(&mut stage.command("watch -o json -l team=shop --resync 1h"));
    let added = watching.wait_for("releaseAdded", |_| true);
    assert_eq!(added["release"]["name"], "shop");
    stage.kubectl(r#"patch configmap settings --type merge -p {"data":{"currency":"USD"}}"#);
    let opened = watching.wait_for("driftOpened", is_about("ConfigMap settings /data/currency"));

    stage.kubectl("label configmap delivery-shop team-");
    let dropped = watching.wait_for("releaseDropped", |_| true);
    assert_eq!(dropped["reason"], "notSelected", "{dropped}");
    let closed = watching.wait_for("driftClosed", |_| true);
    assert_eq!(
        (&closed["id"], &closed["reason"]),
        (&opened["id"], &json!("releaseDropped"))
    );

    // Neither a promotion nor drift of what is not selected is told.
    stage.release("1.4.2", &[config("settings", "CHF")]);
    stage
        .run("promote shop-1.4.2.yaml --yes --settle 0s --overwrite")
        .ok();
    stage.kubectl("label configmap delivery-other team=shop");
    watching.wait_for("releaseAdded", |event| event["release"]["name"] == "other");
    assert_eq!(
        watching.named("promotionStarted").len(),
        0,
        "{:?}",
        watching.lines()
    );

    stage.kubectl("label configmap delivery-shop team=shop");
    let again = watching.wait_for("releaseAdded", |event| event["version"] == "1.4.2");
    assert_eq!(again["revision"], 2);
    stage.kubectl(r#"patch configmap settings --type merge -p {"data":{"currency":"USD"}}"#);
    let opened = watching.wait_for("driftOpened", |event| event["version"] == "1.4.2");
    assert!(is_about("ConfigMap settings /data/currency")(&opened), "{opened}");
    let (code, events) = watching.interrupt();
    assert_eq!((code, &events.last().unwrap()["drifted"]), (Some(1), &json!(1)));
}
