//! The series, as they are written.

use super::*;
use crate::model::drift::{SinkFailures, WatchErrorKey, WatchErrorReason};
use crate::notify::samples::{finding, snapshot};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;

fn text(snapshot: Option<DriftSnapshot>) -> String {
    let mut registry = Registry::with_prefix("kubectl_delivery");
    registry.register_collector(Box::new(SnapshotCollector {
        is_leading: snapshot.is_some(),
        snapshot: snapshot.map(Arc::new),
    }));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).unwrap();
    text
}

/// The series of one family.
fn series<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let is_of = |line: &&str| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "));
    text.lines().filter(is_of).collect()
}

fn sum(lines: &[&str]) -> i64 {
    let value = |line: &&str| line.rsplit(' ').next().unwrap().parse::<i64>().unwrap();
    lines.iter().map(value).sum()
}

#[test]
fn drift_is_counted_by_release_kind_finding_and_who_changed_it_and_what_is_unknown_apart() {
    let open = vec![
        finding(DriftKind::Changed, "web", "/spec/replicas", "kubectl-edit"),
        finding(DriftKind::Changed, "web", "/spec/paused", "kubectl-edit"),
        finding(DriftKind::Missing, "api", "", ""),
        finding(DriftKind::Unknown, "db", "", ""),
    ];
    let text = text(Some(snapshot([("shop", "web".to_owned(), open)])));

    let release = r#"release_namespace="shop",release="web","#;
    assert_eq!(
        series(&text, "kubectl_delivery_drift_findings"),
        [
            format!(
                r#"kubectl_delivery_drift_findings{{{release}kind="Deployment",finding="changed",changed_by="kubectl-edit"}} 2"#
            ),
            format!(
                r#"kubectl_delivery_drift_findings{{{release}kind="Deployment",finding="missing",changed_by=""}} 1"#
            ),
        ]
    );
    assert_eq!(
        series(&text, "kubectl_delivery_unknown_findings"),
        [format!(
            r#"kubectl_delivery_unknown_findings{{{release}kind="Deployment"}} 1"#
        )]
    );
    let verified = series(&text, "kubectl_delivery_release_last_verified_timestamp_seconds");
    assert!(verified[0].ends_with(" 1000"), "{verified:?}");
}

#[test]
fn what_could_not_be_verified_is_counted_by_what_it_is_and_zero_is_written() {
    let mut snapshot = snapshot([("shop", "web".to_owned(), Vec::new())]);
    let drift = snapshot.releases.values_mut().next().unwrap();
    drift.unverified = [(Coverage::Requirement, 2), (Coverage::Pods, 1)].into();
    let text = text(Some(snapshot));

    let counted = [("objects", 0), ("pods", 1), ("requirements", 2), ("starts", 0)];
    assert_eq!(
        series(&text, "kubectl_delivery_release_unverified"),
        counted.map(|(coverage, count)| format!(
            r#"kubectl_delivery_release_unverified{{release_namespace="shop",release="web",coverage="{coverage}"}} {count}"#
        ))
    );
}

#[test]
fn a_crowd_of_field_managers_is_folded_and_the_sum_stays() {
    let crowd = (0..500).map(|number| {
        let manager = format!("client-{number}");
        finding(DriftKind::Changed, "web", &format!("/data/k{number}"), &manager)
    });
    let text = text(Some(snapshot([("shop", "web".to_owned(), crowd.collect())])));

    let drift = series(&text, "kubectl_delivery_drift_findings");
    assert_eq!((drift.len(), sum(&drift)), (SERIES_OF_A_RELEASE, 500));
    assert!(
        drift
            .iter()
            .any(|line| line.contains(r#"changed_by="_other"} 451"#))
    );
    assert_eq!(
        series(&text, "kubectl_delivery_folded_findings"),
        ["kubectl_delivery_folded_findings 451"]
    );
}

#[test]
fn a_label_value_cannot_end_its_line_or_its_quotes() {
    let manager = "x\"} 1\nkubectl_delivery_ready 1\\";
    let open = vec![finding(DriftKind::Changed, "web", "/spec", manager)];
    let text = text(Some(snapshot([("shop", "web".to_owned(), open)])));

    assert_eq!(series(&text, "kubectl_delivery_ready").len(), 1);
    assert!(
        text.contains(r#"changed_by="x\"} 1\nkubectl_delivery_ready 1\\""#),
        "{text}"
    );
}

#[test]
fn a_long_text_is_cut() {
    let open = vec![finding(DriftKind::Changed, "web", "/spec", &"m".repeat(5_000))];
    let text = text(Some(snapshot([("shop", "web".to_owned(), open)])));
    let longest = text.lines().map(str::len).max().unwrap();
    assert!(longest < 500, "{longest}");
}

#[test]
fn errors_of_watches_and_of_sinks_are_counters() {
    let mut snapshot = snapshot([("shop", "web".to_owned(), Vec::new())]);
    let key = WatchErrorKey {
        resource: "secrets".into(),
        namespace: Some("shop".into()),
        reason: WatchErrorReason::Forbidden,
    };
    snapshot.watch_errors.insert(key, 3);
    let failures = SinkFailures {
        failed: 4,
        dropped: 2,
    };
    snapshot.sink_failures.insert("alertmanager".into(), failures);
    let text = text(Some(snapshot));

    for line in [
        r#"kubectl_delivery_watch_errors_total{resource="secrets",watched_namespace="shop",reason="forbidden"} 3"#,
        r#"kubectl_delivery_sink_failures_total{sink="alertmanager"} 4"#,
        r#"kubectl_delivery_sink_dropped_events_total{sink="alertmanager"} 2"#,
        "# TYPE kubectl_delivery_watch_errors_total counter",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
    }
}

#[test]
fn a_replica_that_does_not_watch_says_nothing_of_any_release() {
    let text = text(None);
    assert!(text.contains("kubectl_delivery_leader 0"), "{text}");
    assert!(!text.contains("release"), "{text}");
}
