//! The status of releases as a table: a row each, and below it what is known of one release alone.

use super::table::columns;
use super::{clean, typed};
use crate::model::status::{ReleaseStatus, WorkloadStatus};
use std::io::{self, Write};
use std::iter;

/// Columns of the table.
const HEADER: [&str; 6] = ["NAMESPACE", "RELEASE", "VERSION", "REVISION", "STATE", "MESSAGE"];

/// Columns of a release's workloads.
const WORKLOAD_HEADER: [&str; 3] = ["  WORKLOAD", "HEALTH", "DRIFT"];

/// Writes them.
pub fn status(releases: &[ReleaseStatus], out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "{}",
        columns(
            iter::once(HEADER.map(String::from)).chain(releases.iter().map(row)),
            3
        )
    )?;
    releases.iter().try_for_each(|release| details(release, out))
}

fn row(release: &ReleaseStatus) -> [String; 6] {
    let revision = release.revision.map(|revision| revision.to_string());
    let none = || "-".to_owned();
    [
        release.namespace.clone(),
        release.name.clone(),
        release.version.clone().unwrap_or_else(none),
        revision.unwrap_or_else(none),
        release.phase.words().to_owned(),
        typed(&release.message).into_owned(),
    ]
}

fn details(release: &ReleaseStatus, out: &mut dyn Write) -> io::Result<()> {
    let not_verified = release.not_verified.as_ref();
    let not_verified =
        not_verified.map(|why| format!("  the stored state of {} is not verified: {why}\n", release.name));
    let moved = release.moved.iter();
    let moved = moved.map(|moved| format!("  {}\n", moved.sentence(&release.namespace)));

    let rollback = release.rollback.as_ref();
    let rollback = rollback.map(|rollback| format!("  rollback: {}\n", rollback.message));

    let mut lines = not_verified.into_iter().chain(moved).chain(rollback);
    lines.try_for_each(|line| write!(out, "{}", clean(&line)))?;
    write!(out, "{}", workloads(&release.workloads))
}

/// A row each, below a header of their own; nothing where there are none.
fn workloads(workloads: &[WorkloadStatus]) -> String {
    if workloads.is_empty() {
        return String::new();
    }

    let row = |workload: &WorkloadStatus| {
        // Which workload it is stands at the margin of what belongs to the release.
        let object = format!("  {}", workload.object);
        [object, workload.health.text().to_owned(), workload.drift.text()]
    };
    let header = WORKLOAD_HEADER.map(String::from);
    let table = columns(iter::once(header).chain(workloads.iter().map(row)), 3);

    // A cause is as long as it is: below its row it moves no column.
    let causes = iter::once(None).chain(workloads.iter().map(|workload| workload.health.cause()));
    let below = |cause: &str| clean(&format!("    {cause}\n")).into_owned();
    let rows = table.lines().zip(causes);
    rows.map(|(line, cause)| format!("{line}\n{}", cause.map(below).unwrap_or_default()))
        .collect()
}
