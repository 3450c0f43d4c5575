//! The table of metrics, the alerts and the dashboard name what `/metrics` has, and all of it.

use super::Scene;
use crate::harness::WatchProcess;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const PREFIX: &str = "kubectl_delivery_";

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Types by the names of metrics, as the page declares them.
fn declared(page: &str) -> BTreeMap<String, String> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            (name.to_owned(), kind.to_owned())
        })
        .collect()
}

/// The names of labels of each metric that has series.
fn labels(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let inside = line
            .split_once('{')
            .map_or("", |(_, rest)| rest.rsplit_once('}').unwrap().0);
        let names = inside
            .split(',')
            .filter_map(|label| label.split_once('=').map(|(name, _)| name.to_owned()));
        found.entry(name.to_owned()).or_default().extend(names);
    }
    found
}

/// Everything that begins with the prefix in a text.
fn named(text: &str) -> BTreeSet<String> {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(PREFIX)
        .map(|(at, _)| {
            let rest = &text[at..];
            let end = rest.find(|c| !is_inside(c)).unwrap_or(rest.len());
            rest[..end].to_owned()
        })
        .filter(|name| name != PREFIX)
        .collect()
}

/// Rows of the table in the documents: name, type, labels.
fn rows() -> Vec<(String, String, BTreeSet<String>)> {
    let text = file("docs/watch-in-cluster.md");
    let table = text.split("<!-- metrics -->").nth(1).unwrap();
    let table = table.split("<!-- /metrics -->").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let codes = |cell: &str| -> BTreeSet<String> {
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let name = format!("{PREFIX}{}", cells[0].trim_matches('`'));
        (name, cells[1].to_owned(), codes(cells[2]))
    })
    .collect()
}

/// A page on which every metric that can have labels has a series: drift, what is unknown, and errors.
fn full_page(scene: &Scene) -> String {
    let user = scene.app.namespace.user("viewer").with_role("view").ready();
    let mut command = scene.watch();
    command.env("KUBECONFIG", user.kubeconfig());
    command.args(["--cloudevents", "http://127.0.0.1:1/"]);
    let watch = WatchProcess::start(command);
    scene.drift();
    watch.wait_for("every family has series", |page| {
        let labels = labels(page);
        [
            "drift_findings",
            "unknown_findings",
            "watch_errors_total",
            "sink_failures_total",
        ]
        .iter()
        .all(|name| labels.contains_key(&format!("{PREFIX}{name}")))
    });
    watch.metrics()
}

#[test]
fn the_table_has_every_metric_with_its_type_and_labels_and_no_other() {
    let page = full_page(&Scene::promote());
    let (declared, labels) = (declared(&page), labels(&page));

    let rows = rows();
    let documented: BTreeMap<String, String> = rows
        .iter()
        .map(|(name, kind, _)| (name.clone(), kind.clone()))
        .collect();
    assert_eq!(documented, declared);
    for (name, _, names) in rows {
        if let Some(found) = labels.get(&name) {
            assert_eq!(*found, names, "{name}");
        }
    }
}

#[test]
fn alerts_and_dashboard_name_metrics_that_there_are() {
    let page = full_page(&Scene::promote());
    let declared: BTreeSet<String> = declared(&page).into_keys().collect();

    for path in ["deploy/watch-rules.yaml", "deploy/grafana-dashboard.json"] {
        let named = named(&file(path));
        assert!(named.len() >= 8, "{path}: {named:?}");
        let unknown: Vec<_> = named.difference(&declared).collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
    }
}

#[test]
fn every_panel_of_the_dashboard_has_an_id_of_its_own_a_query_and_its_place() {
    let dashboard: Value = serde_json::from_str(&file("deploy/grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());

    let mut taken = BTreeSet::new();
    for panel in panels {
        let number = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        for x in number("x")..number("x") + number("w") {
            for y in number("y")..number("y") + number("h") {
                assert!(x < 24 && taken.insert((x, y)), "{} at {x},{y}", panel["title"]);
            }
        }
        let targets = panel["targets"].as_array().unwrap();
        assert!(
            targets
                .iter()
                .all(|target| named(target["expr"].as_str().unwrap()).len() == 1)
        );
    }
}

#[test]
fn every_alert_is_in_the_documents() {
    let rules: Value = serde_yaml::from_str(&file("deploy/watch-rules.yaml")).unwrap();
    let text = file("docs/watch-in-cluster.md");
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        let name = rule["alert"].as_str().unwrap();
        assert!(text.contains(&format!("| `{name}` |")), "{name}");
    }
}
