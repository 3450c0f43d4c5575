//! The stream that a watch is written to. A reader that has gone away ends the watch: nobody else would notice.

use super::text::watch_lines;
use crate::model::drift::{DriftEvent, DriftSink, DriftUpdate, SinkError, StampedDriftEvent};
use crate::model::event::EVENTS_VERSION;
use crate::report::{Palette, clean_json};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use std::io::{self, Write};

/// An event as a program reads it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftLine<'e> {
    /// When it happened: UTC, RFC 3339, to the millisecond.
    time: String,
    /// The version of the events, in the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_version: Option<u32>,
    #[serde(flatten)]
    event: &'e DriftEvent,
}

impl<'e> DriftLine<'e> {
    /// Of an event.
    pub fn new(stamped: &'e StampedDriftEvent) -> Self {
        let is_first = matches!(stamped.event, DriftEvent::Started { .. });
        Self {
            time: format!("{:.3}", stamped.time),
            schema_version: is_first.then_some(EVENTS_VERSION),
            event: &stamped.event,
        }
    }
}

/// Writes what happens as it comes.
pub struct WatchWriter {
    format: Format,
    out: Box<dyn Write + Send>,
}

enum Format {
    Json,
    Text(Palette),
}

impl WatchWriter {
    /// For programs: one JSON document a line.
    pub fn json(out: Box<dyn Write + Send>) -> Self {
        let format = Format::Json;
        Self { format, out }
    }

    /// For users.
    pub fn text(out: Box<dyn Write + Send>, color: bool) -> Self {
        let format = Format::Text(Palette::new(color));
        Self { format, out }
    }

    fn write(&mut self, events: &[StampedDriftEvent]) -> io::Result<()> {
        let lines = match self.format {
            Format::Text(palette) => watch_lines(events, palette),
            Format::Json => events.iter().map(json_line).collect::<io::Result<_>>()?,
        };
        for line in lines {
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }
}

fn json_line(stamped: &StampedDriftEvent) -> io::Result<String> {
    let line = serde_json::to_string(&DriftLine::new(stamped))?;
    Ok(clean_json(&line).into_owned())
}

#[async_trait]
impl DriftSink for WatchWriter {
    fn name(&self) -> &str {
        "output"
    }

    fn is_essential(&self) -> bool {
        true
    }

    async fn deliver(&mut self, update: &DriftUpdate) -> Result<(), SinkError> {
        self.write(&update.events)
            .map_err(|error| SinkError::permanent(format!("cannot write: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ClusterIdentity;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    #[test]
    fn the_first_line_has_the_version_and_each_its_time() {
        let started = DriftEvent::Started {
            cluster: ClusterIdentity {
                context: None,
                in_cluster: true,
                server: "https://k8s".into(),
                namespace: "shop".into(),
            },
            all_namespaces: false,
            resync_millis: 600_000,
        };
        let note = DriftEvent::Note {
            release: None,
            message: "hello".into(),
        };
        let line = |event| {
            let time = Timestamp::UNIX_EPOCH;
            let line = json_line(&StampedDriftEvent { time, event }).unwrap();
            serde_json::from_str::<Value>(&line).unwrap()
        };

        assert_eq!(
            line(started),
            json!({"time": "1970-01-01T00:00:00.000Z", "schemaVersion": 1, "event": "started", "resyncMillis": 600_000,
                "cluster": {"inCluster": true, "server": "https://k8s", "namespace": "shop"}})
        );
        assert_eq!(
            line(note),
            json!({"time": "1970-01-01T00:00:00.000Z", "event": "note", "message": "hello"})
        );
    }
}
