//! The history of a release, for a person: a row for each promotion, newest first, and what has moved to other releases.

use super::clean;
use super::table::{columns, utc_second};
use crate::model::inventory::{HistoryEntry, Inventory};
use crate::model::journal::HistoryOutcome;
use crate::model::plan::Waiver;
use std::io::{self, Write};
use std::iter;

/// Columns of the table.
const HEADER: [&str; 6] = ["REVISION", "RELEASE", "DIGEST", "WHEN", "WHO", "HOW IT ENDED"];

/// Writes it; `namespace` is the release's home.
pub fn history(inventory: &Inventory, namespace: &str, out: &mut dyn Write) -> io::Result<()> {
    let current = inventory.promoted().map(|entry| entry.revision);
    let rows = inventory
        .history
        .iter()
        .rev()
        .map(|entry| row(entry, current == Some(entry.revision)));
    write!(
        out,
        "{}",
        columns(iter::once(HEADER.map(String::from)).chain(rows), 3)
    )?;

    inventory
        .moved
        .iter()
        .try_for_each(|moved| writeln!(out, "{}", clean(&moved.sentence(namespace))))
}

fn row(entry: &HistoryEntry, is_current: bool) -> [String; 6] {
    let mark = if is_current { "*" } else { "" };
    [
        format!("{}{mark}", entry.revision),
        format!("{} {}", entry.release.name, entry.release.version),
        entry.release.digest.short().clone(),
        utc_second(entry.ended_at),
        entry.actor.clone(),
        describe_ending(entry),
    ]
}

fn describe_ending(entry: &HistoryEntry) -> String {
    let ending = match entry.ending {
        HistoryOutcome::Promoted => "promoted",
        HistoryOutcome::PromotedPruneIncomplete => "promoted, prune incomplete",
        // A revert that was asked for has no failure.
        HistoryOutcome::Reverted if entry.failure.is_some() => "failed, put back",
        HistoryOutcome::Reverted => "put back",
        HistoryOutcome::NotFullyReverted => "not fully put back",
    };
    let verified = entry.verification.as_ref();
    let verified = verified.map(|summary| format!("; {}", summary.message));
    let failure = entry.failure.as_ref();
    let cause = failure.map(|failure| format!(": {}", failure.cause.message));
    let waivers: String = entry.waivers.iter().map(describe_waiver).collect();
    format!(
        "{ending}{}{}{waivers}",
        verified.unwrap_or_default(),
        cause.unwrap_or_default()
    )
}

fn describe_waiver(waiver: &Waiver) -> String {
    let reason = waiver.reason.as_ref().map(|reason| format!(": {reason}"));
    format!(" (waived {waiver}{})", reason.unwrap_or_default())
}
