//! Events as plain lines for a person, or as one JSON document a line.

use super::Show;
use crate::cli::Context;
use crate::model::event::{Event, EventSink, Phase};
use crate::model::plan::Severity;
use crate::model::verdict::Verdict;
use crate::report::clean;
use std::io::Write;
use std::sync::Mutex;
use std::time::Instant;

/// Writes each event as it comes.
pub(super) struct Lines {
    show: Show,
    to: Mutex<Box<dyn Write + Send>>,
    start: Instant,
}

impl Lines {
    pub(super) fn new(show: Show, context: &Context) -> Self {
        let to = match show {
            Show::Person => context.stderr(),
            Show::Json => context.stdout(),
        };
        Self { show, to: Mutex::new(to), start: Instant::now() }
    }
}

impl EventSink for Lines {
    fn emit(&self, event: Event) {
        let text = match self.show {
            Show::Json => serde_json::to_string(&event).ok().map(|line| vec![line]).unwrap_or_default(),
            Show::Person => {
                let since = format!("{:6.1}s", self.start.elapsed().as_secs_f64());
                said(&event).into_iter().map(|line| format!("{since} {}", clean(&line))).collect()
            }
        };
        let Ok(mut to) = self.to.lock() else { return };
        for line in text {
            // Nobody is left to be told where the stream is closed; the run goes on.
            writeln!(to, "{line}").ok();
        }
        to.flush().ok();
    }
}

fn said(event: &Event) -> Vec<String> {
    match event {
        Event::PhaseStarted { phase } => name(*phase).map(|name| format!("{name} …")).into_iter().collect(),
        Event::PhaseEnded { .. } | Event::Planned { .. } | Event::StepStarted { .. } => Vec::new(),
        Event::Preflight { findings } => {
            let refuses = findings.iter().filter(|finding| finding.severity == Severity::Refuse);
            refuses.map(|finding| format!("refused [{}] {}", finding.check, finding.message)).collect()
        }
        Event::StepEnded { object, result, .. } => vec![format!("{object}: {result}")],
        Event::Rollout { object, verdict } => vec![match verdict {
            Verdict::Waiting { done, total, why } => format!("{object}: waiting, {done} of {total}: {why}"),
            Verdict::Done { note } => {
                let note = note.as_deref().map(|note| format!(" ({note})")).unwrap_or_default();
                format!("{object}: done{note}")
            }
            Verdict::Failed { cause } => format!("{object}: failed: {}", cause.message),
        }],
        Event::Failed { object, cause, logs, events, changes } => {
            let object = object.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
            let mut lines = vec![format!("FAILED {object}{}", cause.message)];
            lines.extend(changes.iter().map(|path| format!("  changed by this promotion: {path}")));
            lines.extend(events.iter().map(|event| format!("  event: {event}")));
            lines.extend(logs.iter().map(|line| format!("  log: {line}")));
            lines
        }
        Event::Note { object, message } => {
            let object = object.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
            vec![format!("{object}{message}")]
        }
        Event::Finished { message, next, .. } => {
            let mut lines = vec![message.clone()];
            lines.extend(next.iter().map(|next| format!("  next: {next}")));
            lines
        }
    }
}

fn name(phase: Phase) -> Option<&'static str> {
    Some(match phase {
        Phase::Load | Phase::Observe | Phase::Compare | Phase::Preflight | Phase::Lock | Phase::Journal => {
            return None;
        }
        Phase::Apply => "applying",
        Phase::Prove => "proving",
        Phase::Soak => "soaking",
        Phase::Commit => "committing",
        Phase::Prune => "pruning",
        Phase::Revert => "putting back",
    })
}
