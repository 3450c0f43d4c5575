//! The live tree: what is being done at the top, then whatever is not settled yet, the rest as counts.
//!
//! It is drawn over itself again and again: a line that wraps, or a line too many, would leave its rest on the
//! screen. Hence names and reasons are cut to the terminal, and no text brings a line end along.

use super::board::{Board, Row, RowState};
use super::text::{past_tense, phase_title};
use crate::report::{Palette, Tone, clean};
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

/// The tree at this time after the run's start; empty where there is nothing to show yet.
pub fn tree(board: &Board, at: Duration, style: TreeStyle) -> Vec<String> {
    let rows = board.rows();
    if rows.is_empty() || board.phase.and_then(phase_title).is_none() {
        return Vec::new();
    }

    let settled = |row: &&Row| matches!(row.state, RowState::Ready | RowState::Applied);
    let moving = |row: &&Row| !settled(row) && row.state != RowState::Planned;
    let (done, planned) = (
        rows.iter().filter(settled).count(),
        rows.iter().filter(|row| row.state == RowState::Planned).count(),
    );

    let phase = board.phase.and_then(phase_title).unwrap_or_default();
    let head = format!("{phase}  {:.1} s", at.as_secs_f64());
    let mut lines = vec![style.paint(Tone::Heading, &head)];

    let mut branches: Vec<(String, Option<String>)> = Vec::new();
    if done > 0 {
        branches.push((
            style.paint(Tone::Positive, &format!("✓ {done} of {} objects", rows.len())),
            None,
        ));
    }

    // Two lines an object; the head and three lines of counts take the other four.
    let room = (style.height.saturating_sub(4) / 2).max(1);
    let active: Vec<&Row> = rows.iter().filter(moving).collect();
    branches.extend(active.iter().take(room).map(|row| branch(row, style)));
    if active.len() > room {
        branches.push((format!("… {} more", active.len() - room), None));
    }

    if planned > 0 {
        branches.push((style.paint(Tone::Faint, &format!("· {planned} to come")), None));
    }

    let last = branches.len();
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

/// An object, and below it the cause of any trouble.
fn branch(row: &Row, style: TreeStyle) -> (String, Option<String>) {
    let id = row.id.to_string();
    // Before it is measured: an escape takes more columns than what it stands for.
    let id = clean(&id);

    // A branch and its sign take five columns, a branch alone three; one stays free.
    match &row.state {
        RowState::Waiting { done, total, why } => {
            let bar = bar(*done, *total);
            let text = format!("{id}  {bar} {done} of {total}");
            let why = style.cut(&one_line(why), 6);
            (
                format!("{} {}", style.paint(Tone::Notice, "~"), style.cut(&text, 6)),
                Some(style.paint(Tone::Faint, &why)),
            )
        }
        RowState::Failed(why) => {
            let why = style.cut(&one_line(why), 6);
            (
                format!("{} {}", style.paint(Tone::Negative, "✗"), style.cut(&id, 6)),
                Some(style.paint(Tone::Negative, &why)),
            )
        }
        RowState::Unknown(why) => {
            let why = style.cut(&one_line(why), 6);
            (
                format!("{} {}", style.paint(Tone::Notice, "?"), style.cut(&id, 6)),
                Some(style.paint(Tone::Faint, &why)),
            )
        }
        RowState::Sent => (
            format!(
                "→ {}",
                style.cut(&format!("{id}  being {}", row.action.map_or("", past_tense)), 6)
            ),
            None,
        ),
        // Settled or still to come: counted, and without a line of their own.
        RowState::Planned | RowState::Applied | RowState::Ready => (style.cut(&id, 4), None),
    }
}

/// Cleaned, and without line ends: the tree counts its lines.
fn one_line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn bar(done: u32, total: u32) -> String {
    const WIDTH: u32 = 10;
    // Nothing to wait for is all of it.
    let filled = (WIDTH * done.min(total)).checked_div(total).unwrap_or(WIDTH);
    (0..WIDTH).map(|at| if at < filled { '█' } else { '░' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Event, Phase, PlannedStep};
    use crate::model::verdict::Health;
    use crate::model::{ObjectId, StepId, StepVerb, WaveIndex};

    fn id(name: &str) -> ObjectId {
        ObjectId::new("apps", "Deployment", Some("shop"), name)
    }

    fn board(states: &[(&str, Option<Health>)]) -> Board {
        let mut board = Board::default();
        let step = |(at, (name, _)): (usize, &(&str, Option<Health>))| PlannedStep {
            id: StepId::new(u32::try_from(at).unwrap()),
            wave: WaveIndex::new(0),
            object: id(name),
            action: StepVerb::Apply,
            why: String::new(),
            risk: None,
        };

        let steps = states.iter().enumerate().map(step).collect();

        board.apply_event(&Event::Planned { steps }, Duration::ZERO);
        board.apply_event(&Event::PhaseStarted { phase: Phase::Apply }, Duration::ZERO);
        for (name, verdict) in states {
            if let Some(verdict) = verdict.clone() {
                board.apply_event(
                    &Event::Rollout {
                        object: id(name),
                        verdict,
                    },
                    Duration::ZERO,
                );
            }
        }
        board
    }

    #[test]
    fn what_is_settled_is_counted_and_what_moves_shows_its_progress_and_its_trouble() {
        let board = board(&[
            ("api", Some(Health::done())),
            (
                // Its message comes from a kubelet, which quotes a registry: anybody's text.
                "web",
                Some(Health::waiting(
                    1,
                    3,
                    "the image cannot be pulled:\u{1b}[2J not found",
                )),
            ),
            ("db", None),
        ]);

        let style = TreeStyle {
            color: false,
            width: 80,
            height: 20,
        };

        let lines = tree(&board, Duration::from_millis(3200), style);
        assert_eq!(
            lines,
            [
                "applying  3.2 s",
                "├─ ✓ 1 of 3 objects",
                "├─ ~ Deployment shop/web  ███░░░░░░░ 1 of 3",
                "│    the image cannot be pulled:\\u001b[2J not found",
                "└─ · 1 to come",
            ]
        );
    }

    #[test]
    fn a_small_terminal_gets_no_more_lines_and_columns_than_it_has() {
        // More objects than lines, and texts that are longer than a line.
        let states: Vec<(String, Option<Health>)> = (0..50)
            .map(|at| {
                (
                    format!("workload-with-a-long-name-{at}"),
                    Some(Health::waiting(0, 1, "w".repeat(90))),
                )
            })
            .collect();

        let states: Vec<(&str, Option<Health>)> =
            states.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();

        let style = TreeStyle {
            color: false,
            width: 40,
            height: 12,
        };

        let lines = tree(&board(&states), Duration::ZERO, style);
        // Of the characters that are shown: a line that wraps would break the drawing.
        assert!(lines.iter().all(|line| line.chars().count() <= 40), "{lines:#?}");
        assert!(lines.len() <= 20, "{}", lines.len());
    }
}
