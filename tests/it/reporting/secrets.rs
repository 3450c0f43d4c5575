//! No byte of a Secret is in any sink, wherever it turns up and however it is written.

use super::{SECRET, Scene};
use crate::harness::{Receiver, WatchProcess, series, until};
use crate::watch::stream::Watching;
use serde_json::json;

/// In a variable of a pod: it stands in no Secret.
const TOKEN: &str = "ghp-planted-token-value";
/// A value that the Secret gets later.
const LATER: &str = "planted-later-long-enough-to-be-found";

#[test]
fn values_of_secrets_are_in_no_line_event_metric_or_alert_wherever_they_turn_up() {
    let scene = Scene::promote();
    let (cloud, alertmanager) = (Receiver::start(), Receiver::start());
    let mut command = scene.watch();
    command.args(["--resync", "2s", "--kubernetes-events"]);
    command.args([
        "--cloudevents",
        &cloud.url("/"),
        "--alertmanager",
        &alertmanager.url("/"),
    ]);
    let shown = WatchProcess::start_ready(command);
    let mut command = scene.watch();
    command.args(["--resync", "2s", "-o", "json"]);
    let watching = Watching::spawn(&mut command);
    watching.wait_for("releaseAdded", |_| true);

    let patch = |target: &str, patch: serde_json::Value, manager: &str| {
        let patch = patch.to_string();
        let manager = format!("--field-manager={manager}");
        scene
            .app
            .kubectl(&["patch", target, "--type=merge", "-p", &patch, &manager]);
    };
    // Into the Secret by both of its fields, and where others may read it.
    patch(
        "secret/db",
        json!({"stringData": {"later": LATER, "password": SECRET}}),
        "kubectl-edit",
    );
    patch(
        "configmap/config",
        json!({"data": {"mode": SECRET, "later": LATER}}),
        "kubectl-edit",
    );
    patch(
        "deployment/web",
        json!({"metadata": {"annotations": {"example.com/note": LATER}}}),
        "kubectl-edit",
    );
    let set = [format!("PASSWORD={SECRET}"), format!("TOKEN={TOKEN}")];
    scene
        .app
        .kubectl(&["set", "env", "deployment/web", &set[0], &set[1]]);
    for path in [
        "/data/mode",
        "/data/later",
        "/metadata/annotations/example.com~1note",
    ] {
        watching.wait_for("driftOpened", |event| event["path"] == path);
    }
    watching.wait_for("driftOpened", |event| {
        event["path"].as_str().is_some_and(|path| path.contains("/env"))
    });
    let removal = r#"[{"op": "remove", "path": "/data/password"}]"#;
    scene
        .app
        .kubectl(&["patch", "secret/db", "--type=json", "-p", removal]);
    watching.wait_for("driftOpened", |event| event["finding"] == "requirement");

    let events = || scene.app.kubectl(&["get", "events", "-o", "yaml"]);
    let is_everywhere = || {
        let has = |text: String| text.contains("requirement");
        let posted = |receiver: &Receiver| {
            receiver
                .posted()
                .into_iter()
                .any(|one| has(one.json().to_string()))
        };
        posted(&cloud)
            && posted(&alertmanager)
            && events().contains("requirement not met")
            && shown.log().contains("requirement not met")
            && !series(&shown.metrics(), &["drift_findings", "requirement"]).is_empty()
    };
    assert!(until(60, is_everywhere), "{}\n{}", shown.log(), events());

    let posted = [&cloud, &alertmanager].map(Receiver::posted).concat();
    let posted: String = posted.iter().map(|one| one.json().to_string()).collect();
    let texts = [
        ("events of the API", events()),
        ("what was posted", posted),
        ("metrics", shown.metrics()),
        ("lines", shown.log()),
        ("JSON", watching.lines().join("\n")),
    ];
    for (what, text) in texts {
        for value in [SECRET, LATER, TOKEN] {
            for form in [value.to_owned(), encoded(value)] {
                assert!(!text.contains(&form), "{what} has {form}:\n{text}");
            }
        }
    }
}

/// As a Secret's data has it, without the end that depends on what follows.
fn encoded(value: &str) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(value);
    text[..text.len() - 4].to_owned()
}
