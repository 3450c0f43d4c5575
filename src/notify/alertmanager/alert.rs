//! The alerts of a snapshot: one for an object and what is the matter with it, however many of its fields differ.
//!
//! Labels are what an alert is known by, also to another replica: who changed it, and which fields, are annotations. Neither
//! holds a value of a field.

use crate::model::drift::{DriftSnapshot, OpenFinding, ReleaseDrift};
use crate::model::moves::ReleaseRef;
use crate::model::names::docs_url;
use crate::model::phrase::{counted, list_first};
use crate::notify::bounds::{REST, bounded, shown_releases};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Alerts of one release; the rest is one alert more.
const ALERTS_OF_A_RELEASE: usize = 50;
/// Fields and field managers that are named.
const NAMED: usize = 10;

/// Names and values.
pub(super) type Labels = BTreeMap<String, String>;

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alert {
    pub labels: Labels,
    annotations: Labels,
    starts_at: Timestamp,
}

impl Alert {
    /// Whether both say the same: since when is no news.
    pub(super) fn reads_as(&self, other: &Self) -> bool {
        self.annotations == other.annotations
    }

    /// As the API takes it: it fires until `ends_at`.
    pub(super) fn as_json(&self, ends_at: Timestamp) -> Value {
        json!({
            "labels": self.labels, "annotations": self.annotations,
            "startsAt": self.starts_at.to_string(),
            // Alertmanager refuses one that ends before it starts, as it does after a clock was set back.
            "endsAt": ends_at.max(self.starts_at).to_string(),
        })
    }
}

/// All alerts that fire, with labels that each of them gets.
pub(super) fn alerts(snapshot: &DriftSnapshot, common: &Labels) -> Vec<Alert> {
    let releases = shown_releases(snapshot);
    let mut found: Vec<Alert> = releases
        .shown
        .iter()
        .flat_map(|(release, drift)| alerts_of_release(release, drift))
        .collect();
    found.extend((releases.omitted > 0).then(|| omitted_releases(releases.omitted, snapshot.at)));

    for alert in &mut found {
        for (name, value) in common {
            alert.labels.entry(name.clone()).or_insert_with(|| value.clone());
        }
        // Alertmanager takes an empty label for one that is not there.
        alert.labels.retain(|_, value| !value.is_empty());
    }
    found
}

fn alerts_of_release(release: &ReleaseRef, drift: &ReleaseDrift) -> Vec<Alert> {
    let mut groups: BTreeMap<Labels, Vec<&OpenFinding>> = BTreeMap::new();
    for open in &drift.open {
        groups.entry(labels(release, open)).or_default().push(open);
    }
    if groups.len() <= ALERTS_OF_A_RELEASE {
        return groups.into_iter().map(group_alert).collect();
    }

    let mut groups: Vec<_> = groups.into_iter().collect();
    let rest: Vec<&OpenFinding> = groups
        .split_off(ALERTS_OF_A_RELEASE - 1)
        .into_iter()
        .flat_map(|(_, open)| open)
        .collect();
    let mut found: Vec<Alert> = groups.into_iter().map(group_alert).collect();
    found.push(rest_alert(release, &rest));
    found
}

/// What the alert of a finding is known by.
fn labels(release: &ReleaseRef, open: &OpenFinding) -> Labels {
    let finding = &open.finding;
    let object = finding.object.as_ref();
    let mut labels = release_labels(release, alert_name(finding.kind.is_unknown()));
    labels.insert("finding".into(), finding.kind.as_str().into());
    if let Some(object) = object {
        labels.insert("kind".into(), bounded(&object.kind));
        labels.insert("name".into(), bounded(&object.name));
        // Of a cluster-scoped object there is none.
        labels.insert(
            "namespace".into(),
            bounded(object.namespace.as_deref().unwrap_or_default()),
        );
        labels.insert("group".into(), bounded(&object.group));
    }
    labels
}

fn release_labels(release: &ReleaseRef, name: &str) -> Labels {
    let labels = [
        ("alertname", name.to_owned()),
        ("severity", "warning".to_owned()),
        ("release_namespace", bounded(&release.namespace)),
        ("release", bounded(&release.name)),
        // Alerts are routed by it.
        ("namespace", bounded(&release.namespace)),
    ];
    labels.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The names that the rule file has as well: routes need not know who sends.
fn alert_name(is_unknown: bool) -> &'static str {
    if is_unknown {
        "ReleaseNotVerified"
    } else {
        "ReleaseDrift"
    }
}

fn group_alert((labels, open): (Labels, Vec<&OpenFinding>)) -> Alert {
    let first = open.first();
    let object = first
        .and_then(|open| open.finding.object.as_ref())
        .map(ToString::to_string);
    let words = first.map(|open| open.finding.kind.words()).unwrap_or_default();
    let release = first.map(|open| release_text(open)).unwrap_or_default();
    let subject = object.unwrap_or_else(|| "the release".into());
    let summary = bounded(&format!("{subject}: {words} ({release})"));

    let paths = open.iter().filter_map(|open| open.finding.path.as_deref());
    let paths: BTreeSet<&str> = paths.collect();
    let messages: BTreeSet<&str> = open
        .iter()
        .filter_map(|open| open.finding.message.as_deref())
        .collect();
    alert(
        labels,
        &open,
        [
            ("summary", summary),
            ("fields", named(&paths)),
            ("description", named(&messages)),
        ],
    )
}

/// One alert for what has none of its own.
fn rest_alert(release: &ReleaseRef, rest: &[&OpenFinding]) -> Alert {
    let is_unknown = rest.iter().all(|open| open.finding.kind.is_unknown());
    let mut labels = release_labels(release, alert_name(is_unknown));
    labels.insert("finding".into(), REST.into());
    let text = rest.first().map(|open| release_text(open)).unwrap_or_default();
    let summary = format!("{} more ({text})", counted(rest.len(), "finding"));
    alert(labels, rest, [("summary", summary)])
}

/// Of releases that are not shown one by one nothing is known where alerts are read, and silence would be "in sync".
fn omitted_releases(omitted: usize, at: Timestamp) -> Alert {
    let labels = [("alertname", "DriftReleasesOmitted"), ("severity", "warning")];
    let summary = format!(
        "{} are watched without alerts of their own",
        counted(omitted, "release")
    );
    Alert {
        labels: labels
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        annotations: [("summary".to_owned(), summary)].into(),
        starts_at: at,
    }
}

fn alert<const N: usize>(labels: Labels, open: &[&OpenFinding], texts: [(&str, String); N]) -> Alert {
    let managers: BTreeSet<&str> = open
        .iter()
        .filter_map(|open| Some(open.finding.changed_by.as_ref()?.manager.as_str()))
        .collect();
    let always = [
        ("changed_by", named(&managers)),
        ("runbook_url", docs_url("watch-in-cluster.md")),
    ];
    let texts = texts.into_iter().chain(always);
    Alert {
        labels,
        annotations: texts
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| (name.to_owned(), text))
            .collect(),
        starts_at: open
            .iter()
            .map(|open| open.first_seen)
            .min()
            .unwrap_or(Timestamp::UNIX_EPOCH),
    }
}

/// The first of them, each with a bound.
fn named(texts: &BTreeSet<&str>) -> String {
    list_first(texts.iter().map(|text| bounded(text)), NAMED, ", ")
}

/// `release shop/web 1.4.2`.
fn release_text(open: &OpenFinding) -> String {
    let version = open.version.as_deref().unwrap_or_default();
    format!("release {} {version}", open.release)
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::drift::DriftKind;
    use crate::notify::samples::{finding, snapshot};

    fn of(open: Vec<OpenFinding>) -> Vec<Alert> {
        alerts(&snapshot([("shop", "web".to_owned(), open)]), &Labels::new())
    }

    #[test]
    fn an_object_has_one_alert_for_all_its_changed_fields_with_who_changed_them() {
        let found = of(vec![
            finding(DriftKind::Changed, "web", "/spec/replicas", "kubectl-edit"),
            finding(DriftKind::Changed, "web", "/spec/paused", "helm"),
            finding(DriftKind::Unknown, "api", "", ""),
        ]);

        let [changed, unknown] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(unknown.labels["alertname"], "ReleaseNotVerified");
        let labels = json!({"alertname": "ReleaseDrift", "severity": "warning", "release_namespace": "shop", "release": "web",
            "namespace": "shop", "kind": "Deployment", "group": "apps", "name": "web", "finding": "changed"});
        assert_eq!(json!(changed.labels), labels);
        assert_eq!(changed.annotations["changed_by"], "helm, kubectl-edit");
        assert_eq!(changed.annotations["fields"], "/spec/paused, /spec/replicas");
        assert_eq!(
            changed.annotations["summary"],
            "Deployment shop/web: changed (release shop/web 1.4.2)"
        );
    }

    #[test]
    fn who_changed_it_is_no_part_of_what_an_alert_is_known_by() {
        let alert = |manager: &str| of(vec![finding(DriftKind::Changed, "web", "/spec", manager)]).remove(0);
        assert_eq!(alert("a").labels, alert("b").labels);
        assert_ne!(alert("a"), alert("b"));
    }

    #[test]
    fn a_crowd_of_objects_is_some_alerts_and_one_for_the_rest() {
        let crowd = (0..200).map(|number| finding(DriftKind::Missing, &format!("web-{number}"), "", ""));
        let found = of(crowd.collect());

        assert_eq!(found.len(), ALERTS_OF_A_RELEASE);
        let rest = found
            .iter()
            .find(|alert| alert.labels["finding"] == REST)
            .unwrap();
        assert_eq!(
            rest.annotations["summary"],
            "151 findings more (release shop/web 1.4.2)"
        );
    }

    #[test]
    fn labels_of_the_user_are_on_each_alert_and_change_none() {
        let open = vec![finding(DriftKind::Changed, "web", "/spec", "")];
        let snapshot = snapshot([("shop", "web".to_owned(), open)]);
        let common = [("cluster", "prod-eu"), ("release", "other")];
        let common = common
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let found = alerts(&snapshot, &common);
        assert_eq!(
            (&*found[0].labels["cluster"], &*found[0].labels["release"]),
            ("prod-eu", "web")
        );
    }

    #[test]
    fn an_alert_never_ends_before_it_starts() {
        let alert = of(vec![finding(DriftKind::Changed, "web", "/spec", "")]).remove(0);
        let json = alert.as_json(Timestamp::UNIX_EPOCH);
        assert_eq!(json["endsAt"], json["startsAt"]);
    }
}
