//! What is known of several releases: what every format lays out, and what `-o json` writes.
//!
//! Health, drift and images are three facts, and none is said for another. What could not be read is unknown, and counts as
//! such: it is never in sync.

use super::super::view::View;
use crate::model::ClusterIdentity;
use crate::model::phrase::counted;
use crate::model::status::HealthState;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// Several releases.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManyView {
    /// Version of this schema.
    pub schema_version: u32,
    /// The cluster.
    pub cluster: ClusterIdentity,
    /// When the comparison began.
    pub compared_at: Timestamp,
    /// One line.
    pub headline: String,
    /// Counts.
    pub summary: ManySummary,
    /// The releases, by namespace and name.
    pub releases: Vec<ReleaseView>,
    /// Whether they are of several namespaces: rows name them then.
    #[serde(skip)]
    pub names_namespace: bool,
}

/// Counts of releases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManySummary {
    /// All of them.
    pub releases: usize,
    /// Those without a difference that nothing expects.
    pub in_sync: usize,
    /// Those with one.
    pub drifted: usize,
    /// Those of which something could not be read.
    pub unknown: usize,
    /// Those of which no revision is promoted: there is nothing to compare.
    pub not_promoted: usize,
}

/// One release.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseView {
    /// The release namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The promoted version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The promoted revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// Whether its workloads work; none where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<ReleaseHealth>,
    /// Whether it differs from what was promoted.
    pub drift: DriftState,
    /// What its containers run.
    pub images: ImageCounts,
    /// The field managers of what differs, the last one first.
    pub changed_by: Vec<String>,
    /// When the first of what differs was written, as far as managers say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why it could not be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The comparison: what `diff` writes of one release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<View>,
    /// Whether something could not be read that no waiver names.
    #[serde(skip)]
    pub is_incomplete: bool,
}

/// Whether a release differs from what was promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DriftState {
    /// It does not.
    InSync,
    /// It does.
    Drifted,
    /// What was read does not differ, and something could not be read.
    Unknown,
    /// No revision of it is promoted.
    NotPromoted,
}

/// Whether the workloads of a release work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseHealth {
    /// The worst state of one of them.
    pub state: HealthState,
    /// Why they are not ready, one sentence for each that is not.
    pub causes: Vec<String>,
}

/// Containers by what is known of their images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageCounts {
    /// Whether what runs was read.
    pub is_read: bool,
    /// Those that run what was tested.
    pub verified: usize,
    /// Those that run something else.
    pub differ: usize,
    /// Those of which it is not known.
    pub unknown: usize,
}

/// What is known of a release besides its comparison.
#[derive(Clone, Debug)]
pub struct ReleaseFacts {
    /// The release namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The promoted version and revision.
    pub promoted: Option<(String, u32)>,
    /// What its containers run.
    pub images: ImageCounts,
    /// Whether its workloads work; none where it has none.
    pub health: Option<ReleaseHealth>,
}

impl ReleaseView {
    /// A release that was compared. `is_incomplete` is whether something could not be read that no waiver names.
    pub fn compared(facts: ReleaseFacts, diff: View, is_incomplete: bool) -> Self {
        let drift = match &diff.summary {
            summary if summary.has_differences() => DriftState::Drifted,
            summary if summary.unchecked > 0 => DriftState::Unknown,
            _ => DriftState::InSync,
        };
        let writes = writes(&diff);
        let since = writes.iter().filter_map(|(time, _)| *time).min();
        let mut changed_by: Vec<String> = Vec::new();
        for (_, manager) in writes {
            if !changed_by.contains(&manager) {
                changed_by.push(manager);
            }
        }
        Self {
            drift,
            changed_by,
            since,
            diff: Some(diff),
            is_incomplete,
            ..Self::new(facts, DriftState::InSync)
        }
    }

    /// A release that could not be compared.
    pub fn unknown(facts: ReleaseFacts, error: String) -> Self {
        Self {
            error: Some(error),
            is_incomplete: true,
            ..Self::new(facts, DriftState::Unknown)
        }
    }

    /// A release of which no revision is promoted.
    pub fn not_promoted(facts: ReleaseFacts) -> Self {
        Self::new(facts, DriftState::NotPromoted)
    }

    fn new(facts: ReleaseFacts, drift: DriftState) -> Self {
        let (version, revision) = facts.promoted.unzip();
        Self {
            namespace: facts.namespace,
            name: facts.name,
            version,
            revision,
            health: facts.health,
            drift,
            images: facts.images,
            changed_by: Vec::new(),
            since: None,
            error: None,
            diff: None,
            is_incomplete: false,
        }
    }

    /// Name and version.
    pub(super) fn title(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }

    /// The same, with the namespace where several are shown.
    pub(super) fn full_title(&self, names_namespace: bool) -> String {
        if names_namespace {
            format!("{} in namespace {}", self.title(), self.namespace)
        } else {
            self.title()
        }
    }

    /// Why it is shown below the table: it differs, or something of it is unknown or not ready.
    pub(super) fn has_findings(&self) -> bool {
        self.error.is_some()
            || self.diff.as_ref().is_some_and(|diff| !diff.summary.is_clean())
            || !self.not_ready().is_empty()
    }

    /// Its workloads that are not ready, a sentence each.
    pub(super) fn not_ready(&self) -> &[String] {
        self.health.as_ref().map_or(&[], |health| &health.causes)
    }
}

/// Who wrote what is not expected, and when: the last write first.
fn writes(diff: &View) -> Vec<(Option<Timestamp>, String)> {
    let changes = diff.objects.iter().flat_map(|object| &object.changes);
    let unexpected = changes.filter(|change| change.expected.is_none());
    let owners: BTreeSet<_> = unexpected
        .filter_map(|change| change.owner.as_ref())
        .map(|owner| (owner.time, owner.manager.clone()))
        .collect();
    owners.into_iter().rev().collect()
}

impl ManyView {
    /// Of releases in their order.
    pub fn new(cluster: ClusterIdentity, compared_at: Timestamp, releases: Vec<ReleaseView>) -> Self {
        let count = |is: fn(&ReleaseView) -> bool| releases.iter().filter(|release| is(release)).count();
        let summary = ManySummary {
            releases: releases.len(),
            in_sync: count(|release| release.drift == DriftState::InSync),
            drifted: count(|release| release.drift == DriftState::Drifted),
            unknown: count(|release| release.error.is_some() || release.is_incomplete),
            not_promoted: count(|release| release.drift == DriftState::NotPromoted),
        };
        let namespaces: BTreeSet<&str> = releases.iter().map(|release| &*release.namespace).collect();
        Self {
            schema_version: 1,
            cluster,
            compared_at,
            headline: headline(&summary),
            names_namespace: namespaces.len() > 1,
            summary,
            releases,
        }
    }

    /// Whether a release has a difference that nothing expects.
    pub fn has_differences(&self) -> bool {
        self.summary.drifted > 0
    }

    /// The releases of which something could not be read that no waiver names.
    pub fn incomplete(&self) -> impl Iterator<Item = &ReleaseView> {
        self.releases.iter().filter(|release| release.is_incomplete)
    }

    /// Whether all is in sync, and all of it is known.
    pub(super) fn is_clean(&self) -> bool {
        !self.has_differences() && self.summary.unknown == 0
    }
}

fn headline(summary: &ManySummary) -> String {
    let counts = [
        (summary.drifted, "drifted"),
        (summary.unknown, "unknown"),
        (summary.not_promoted, "not promoted"),
        (summary.in_sync, "in sync"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
    format!("{}: {}", counted(summary.releases, "release"), counts.join(", "))
}
