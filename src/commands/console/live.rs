//! The live tree on a terminal: laid out by a clock from what the events have told, drawn where it has changed.

use super::background::EventDisplay;
use crate::cli::Visible;
use crate::model::event::Event;
use crate::report::progress::{ProgressText, Screen, TreeStyle, outcome_tree, tree};
use std::io::Write;
use std::time::{Duration, Instant};

/// How often it is drawn at most: more than an eye can follow is a flood for a slow connection.
const REDRAW: Duration = Duration::from_millis(125);

/// The tree below, and above it what stays: notes, failures, the end.
pub(super) struct Live {
    out: Box<dyn Write + Send>,
    /// Columns and rows, which change while it runs.
    size: fn() -> (usize, usize),
    color: bool,
    text: ProgressText,
    screen: Screen,
    /// Lines that stay and were not written yet.
    above: Vec<String>,
    start: Instant,
    drawn: Instant,
}

impl Live {
    /// On a terminal of this size that can move its cursor. Each drawing is one write to `out`.
    pub fn new(out: Box<dyn Write + Send>, size: fn() -> (usize, usize), color: bool) -> Self {
        Self {
            out,
            size,
            color,
            text: ProgressText::new(color),
            screen: Screen::default(),
            above: Vec::new(),
            start: Instant::now(),
            drawn: Instant::now(),
        }
    }

    fn style(&self) -> TreeStyle {
        let (width, height) = (self.size)();
        // A column stays free, since a full last one wraps on some terminals; and the cursor's line below the tree.
        TreeStyle {
            color: self.color,
            width: width.saturating_sub(1),
            height: height.saturating_sub(1),
        }
    }

    fn write(&mut self, tree: &[String]) {
        self.drawn = Instant::now();
        let above = filtered(&std::mem::take(&mut self.above), self.color);
        if let Some(frame) = self.screen.frame(&above, filtered(tree, self.color)) {
            // A terminal that is gone ends no run.
            self.out.write_all(frame.as_bytes()).ok();
            self.out.flush().ok();
        }
    }
}

impl EventDisplay for Live {
    fn show(&mut self, event: &Event) {
        let added = self.text.event_lines(event, self.start.elapsed());
        if matches!(event, Event::Finished(_)) {
            // What was done stays on the screen, and the last lines below it.
            self.above.extend(outcome_tree(self.text.board(), self.style()));
            self.above.extend(added);
            return self.write(&[]);
        }

        if stays(event) {
            self.above.extend(added);
        }
        // Without a tree it is a line like any other, and a question may follow it.
        if !self.screen.is_drawn() && !self.above.is_empty() {
            self.write(&[]);
        }
    }

    fn due(&self) -> Option<Instant> {
        let is_live = self.screen.is_drawn() || self.text.board().is_active();
        is_live.then(|| self.drawn + REDRAW)
    }

    fn draw(&mut self) {
        let lines = tree(self.text.board(), self.start.elapsed(), self.style());
        self.write(&lines);
    }
}

/// Whether it stays on the screen; the rest is in the tree.
fn stays(event: &Event) -> bool {
    match event {
        Event::Started { .. } | Event::Note { .. } | Event::Failed { .. } => true,
        Event::Preflight { .. } => true,
        Event::StepEnded { ok, .. } => !ok,
        _ => false,
    }
}

/// Lines without anything that a terminal would obey but colours of our own: behind them come control sequences.
fn filtered(lines: &[String], color: bool) -> Vec<String> {
    let filter = |line: &String| {
        let mut shown = Vec::new();
        // Writing to memory cannot fail.
        Visible::new(&mut shown, color).write_all(line.as_bytes()).ok();
        String::from_utf8_lossy(&shown).into_owned()
    };
    lines.iter().map(filter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectId;
    use crate::model::event::Phase;
    use crate::model::verdict::Health;
    use std::sync::{Arc, Mutex};

    /// Each write by itself.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<String>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.0.lock().unwrap().push(text);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn waiting(name: &str, why: &str) -> Event {
        Event::Rollout {
            object: ObjectId::new("apps", "Deployment", Some("shop"), name),
            health: Health::progressing(0, 1, why),
            settle_millis: None,
        }
    }

    #[test]
    fn events_by_the_thousand_are_drawn_once_by_the_clock_in_one_write() {
        let writes = Writes::default();
        let mut live = Live::new(Box::new(writes.clone()), || (80, 24), false);
        live.show(&Event::PhaseStarted { phase: Phase::Apply });
        for n in 0..10_000 {
            live.show(&waiting(&format!("web-{n}"), "0 of 1 pods are ready"));
        }
        assert_eq!(writes.0.lock().unwrap().len(), 0, "an event drew the tree");

        live.draw();
        live.draw();
        let writes = writes.0.lock().unwrap();
        // Nothing has changed in between but parts of a second.
        assert_eq!(writes.len(), 1, "{writes:#?}");
        assert!(writes[0].contains(" more"), "{}", writes[0]);
        assert!(writes[0].lines().count() <= 24, "{}", writes[0]);
    }

    #[test]
    fn a_hostile_text_moves_no_cursor() {
        let writes = Writes::default();
        let mut live = Live::new(Box::new(writes.clone()), || (80, 24), true);
        live.show(&Event::PhaseStarted { phase: Phase::Apply });
        live.show(&waiting("web", "\u{1b}[2J\u{1b}[?1049h\r\nall ready"));
        live.draw();

        let shown = writes.0.lock().unwrap().concat();
        assert!(
            !shown.contains("\u{1b}[2J") && !shown.contains("1049h\r"),
            "{shown:?}"
        );
    }
}
