//! From a manual change to an alert that a person is paged with, and to its end.

use super::{Alertmanager, Prometheus, PrometheusConfig};
use crate::harness::{Posted, Receiver, WatchProcess, until};
use crate::reporting::Scene;
use serde_json::{Value, json};
use std::path::Path;

/// The rule file without its waits.
fn impatient_rules() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/watch-rules.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("for: "));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a notification of Alertmanager's is of this state, and of an alert with these labels.
fn is_notified(posted: &Posted, status: &str, labels: &[(&str, &str)]) -> bool {
    let notification = posted.json();
    let has = |alert: &Value| {
        alert["status"] == status && labels.iter().all(|(name, value)| alert["labels"][name] == *value)
    };
    notification["alerts"].as_array().unwrap().iter().any(has)
}

#[test]
fn prometheus_scrapes_a_watch_and_its_alert_fires_and_resolves() {
    let (scene, pager) = (Scene::promote(), Receiver::start());
    let watch = WatchProcess::start_ready(scene.watch());
    let alertmanager = Alertmanager::start(&pager.url("/page"));
    let prometheus = Prometheus::start(&PrometheusConfig {
        scrape: json!([{"job_name": "watch", "static_configs": [{"targets": [watch.address()]}]}]),
        rules: &impatient_rules(),
        alertmanager: alertmanager.address(),
    });
    let labels = [
        ("alertname", "ReleaseDrift"),
        ("release_namespace", scene.namespace()),
    ];
    assert!(
        until(30, || !prometheus.query("kubectl_delivery_ready == 1").is_empty()),
        "{:#}",
        prometheus.targets()
    );
    assert!(alertmanager.firing(&labels).is_empty());

    scene.drift();
    assert!(until(60, || !alertmanager.firing(&labels).is_empty()));
    let summary = &alertmanager.firing(&labels)[0]["annotations"]["summary"];
    assert_eq!(*summary, format!("Release {}/app has drifted", scene.namespace()));
    pager.wait_for("the page", |posted| is_notified(posted, "firing", &labels));

    scene.undo();
    pager.wait_for("the end", |posted| is_notified(posted, "resolved", &labels));

    drop(watch);
    let down = [("alertname", "DriftWatchDown")];
    pager.wait_for("that no process watches", |posted| {
        is_notified(posted, "firing", &down)
    });
}

#[test]
fn alertmanager_takes_what_the_sink_posts_and_resolves_what_is_closed() {
    let (scene, pager) = (Scene::promote(), Receiver::start());
    let alertmanager = Alertmanager::start(&pager.url("/page"));
    let mut command = scene.watch();
    command.args([
        "--alertmanager",
        alertmanager.url(),
        "--alertmanager-label",
        "cluster=test",
    ]);
    let watch = WatchProcess::start_ready(command);
    let labels = [
        ("alertname", "ReleaseDrift"),
        ("release_namespace", scene.namespace()),
        ("kind", "Deployment"),
        ("name", "web"),
        ("cluster", "test"),
    ];

    scene.drift();
    pager.wait_for("the page", |posted| is_notified(posted, "firing", &labels));
    let firing = alertmanager.firing(&labels);
    assert_eq!(firing.len(), 1, "{firing:#?}");
    let annotations = &firing[0]["annotations"];
    assert_eq!(annotations["changed_by"], "kubectl-set");
    assert!(
        annotations["fields"].as_str().unwrap().contains("/spec/template"),
        "{annotations:#}"
    );

    scene.undo();
    pager.wait_for("the end", |posted| is_notified(posted, "resolved", &labels));
    assert!(alertmanager.firing(&labels).is_empty());
    assert!(
        watch.series(&["sink_failures_total"]).is_empty(),
        "{}",
        watch.metrics()
    );
}

#[test]
fn an_alert_that_still_fires_is_sent_again_and_stays() {
    let (scene, pager) = (Scene::promote(), Receiver::start());
    let alertmanager = Alertmanager::start(&pager.url("/page"));
    let mut command = scene.watch();
    command.args(["--alertmanager", alertmanager.url()]);
    let _watch = WatchProcess::start_ready(command);
    let labels = [
        ("alertname", "ReleaseDrift"),
        ("release_namespace", scene.namespace()),
    ];

    scene.drift();
    assert!(until(60, || !alertmanager.firing(&labels).is_empty()));
    let ends = || {
        alertmanager.firing(&labels)[0]["endsAt"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = ends();
    assert!(until(90, || ends() > first), "its end does not move: {first}");
}
