//! The history of a release as a table: a row for each promotion, newest first, and below it what moved to other releases.

use super::clean;
use super::table::columns;
use crate::model::moves::Moved;
use crate::model::phrase::utc;
use crate::model::plan::Waiver;
use crate::model::revision::{Revision, RevisionOutcome};
use std::io::{self, Write};
use std::iter;

/// Columns of the table.
const HEADER: [&str; 6] = ["REVISION", "RELEASE", "DIGEST", "ENDED", "ACTOR", "OUTCOME"];

/// Writes it; `namespace` is the release namespace.
pub fn history(
    revisions: &[Revision],
    moved: &[Moved],
    namespace: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let rows = iter::once(HEADER.map(String::from)).chain(revisions.iter().map(row));
    write!(out, "{}", columns(rows, 3))?;

    moved
        .iter()
        .try_for_each(|moved| writeln!(out, "{}", clean(&moved.sentence(namespace))))
}

/// Writes those of several releases, each by its release namespace.
pub fn histories<'h>(
    releases: impl Iterator<Item = (&'h str, &'h [Revision])>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let header = HEADER.map(String::from);
    let rows = releases.flat_map(|(namespace, revisions)| {
        let row = move |revision| named_row(namespace, row(revision));
        revisions.iter().map(row)
    });
    write!(
        out,
        "{}",
        columns(iter::once(named_row("NAMESPACE", header)).chain(rows), 3)
    )
}

fn named_row(namespace: &str, row: [String; 6]) -> [String; 7] {
    let [revision, release, digest, ended, actor, outcome] = row;
    [
        namespace.to_owned(),
        release,
        revision,
        digest,
        ended,
        actor,
        outcome,
    ]
}

fn row(revision: &Revision) -> [String; 6] {
    let mark = if revision.is_current { "*" } else { "" };
    [
        format!("{}{mark}", revision.revision),
        format!("{} {}", revision.release.name, revision.release.version),
        revision.release.digest.short().clone(),
        utc(revision.ended_at),
        revision.actor.clone(),
        describe_outcome(revision),
    ]
}

fn describe_outcome(revision: &Revision) -> String {
    let has_failed = revision.failure.is_some();
    let outcome = match revision.outcome {
        RevisionOutcome::Promoted => "promoted",
        RevisionOutcome::PromotedPruneIncomplete => "promoted, prune incomplete",
        RevisionOutcome::Deleted => "deleted",
        RevisionOutcome::Repaired => "repaired",
        RevisionOutcome::RolledBack if has_failed => "failed, rolled back",
        RevisionOutcome::RolledBack => "interrupted, rolled back",
        RevisionOutcome::RollbackIncomplete if has_failed => "failed, rollback incomplete",
        RevisionOutcome::RollbackIncomplete => "interrupted, rollback incomplete",
        RevisionOutcome::Reverted => "reverted",
        RevisionOutcome::RevertIncomplete => "revert incomplete",
    };

    // What is not said otherwise is of a promotion.
    let run = if revision.operation.is_promote() || revision.outcome == RevisionOutcome::Deleted {
        ""
    } else {
        "deletion "
    };

    let verified = revision.verification.as_ref();
    let verified = verified.map(|summary| format!("; {}", summary.message));
    let failure = revision.failure.as_ref();
    let cause = failure.map(|failure| format!(": {}", failure.cause.message));
    let waivers: String = revision.waivers.iter().map(describe_waiver).collect();
    format!(
        "{run}{outcome}{}{}{waivers}",
        verified.unwrap_or_default(),
        cause.unwrap_or_default()
    )
}

fn describe_waiver(waiver: &Waiver) -> String {
    let reason = waiver.reason.as_ref().map(|reason| format!(": {reason}"));
    let by = if waiver.automatic { "automatically " } else { "" };
    format!(" (waived {by}{waiver}{})", reason.unwrap_or_default())
}
