//! Where events are shown: plain lines, a live tree, or one JSON document a line.

use super::OutputMode;
use crate::cli::{Context, Stream};
use crate::model::event::{Event, EventSink};
use crate::report::progress::{EventWriter, ProgressText, TreeStyle, tree};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often the tree is drawn, whatever happens meanwhile.
const REDRAW: Duration = Duration::from_millis(100);

/// The sink for a run: a tree where a person watches a terminal that can move its cursor.
pub(super) fn sink(show: OutputMode, context: &Context) -> Arc<dyn EventSink> {
    match show {
        OutputMode::Json => Arc::new(EventWriter::json(context.stdout())),
        OutputMode::Text if context.is_terminal(Stream::Stderr) && !context.is_dumb() => Live::start(context),
        OutputMode::Text => Arc::new(EventWriter::progress(
            context.stderr(),
            context.color(Stream::Stderr),
        )),
    }
}

/// The tree below, and above it what stays: notes, failures, the end.
struct Live {
    lines: Mutex<ProgressText>,
    bar: ProgressBar,
    start: Instant,
    style: TreeStyle,
}

impl Live {
    fn start(context: &Context) -> Arc<Self> {
        let (width, height) = context.size(Stream::Stderr).unwrap_or((80, 24));
        let color = context.color(Stream::Stderr);
        // A column stays free: a full last column wraps on some terminals.
        let style = TreeStyle {
            color,
            width: width.saturating_sub(1),
            height,
        };
        let live = Arc::new(Self::on(ProgressDrawTarget::stderr_with_hz(20), style));
        // Weak: the task ends with the tree, and does not keep it.
        tokio::spawn(redraw(Arc::downgrade(&live)));
        live
    }

    fn on(target: ProgressDrawTarget, style: TreeStyle) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        let lines = Mutex::new(ProgressText::new(style.color));
        Self {
            lines,
            bar,
            start: Instant::now(),
            style,
        }
    }

    /// Lays the tree out anew. Its clock alone calls it: events may come by the thousand.
    fn draw(&self) {
        let known = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = tree(known.board(), self.start.elapsed(), self.style);
        if lines.is_empty() && self.bar.message().is_empty() {
            return;
        }
        self.bar.set_message(lines.join("\n"));
        self.bar.tick();
    }
}

async fn redraw(live: Weak<Live>) {
    loop {
        tokio::time::sleep(REDRAW).await;
        let Some(live) = live.upgrade() else { return };
        if live.bar.is_finished() {
            return;
        }
        live.draw();
    }
}

/// Whether it stays on the screen; the rest is in the tree.
fn stays(event: &Event) -> bool {
    match event {
        Event::Note { .. } | Event::Failed { .. } | Event::Finished { .. } | Event::Preflight { .. } => true,
        Event::StepEnded { ok, .. } => !ok,
        _ => false,
    }
}

impl EventSink for Live {
    fn emit(&self, event: Event) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let added = lines.event_lines(&event, self.start.elapsed());
        if matches!(event, Event::Finished { .. }) {
            // The tree goes before the last lines: they are the first thing after it that stays.
            self.bar.finish_and_clear();
            let mut to = std::io::stderr().lock();
            added.iter().for_each(|line| drop(writeln!(to, "{line}")));
            return;
        }
        if stays(&event) {
            added.iter().for_each(|line| self.bar.println(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectId;
    use crate::model::event::Phase;
    use crate::model::verdict::Health;

    #[test]
    fn events_by_the_thousand_are_laid_out_once_by_the_clock() {
        let style = TreeStyle {
            color: false,
            width: 80,
            height: 24,
        };
        let live = Live::on(ProgressDrawTarget::hidden(), style);
        live.emit(Event::PhaseStarted { phase: Phase::Apply });
        for n in 0..10_000 {
            let object = ObjectId::new("apps", "Deployment", Some("shop"), &format!("web-{n}"));
            live.emit(Event::Rollout {
                object,
                verdict: Health::waiting(0, 1, "0 of 1 pods are ready"),
            });
        }
        assert_eq!(live.bar.message(), "", "an event drew the tree");
        live.draw();
        assert!(live.bar.message().contains("9990 more"), "{}", live.bar.message());
    }
}
