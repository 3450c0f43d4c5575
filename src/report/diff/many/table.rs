//! The table of all releases: what each cell says, for every format that has one.

use super::view::{DriftState, ImageCounts, ManyView, ReleaseView};
use crate::model::phrase::{ago, counted, list_first, utc};
use crate::model::status::HealthState;
use jiff::Timestamp;

/// Columns of the table.
const HEADER: [&str; 7] = [
    "NAMESPACE",
    "RELEASE",
    "HEALTH",
    "DRIFT",
    "IMAGES",
    "CHANGED BY",
    "SINCE",
];
/// Field managers that a row names; more are counted.
const NAMED: usize = 2;

/// The columns' names.
pub(super) fn header(view: &ManyView) -> Vec<String> {
    cells(view, HEADER.map(String::from))
}

/// The cells of a row; a page that is kept has absolute times.
pub(super) fn row(view: &ManyView, release: &ReleaseView, is_kept: bool) -> Vec<String> {
    let since = release.since.map(|since| time(since, view.compared_at, is_kept));
    let managers = list_first(release.changed_by.iter(), NAMED, ", ");
    let texts = [
        release.namespace.clone(),
        release.title(),
        health(release).to_owned(),
        drift(release),
        images(release),
        or_none(managers),
        or_none(since.unwrap_or_default()),
    ];
    cells(view, texts)
}

fn cells(view: &ManyView, texts: [String; 7]) -> Vec<String> {
    let skipped = usize::from(!view.names_namespace);
    texts.into_iter().skip(skipped).collect()
}

fn time(since: Timestamp, now: Timestamp, is_kept: bool) -> String {
    if is_kept { utc(since) } else { ago(since, now) }
}

fn or_none(text: String) -> String {
    if text.is_empty() { "-".into() } else { text }
}

fn health(release: &ReleaseView) -> &'static str {
    match release.health.as_ref().map(|health| health.state) {
        Some(HealthState::Ready) => "ready",
        Some(HealthState::Progressing) => "progressing",
        Some(HealthState::Failed) => "failed",
        Some(HealthState::Unknown) => "unknown",
        None => "-",
    }
}

/// What differs besides images, counted; what is not known says so.
fn drift(release: &ReleaseView) -> String {
    let Some(diff) = &release.diff else {
        let is_nothing = release.drift == DriftState::NotPromoted;
        return if is_nothing { "not promoted" } else { "unknown" }.into();
    };
    let summary = &diff.summary;
    let objects = summary.differ + summary.missing + summary.being_deleted + summary.extra;
    let others = summary.untested + summary.stale + summary.would_not_start + summary.requirements;
    let other = if objects > 0 { "other finding" } else { "finding" };
    let parts = [
        (objects > 0).then(|| counted(objects, "object")),
        (others > 0).then(|| counted(others, other)),
        (summary.unchecked > 0).then(|| format!("{} unknown", summary.unchecked)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "in sync".into()
    } else {
        parts.join(", ")
    }
}

fn images(release: &ReleaseView) -> String {
    let ImageCounts {
        is_read,
        verified,
        differ,
        unknown,
    } = release.images;
    if !is_read {
        let is_nothing = release.drift == DriftState::NotPromoted;
        return if is_nothing { "-" } else { "unknown" }.into();
    }
    let differs = if differ == 1 { "differs" } else { "differ" };
    let parts = [
        (differ > 0).then(|| format!("{differ} {differs}")),
        (unknown > 0).then(|| format!("{unknown} unknown")),
        (verified > 0 && differ + unknown == 0).then(|| format!("{verified} verified")),
    ];
    or_none(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}
