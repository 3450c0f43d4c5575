//! The live tree: what is being done at the top, then what is not settled yet, the worst first, the rest as counts.
//!
//! It is drawn over itself again and again: a line that wraps, or a line too many, would leave its rest on the
//! screen. Hence names and reasons are cut to the terminal, and no text brings a line end along. At the end it is printed
//! once more, and then nothing is cut.

use super::board::{Board, Row, RowState};
use super::text::{past_tense, phase_title};
use crate::model::phrase::{counted, format_seconds};
use crate::report::{Palette, Tone, clean, clean_line};
use std::time::Duration;

/// How the tree is drawn.
#[derive(Clone, Copy, Debug)]
pub struct TreeStyle {
    /// Whether it may have colours.
    pub color: bool,
    /// Columns.
    pub width: usize,
    /// Lines that it may take.
    pub height: usize,
}

impl TreeStyle {
    fn paint(self, tone: Tone, text: &str) -> String {
        Palette::new(self.color).paint(tone, text)
    }

    fn cut(self, text: &str, taken: usize) -> String {
        // However narrow it is: fewer columns tell nothing.
        let room = self.width.saturating_sub(taken).max(10);
        if text.chars().count() <= room {
            return text.to_owned();
        }

        let start: String = text.chars().take(room - 1).collect();
        format!("{start}…")
    }
}

/// A branch, and below it the cause of any trouble.
type Branch = (String, Option<String>);

/// The tree at this time after the run's start; empty where there is nothing to show yet.
pub fn tree(board: &Board, at: Duration, style: TreeStyle) -> Vec<String> {
    let Some(phase) = board.phase.and_then(phase_title) else {
        return Vec::new();
    };
    if board.rows().is_empty() {
        return Vec::new();
    }

    let mut branches = vec![count_branch(board, style)];
    let below = [settling(board.rows(), at), planned(board.rows())];
    let below: Vec<Branch> = below
        .into_iter()
        .flatten()
        .map(|text| (style.paint(Tone::Faint, &style.cut(&text, 4)), None))
        .collect();

    // The head, and what was counted.
    let room = style.height.saturating_sub(2 + below.len());
    branches.extend(worst_first(board.rows(), room, |row| branch(row, at, style)));
    branches.extend(below);

    let head = style.cut(&format!("{phase}  {}", format_seconds(at.as_secs())), 1);
    let mut lines = vec![style.paint(Tone::Heading, &head)];
    lines.extend(joined(branches));
    // A terminal of few rows: a line too many would scroll away from its place.
    lines.truncate(style.height.max(1));
    lines
}

/// What was done, as lines that stay.
pub fn outcome_tree(board: &Board, style: TreeStyle) -> Vec<String> {
    if board.rows().is_empty() {
        return Vec::new();
    }

    // Nothing is drawn over it: whatever is long takes two rows.
    let style = TreeStyle {
        width: usize::MAX,
        ..style
    };
    let mut rows: Vec<&Row> = board
        .rows()
        .iter()
        .filter(|row| row.state != RowState::Planned)
        .collect();
    rows.sort_by_key(|row| rank(row));
    // Half a screen: what comes after it is what a person looks for.
    let room = (style.height / 2).max(3);
    let mut branches: Vec<Branch> = rows.iter().take(room).map(|row| outcome(row, style)).collect();
    if rows.len() > room {
        branches.push((format!("… {} more", rows.len() - room), None));
    }

    let mut lines = vec![count_branch(board, style).0];
    lines.extend(joined(branches));
    lines
}

/// Branches below each other, the last one with a corner.
fn joined(branches: Vec<Branch>) -> Vec<String> {
    let last = branches.len();
    let mut lines = Vec::new();
    for (at, (text, below)) in branches.into_iter().enumerate() {
        let (corner, bar) = if at + 1 == last {
            ("└─", "  ")
        } else {
            ("├─", "│ ")
        };
        lines.push(format!("{corner} {text}"));
        lines.extend(below.map(|below| format!("{bar}   {below}")));
    }
    lines
}

/// How much is done, from the one source of all counts.
fn count_branch(board: &Board, style: TreeStyle) -> Branch {
    let counts = board.counts();
    let steps = match board.total() {
        Some(total) => format!("{} of {} done", counts.done, counted(total, "object")),
        None => format!("{} done", counted(counts.done, "object")),
    };
    // Of what nobody waits for nothing says that it is ready.
    let rollouts = counted(counts.rollouts, "rollout");
    let text = match counts.rollouts {
        0 => format!("✓ {steps}"),
        _ => format!("✓ {steps}, {} of {rollouts} ready", counts.ready),
    };
    (style.paint(Tone::Positive, &style.cut(&text, 4)), None)
}

/// The rows that need a look, as many as there is room for: failed ones, then those that are waited for, the longest first.
fn worst_first(rows: &[Row], room: usize, show: impl Fn(&Row) -> Branch) -> Vec<Branch> {
    let mut open: Vec<&Row> = rows.iter().filter(|row| rank(row) < SETTLED).collect();
    open.sort_by_key(|row| (rank(row), row.since));

    let mut branches = Vec::new();
    let mut taken = 0;
    for (shown, row) in open.iter().enumerate() {
        let branch = show(row);
        let lines = 1 + usize::from(branch.1.is_some());
        // The last line says how many more there are, where this is not the last.
        let reserved = usize::from(shown + 1 < open.len());
        if taken + lines + reserved > room {
            branches.push((format!("… {} more", open.len() - shown), None));
            break;
        }
        taken += lines;
        branches.push(branch);
    }
    branches
}

/// The rank from which on nothing is waited for.
const SETTLED: u8 = 4;

fn rank(row: &Row) -> u8 {
    match row.state {
        RowState::Failed(_) => 0,
        RowState::Waiting { .. } => 1,
        RowState::Unknown(_) => 2,
        RowState::Sent => 3,
        RowState::Settling { .. } | RowState::Applied | RowState::Ready | RowState::Planned => SETTLED,
    }
}

/// `12 Deployments settling, 4s left`.
fn settling(rows: &[Row], at: Duration) -> Option<String> {
    let settling = rows.iter().filter_map(|row| match row.state {
        RowState::Settling { until } => Some((row, until)),
        _ => None,
    });
    let settling: Vec<_> = settling.collect();
    let last = settling.iter().map(|(_, until)| *until).max()?;

    let (first, _) = settling.first()?;
    let is_one_kind = settling.iter().all(|(row, _)| row.id.kind == first.id.kind);
    let noun = if is_one_kind { &*first.id.kind } else { "object" };
    let count = counted(settling.len(), &clean(noun));
    // Rounded up: none left while it still settles would be wrong.
    let left = Duration::from_secs(last.saturating_sub(at).as_millis().div_ceil(1000) as u64);
    Some(format!(
        "~ {count} settling, {} left",
        format_seconds(left.as_secs())
    ))
}

/// `7 pending`.
fn planned(rows: &[Row]) -> Option<String> {
    let count = rows.iter().filter(|row| row.state == RowState::Planned).count();
    (count > 0).then(|| format!("· {count} pending"))
}

/// An object, and below it the cause of any trouble.
fn branch(row: &Row, at: Duration, style: TreeStyle) -> Branch {
    let id = row.id.to_string();
    // Before it is measured: an escape takes more columns than what it stands for.
    let id = clean(&id);
    let waited = format_seconds(at.saturating_sub(row.since).as_secs());

    // A branch and its sign take five columns, a branch alone three; one stays free.
    match &row.state {
        RowState::Waiting { done, total, why } => {
            let bar = bar(*done, *total);
            let text = format!("{id}  {bar} {done} of {total}  {waited}");
            let why = style.cut(&clean_line(why), 6);
            (
                format!("{} {}", style.paint(Tone::Notice, "~"), style.cut(&text, 6)),
                Some(style.paint(Tone::Faint, &why)),
            )
        }
        RowState::Sent => {
            let action = row.action.map_or("", past_tense);
            let text = format!("{id}  being {action}  {waited}");
            (format!("→ {}", style.cut(&text, 6)), None)
        }
        _ => outcome(row, style),
    }
}

/// What became of an object.
fn outcome(row: &Row, style: TreeStyle) -> Branch {
    let id = row.id.to_string();
    let id = clean(&id);
    let line = |sign: &str, tone, text: &str| format!("{} {}", style.paint(tone, sign), style.cut(text, 6));
    let below = |tone, why: &str| Some(style.paint(tone, &style.cut(&clean_line(why), 6)));

    match &row.state {
        RowState::Failed(why) => (line("✗", Tone::Negative, &id), below(Tone::Negative, why)),
        RowState::Unknown(why) => (line("?", Tone::Notice, &id), below(Tone::Faint, why)),
        RowState::Waiting { why, .. } => (line("~", Tone::Notice, &id), below(Tone::Faint, why)),
        RowState::Sent => (line("→", Tone::Notice, &id), None),
        RowState::Settling { .. } | RowState::Applied | RowState::Ready | RowState::Planned => {
            let ready = row
                .ready_after
                .map(|time| format!("ready after {}", format_seconds(time.as_secs())));
            let parts = row
                .action
                .map(past_tense)
                .map(str::to_owned)
                .into_iter()
                .chain(ready);
            let parts = parts.collect::<Vec<_>>().join(", ");
            (
                line("✓", Tone::Positive, format!("{id}  {parts}").trim_end()),
                None,
            )
        }
    }
}

fn bar(done: u32, total: u32) -> String {
    const WIDTH: u32 = 10;
    // Nothing to wait for is all of it.
    let filled = (WIDTH * done.min(total)).checked_div(total).unwrap_or(WIDTH);
    (0..WIDTH).map(|at| if at < filled { '█' } else { '░' }).collect()
}

#[cfg(test)]
mod tests;
