//! Where the events of a run are written: documents for a program, lines for a person.
//!
//! A sink has no say in a run, so that a stream which fails stops nothing. Its first error is kept for whoever asks at
//! the end.

use super::text::ProgressText;
use super::wait::wait_lines;
use crate::model::event::{Event, EventSink};
use crate::report::clean_json;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Writes events as they come.
pub struct EventWriter(Mutex<Output>);

struct Output {
    format: EventFormat,
    out: Box<dyn Write + Send>,
    /// The first error that writing met.
    error: Option<io::Error>,
}

/// What an event looks like.
enum EventFormat {
    /// One JSON document a line.
    Json,
    /// Of a run that changes a cluster, each line with its time.
    Progress { text: Box<ProgressText>, start: Instant },
    /// Of a release that another tool applies.
    Wait,
}

impl EventWriter {
    /// For a program: one JSON document a line.
    pub fn json(out: Box<dyn Write + Send>) -> Self {
        Self::new(EventFormat::Json, out)
    }

    /// For a person who follows a promotion or a revert, which starts here.
    pub fn progress(out: Box<dyn Write + Send>, color: bool) -> Self {
        let text = Box::new(ProgressText::new(color));
        let start = Instant::now();
        Self::new(EventFormat::Progress { text, start }, out)
    }

    /// For a person who waits for what another tool applies.
    pub fn wait(out: Box<dyn Write + Send>) -> Self {
        Self::new(EventFormat::Wait, out)
    }

    fn new(format: EventFormat, out: Box<dyn Write + Send>) -> Self {
        Self(Mutex::new(Output {
            format,
            out,
            error: None,
        }))
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
        for line in self.format.event_lines(event)? {
            writeln!(self.out, "{line}")?;
        }
        // What happens is seen when it happens.
        self.out.flush()
    }
}

impl EventFormat {
    fn event_lines(&mut self, event: &Event) -> io::Result<Vec<String>> {
        Ok(match self {
            EventFormat::Json => {
                let line = serde_json::to_string(event)?;
                vec![clean_json(&line).into_owned()]
            }
            EventFormat::Progress { text, start } => {
                let at = start.elapsed();
                let timed = |line: &String| format!("{:6.1}s {line}", at.as_secs_f64());
                text.event_lines(event, at).iter().map(timed).collect()
            }
            EventFormat::Wait => wait_lines(event),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let events = EventWriter::wait(Box::new(Closed));
        let note = Event::Note {
            object: None,
            message: "hello".into(),
        };

        events.emit(note.clone());
        events.emit(note);
        assert_eq!(events.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(events.finish().is_ok());
    }
}
