//! The series of one snapshot. Names and labels are public: docs/watch-in-cluster.md has the table.
//!
//! `release_namespace` and not `namespace`: Prometheus gives every series the namespace of the pod that it scraped as `namespace`.

use crate::model::drift::{Coverage, DriftKind, DriftSnapshot, ReleaseCondition, ReleaseDrift};
use crate::model::moves::ReleaseRef;
use crate::notify::bounds::{REST, ShownReleases, bounded, shown_releases};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Series of findings of one release; the rest is added up under `_other`.
const SERIES_OF_A_RELEASE: usize = 50;
/// Series of findings after which each further release has one.
const SERIES_OF_FINDINGS: usize = 10_000;
/// Series of errors of watches; the rest is added up under `_other`.
const SERIES_OF_ERRORS: usize = 1_000;

/// Labels of one series. Those of one family have the same names.
type Labels = Vec<(&'static str, String)>;

/// Series of what is known.
#[derive(Debug)]
pub(super) struct SnapshotCollector {
    /// None before the first one, and where another replica reports.
    pub snapshot: Option<Arc<DriftSnapshot>>,
    /// Whether this replica reports.
    pub is_leading: bool,
}

impl Collector for SnapshotCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut families = Families(&mut encoder);
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        families.gauge("build_info", "The version of kubectl-delivery", [(version, 1)])?;
        let leader = [(Labels::new(), i64::from(self.is_leading))];
        families.gauge("leader", "Whether this replica watches and reports", leader)?;
        // Nothing is said of releases that this replica does not watch: zero would be "in sync".
        let Some(snapshot) = &self.snapshot else {
            return Ok(());
        };

        let releases = shown_releases(snapshot);
        families.findings(&releases)?;
        families.releases(&releases)?;
        families.watch(snapshot)?;
        families.sinks(snapshot)
    }
}

/// What writes families, one after the other.
struct Families<'a, 'e>(&'a mut DescriptorEncoder<'e>);

impl Families<'_, '_> {
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels, i64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in series {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// Its name ends with `_total` where it is written.
    fn counter(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in series {
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn findings(&mut self, releases: &ShownReleases<'_>) -> fmt::Result {
        let mut drift = Vec::new();
        let mut unknown = Vec::new();
        let mut folded = 0;
        for (release, found) in &releases.shown {
            let most = if drift.len() < SERIES_OF_FINDINGS {
                SERIES_OF_A_RELEASE
            } else {
                1
            };
            let counts = count_drift(found);
            let shown = fold(counts, most, || [REST, REST, REST].map(str::to_owned));
            folded += shown.folded;
            drift.extend(shown.counts.into_iter().map(|([kind, finding, manager], count)| {
                let labels = [("kind", kind), ("finding", finding), ("changed_by", manager)];
                (with_release(release, labels), count)
            }));
            let kinds = fold(count_unknown(found), SERIES_OF_A_RELEASE, || REST.to_owned());
            folded += kinds.folded;
            unknown.extend(
                kinds
                    .counts
                    .into_iter()
                    .map(|(kind, count)| (with_release(release, [("kind", kind)]), count)),
            );
        }

        self.gauge("drift_findings", "Open findings that are drift", drift)?;
        let help = "Open findings that something could not be verified";
        self.gauge("unknown_findings", help, unknown)?;
        let help = "Findings that are added up under _other";
        self.gauge("folded_findings", help, [(Labels::new(), folded)])
    }

    fn releases(&mut self, releases: &ShownReleases<'_>) -> fmt::Result {
        let ShownReleases { shown, omitted } = releases;
        let each = |value: fn(&ReleaseDrift) -> Option<i64>| {
            let series = shown
                .iter()
                .filter_map(move |(release, drift)| Some((with_release(release, []), value(drift)?)));
            series.collect::<Vec<_>>()
        };

        let info = shown.iter().map(|(release, drift)| {
            let version = bounded(drift.version.as_deref().unwrap_or_default());
            let revision = drift.revision.map(|revision| revision.to_string());
            let labels = [("version", version), ("revision", revision.unwrap_or_default())];
            (with_release(release, labels), 1)
        });
        self.gauge("release_info", "The promoted version and revision", info)?;
        let conditions = shown
            .iter()
            .flat_map(|(release, drift)| conditions(release, &drift.condition));
        self.gauge(
            "release_condition",
            "1 for the condition of the watch",
            conditions,
        )?;
        let help = "Objects that are compared";
        self.gauge("release_objects", help, each(|drift| Some(number(drift.objects))))?;
        let help = "What the last comparison could not verify";
        let unverified = shown
            .iter()
            .flat_map(|(release, drift)| count_unverified(release, drift));
        self.gauge("release_unverified", help, unverified)?;
        let help = "When the release was last compared as a whole";
        let verified = each(|drift| drift.last_verified.map(jiff::Timestamp::as_second));
        self.gauge("release_last_verified_timestamp_seconds", help, verified)?;
        let help = "Watched releases without series of their own, because there are too many";
        self.gauge("releases_omitted", help, [(Labels::new(), number(*omitted))])
    }

    fn watch(&mut self, snapshot: &DriftSnapshot) -> fmt::Result {
        let plain = |value: i64| [(Labels::new(), value)];
        self.gauge(
            "releases",
            "Watched releases",
            plain(number(snapshot.releases.len())),
        )?;
        let help = "Whether every release was compared once";
        self.gauge("ready", help, plain(i64::from(snapshot.is_ready)))?;
        let help = "When the watch last reported";
        self.gauge("snapshot_timestamp_seconds", help, plain(snapshot.at.as_second()))?;
        self.gauge("watches", "Watches", plain(number(snapshot.watches)))?;
        let help = "Watches that do not follow at the moment";
        self.gauge("watches_failing", help, plain(number(snapshot.failing_watches)))?;

        let errors = snapshot.watch_errors.iter().map(|(key, count)| {
            let namespace = bounded(key.namespace.as_deref().unwrap_or_default());
            let labels = [bounded(&key.resource), namespace, key.reason.as_str().to_owned()];
            (labels, i64::try_from(*count).unwrap_or(i64::MAX))
        });
        let shown = fold(errors.collect(), SERIES_OF_ERRORS, || {
            [REST, REST, REST].map(str::to_owned)
        });
        let errors = shown
            .counts
            .into_iter()
            .map(|([resource, namespace, reason], count)| {
                let labels = [
                    ("resource", resource),
                    ("watched_namespace", namespace),
                    ("reason", reason),
                ];
                (Vec::from(labels), u64::try_from(count).unwrap_or_default())
            });
        self.counter("watch_errors", "Errors of watches and lists", errors)
    }

    fn sinks(&mut self, snapshot: &DriftSnapshot) -> fmt::Result {
        let of_each = |value: fn(&crate::model::drift::SinkFailures) -> u64| {
            let sinks = snapshot.sink_failures.iter();
            sinks.map(move |(name, failures)| (vec![("sink", bounded(name))], value(failures)))
        };
        let help = "Deliveries that failed, whether they were tried again or not";
        self.counter("sink_failures", help, of_each(|failures| failures.failed))?;
        let help = "Events that were given up";
        self.counter("sink_dropped_events", help, of_each(|failures| failures.dropped))
    }
}

/// Open drift by kind, finding and field manager.
fn count_drift(drift: &ReleaseDrift) -> BTreeMap<[String; 3], i64> {
    let mut counts = BTreeMap::new();
    for open in drift.open.iter().map(|open| &open.finding) {
        if open.kind != DriftKind::Unknown {
            let manager = open
                .changed_by
                .as_ref()
                .map(|by| by.manager.as_str())
                .unwrap_or_default();
            let kind = object_kind(open.object.as_ref());
            *counts
                .entry([kind, open.kind.as_str().into(), bounded(manager)])
                .or_default() += 1;
        }
    }
    counts
}

/// What is unknown, by kind.
fn count_unknown(drift: &ReleaseDrift) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for open in drift.open.iter().map(|open| &open.finding) {
        if open.kind.is_unknown() {
            *counts.entry(object_kind(open.object.as_ref())).or_default() += 1;
        }
    }
    counts
}

/// Empty where a finding is about the release as a whole.
fn object_kind(object: Option<&crate::model::ObjectId>) -> String {
    object.map(|object| bounded(&object.kind)).unwrap_or_default()
}

/// Counts of which only so many are shown, the largest; the rest is added up, so that the sum stays.
struct Folded<K> {
    counts: BTreeMap<K, i64>,
    folded: i64,
}

fn fold<K: Ord + Clone>(counts: BTreeMap<K, i64>, most: usize, rest: impl FnOnce() -> K) -> Folded<K> {
    if counts.len() <= most {
        return Folded { counts, folded: 0 };
    }
    let mut ordered: Vec<(K, i64)> = counts.into_iter().collect();
    // Stable: of equal counts those of the first names are shown, at each scrape the same.
    ordered.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let folded = ordered.split_off(most - 1).iter().map(|(_, count)| count).sum();
    let mut counts: BTreeMap<K, i64> = ordered.into_iter().collect();
    *counts.entry(rest()).or_default() += folded;
    Folded { counts, folded }
}

/// Each condition, with 1 for that of the release.
fn conditions(release: &ReleaseRef, condition: &ReleaseCondition) -> [(Labels, i64); 4] {
    let now = match condition {
        ReleaseCondition::Pending => "pending",
        ReleaseCondition::Watched => "watched",
        ReleaseCondition::Promoting => "promoting",
        ReleaseCondition::Failing { .. } => "failing",
    };
    ["pending", "watched", "promoting", "failing"].map(|name| {
        let labels = with_release(release, [("condition", name.to_owned())]);
        (labels, i64::from(name == now))
    })
}

/// Zero as well: a release of which all was verified says so.
fn count_unverified(release: &ReleaseRef, drift: &ReleaseDrift) -> [(Labels, i64); 4] {
    Coverage::ALL.map(|coverage| {
        let count = drift.unverified.get(&coverage).copied().unwrap_or_default();
        let labels = with_release(release, [("coverage", coverage.as_str().to_owned())]);
        (labels, number(count))
    })
}

fn with_release<const N: usize>(release: &ReleaseRef, labels: [(&'static str, String); N]) -> Labels {
    let names = [
        ("release_namespace", bounded(&release.namespace)),
        ("release", bounded(&release.name)),
    ];
    names.into_iter().chain(labels).collect()
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
