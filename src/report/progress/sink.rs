//! Where the events of a run are written: documents for a program, lines for a person.
//!
//! A sink has no say in a run, so that a stream which fails stops nothing. Its first error is kept for whoever asks at
//! the end.

use super::text::ProgressText;
use super::wait::wait_lines;
use crate::model::event::{EVENTS_VERSION, Event, EventSink};
use crate::report::ci::CiLog;
use crate::report::{Palette, clean_json};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Writes events as they come.
pub struct EventWriter(Mutex<Output>);

struct Output {
    format: EventFormat,
    out: Box<dyn Write + Send>,
    ci: Option<CiOutput>,
    /// The first error that writing met.
    error: Option<io::Error>,
}

/// Where a CI system reads what is for it alone.
pub struct CiOutput {
    /// What it is told.
    pub log: CiLog,
    /// Its commands, which no filter may change.
    pub commands: Box<dyn Write + Send>,
    /// The page of the job.
    pub summary: Option<Box<dyn Write + Send>>,
}

/// What an event looks like.
enum EventFormat {
    /// One JSON document a line.
    Json(Stamps),
    /// Of a run that changes a cluster, each line with its time.
    Progress { text: Box<ProgressText>, start: Instant },
    /// Of a release that another tool applies.
    Wait(Palette),
}

/// What a program reads beside an event.
struct Stamps {
    now: fn() -> Timestamp,
    /// The time of the event before; none before the first.
    last: Option<Timestamp>,
}

/// An event as it is written.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stamped<'e> {
    /// When it happened: UTC, RFC 3339, to the millisecond.
    time: String,
    /// The version of the events, in the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_version: Option<u32>,
    #[serde(flatten)]
    event: &'e Event,
}

impl Stamps {
    fn stamp<'e>(&mut self, event: &'e Event) -> Stamped<'e> {
        let is_first = self.last.is_none();
        // A clock that is set back would put an effect before its cause.
        let time = self.last.map_or((self.now)(), |last| last.max((self.now)()));
        self.last = Some(time);
        Stamped {
            time: format!("{time:.3}"),
            schema_version: is_first.then_some(EVENTS_VERSION),
            event,
        }
    }
}

impl EventWriter {
    /// For a program: one JSON document a line, with its time as `now` tells it.
    pub fn json(out: Box<dyn Write + Send>, now: fn() -> Timestamp) -> Self {
        Self::new(EventFormat::Json(Stamps { now, last: None }), out)
    }

    /// For a person who follows a promotion or a revert, which starts here.
    pub fn progress(out: Box<dyn Write + Send>, color: bool) -> Self {
        let text = Box::new(ProgressText::new(color));
        let start = Instant::now();
        Self::new(EventFormat::Progress { text, start }, out)
    }

    /// For a person who waits for what another tool applies.
    pub fn wait(out: Box<dyn Write + Send>, color: bool) -> Self {
        Self::new(EventFormat::Wait(Palette::new(color)), out)
    }

    fn new(format: EventFormat, out: Box<dyn Write + Send>) -> Self {
        Self(Mutex::new(Output {
            format,
            out,
            ci: None,
            error: None,
        }))
    }

    /// Tells a CI system about the run as well.
    #[must_use]
    pub fn with_ci(self, ci: Option<CiOutput>) -> Self {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ci = ci;
        self
    }

    /// The first error that writing met.
    pub fn finish(&self) -> io::Result<()> {
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        output.error.take().map_or(Ok(()), Err)
    }
}

impl EventSink for EventWriter {
    fn emit(&self, event: Event) {
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = output.write(&event);

        if output.error.is_none() {
            output.error = written.err();
        }
    }
}

impl Output {
    fn write(&mut self, event: &Event) -> io::Result<()> {
        if let Some(ci) = &mut self.ci {
            ci.write(event)?;
        }
        for line in self.format.event_lines(event)? {
            writeln!(self.out, "{line}")?;
        }
        // What happens is seen when it happens.
        self.out.flush()
    }
}

impl CiOutput {
    fn write(&mut self, event: &Event) -> io::Result<()> {
        for command in self.log.commands(event, Timestamp::now().as_second()) {
            writeln!(self.commands, "{command}")?;
        }
        self.commands.flush()?;

        if let (Some(page), Some(text)) = (&mut self.summary, self.log.summary(event)) {
            // A job without its page has run all the same.
            page.write_all(text.as_bytes()).ok();
        }
        Ok(())
    }
}

impl EventFormat {
    fn event_lines(&mut self, event: &Event) -> io::Result<Vec<String>> {
        Ok(match self {
            EventFormat::Json(stamps) => {
                let line = serde_json::to_string(&stamps.stamp(event))?;
                vec![clean_json(&line).into_owned()]
            }
            EventFormat::Progress { text, start } => {
                let at = start.elapsed();
                let lines = text.event_lines(event, at);
                // An error begins with its word, for whoever searches a log.
                if matches!(event, Event::Finished(_)) {
                    return Ok(lines);
                }
                let timed = |line: &String| format!("{:6.1}s {line}", at.as_secs_f64());
                lines.iter().map(timed).collect()
            }
            EventFormat::Wait(palette) => wait_lines(event, *palette),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectId;
    use crate::model::event::{RunEnd, RunOutcome};
    use crate::model::run_end::{CurrentRelease, StateAfter};
    use crate::model::verdict::Health;
    use serde_json::json;

    /// A reader that has gone away.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_first_error_of_a_stream_is_returned_once_at_the_end() {
        let events = EventWriter::wait(Box::new(Closed), false);
        let note = Event::Note {
            object: None,
            message: "hello".into(),
        };

        events.emit(note.clone());
        events.emit(note);
        assert_eq!(events.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(events.finish().is_ok());
    }

    #[test]
    fn events_have_times_that_never_go_back_and_the_first_one_the_version() {
        let seconds = |at| Timestamp::from_second(at).unwrap();
        let mut stamps = Stamps {
            now: || Timestamp::from_second(1000).unwrap(),
            last: None,
        };
        let note = Event::Note {
            object: None,
            message: "hello".into(),
        };

        let first = serde_json::to_value(stamps.stamp(&note)).unwrap();
        assert_eq!(
            first,
            json!({"time": "1970-01-01T00:16:40.000Z", "schemaVersion": 1, "event": "note", "object": null,
                "message": "hello"})
        );

        // The clock was set back since.
        stamps.last = Some(seconds(2000));
        let second = serde_json::to_value(stamps.stamp(&note)).unwrap();
        assert_eq!(second["time"], "1970-01-01T00:33:20.000Z");
        assert_eq!(second.get("schemaVersion"), None);
    }

    #[test]
    fn a_rollout_has_its_health_and_a_finished_run_its_exit_code_and_revision() {
        let mut stamps = Stamps {
            now: || Timestamp::UNIX_EPOCH,
            last: Some(Timestamp::UNIX_EPOCH),
        };
        let mut written = |event: &Event| serde_json::to_value(stamps.stamp(event)).unwrap();
        let rollout = Event::Rollout {
            object: ObjectId::new("apps", "Deployment", Some("shop"), "web"),
            health: Health::progressing(1, 3, "1 of 3 pods ready"),
            settle_millis: None,
        };
        assert_eq!(
            written(&rollout),
            json!({"time": "1970-01-01T00:00:00.000Z", "event": "rollout",
                "object": {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"},
                "health": "progressing", "done": 1, "total": 3, "message": "1 of 3 pods ready"})
        );

        let finished = Event::Finished(RunEnd {
            outcome: RunOutcome::RolledBack,
            message: "failed".into(),
            after: StateAfter {
                current: CurrentRelease::None,
                ..StateAfter::default()
            },
            hints: Vec::new(),
            exit_code: 3,
        });
        assert_eq!(
            written(&finished),
            json!({"time": "1970-01-01T00:00:00.000Z", "event": "finished", "outcome": "rolledBack",
                "message": "failed", "revision": null, "hints": [], "exitCode": 3})
        );
    }
}
