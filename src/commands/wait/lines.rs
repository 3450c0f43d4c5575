//! What happens, a line each.

use crate::model::event::{Event, EventSink};
use crate::model::verdict::Verdict;
use crate::report::{clean, clean_json};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Writes events as they come. The first error of the stream is kept for the end.
pub(super) struct WaitText {
    out: Mutex<(Box<dyn Write + Send>, io::Result<()>)>,
    json: bool,
}

impl WaitText {
    pub fn plain(out: Box<dyn Write + Send>) -> Self {
        Self {
            out: Mutex::new((out, Ok(()))),
            json: false,
        }
    }

    pub fn json(out: Box<dyn Write + Send>) -> Self {
        Self {
            out: Mutex::new((out, Ok(()))),
            json: true,
        }
    }

    /// The first error that writing met.
    pub fn finish(&self) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut out.1, Ok(()))
    }
}

impl EventSink for WaitText {
    fn emit(&self, event: Event) {
        let lines = if self.json {
            let line = serde_json::to_string(&event).ok();
            line.iter().map(|line| clean_json(line).into_owned()).collect()
        } else {
            event_lines(&event)
        };
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines {
            let written = writeln!(out.0, "{line}").and_then(|()| out.0.flush());
            if out.1.is_ok() {
                out.1 = written;
            }
        }
    }
}

fn event_lines(event: &Event) -> Vec<String> {
    let lines = match event {
        Event::Rollout { object, verdict } => match verdict {
            Verdict::Waiting { why, .. } => vec![format!("{object}: {why}")],
            Verdict::Done { note: None } => vec![format!("{object}: done")],
            Verdict::Done { note: Some(note) } => vec![format!("{object}: done ({note})")],
            // What is told of the failure follows.
            Verdict::Failed { .. } => Vec::new(),
        },
        Event::Failed {
            object,
            cause,
            logs,
            events,
            ..
        } => {
            let of = object.as_ref().map(|id| format!("{id} ")).unwrap_or_default();
            let mut block = vec![format!("{of}failed: {}", cause.message)];
            block.extend(logs.iter().map(|line| format!("  log    {line}")));
            block.extend(events.iter().map(|line| format!("  event  {line}")));
            block
        }
        Event::Note {
            object: Some(id),
            message,
        } => vec![format!("{id}: {message}")],
        Event::Note {
            object: None,
            message,
        }
        | Event::Finished { message, .. } => vec![message.clone()],
        _ => Vec::new(),
    };
    lines.iter().map(|line| clean(line).into_owned()).collect()
}
