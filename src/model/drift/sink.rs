//! Where drift is reported. A sink has no say in the watch, and a slow one does not delay it.

use super::event::StampedDriftEvent;
use super::snapshot::DriftSnapshot;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// What a sink is given at a time.
#[derive(Clone, Debug)]
pub struct DriftUpdate {
    /// What happened since the last update that it took, in order; empty where only its interval is over.
    pub events: Vec<StampedDriftEvent>,
    /// What is known now: never older than the events.
    pub snapshot: Arc<DriftSnapshot>,
}

/// Where drift is reported.
#[async_trait]
pub trait DriftSink: Send {
    /// Its name, for messages and metrics.
    fn name(&self) -> &str;

    /// After which time without an event it is called all the same; none where events alone matter.
    fn interval(&self) -> Option<Duration> {
        None
    }

    /// Whether the watch ends where this one fails for good: nobody else would read it.
    fn is_essential(&self) -> bool {
        false
    }

    /// Takes an update. Each sink has a task and a bounded queue of its own: it may take its time, and must bound its requests.
    ///
    /// # Errors
    ///
    /// Where it was not delivered. The same events come again later, with more, unless the error is final.
    async fn deliver(&mut self, update: &DriftUpdate) -> Result<(), SinkError>;
}

/// Why an update was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// One sentence, without credentials.
    pub message: String,
    /// Whether the same events would be refused again: they are given up then.
    pub is_final: bool,
    /// How many of the events are given up then; all of them where it is not said.
    pub lost: Option<usize>,
}

impl SinkError {
    /// One after which the same events are delivered again.
    pub fn temporary(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            is_final: false,
            lost: None,
        }
    }

    /// One after which the events are given up.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            is_final: true,
            lost: None,
        }
    }

    /// One after which so many of the events are given up: the others were delivered.
    pub fn partial(message: impl Into<String>, lost: usize) -> Self {
        Self {
            lost: Some(lost),
            ..Self::permanent(message)
        }
    }
}
