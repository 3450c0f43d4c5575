//! A sign of life while something is waited for: a CI system ends a job that is silent, and who reads its log must see
//! what holds it up and how long that may take.
//!
//! It is due when no event has come for a while: a rollout that moves reports itself.

use crate::model::ObjectId;
use crate::model::event::{Event, EventSink};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// After how much silence it is due.
const SILENCE: Duration = Duration::from_secs(30);

/// Forwards events, and notes when the last one came.
pub struct Heartbeat {
    events: Arc<dyn EventSink>,
    silence: Duration,
    last: Mutex<Instant>,
}

impl Heartbeat {
    /// Nothing is due before its time has passed once.
    pub fn new(events: Arc<dyn EventSink>) -> Self {
        Self::every(SILENCE, events)
    }

    pub(super) fn every(silence: Duration, events: Arc<dyn EventSink>) -> Self {
        let last = Mutex::new(Instant::now());
        Self {
            events,
            silence,
            last,
        }
    }

    /// Counts the silence from now on.
    pub fn restart(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Forwards an event.
    pub fn emit(&self, event: Event) {
        self.restart();
        self.events.emit(event);
    }

    /// When it is due.
    pub fn due(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) + self.silence
    }

    /// Says what is waited for until `end`, where that is due.
    pub fn beat(&self, object: Option<&ObjectId>, end: Option<Instant>, message: impl FnOnce() -> String) {
        if Instant::now() < self.due() {
            return;
        }
        let remaining = end.map(|end| end.saturating_duration_since(Instant::now()));
        self.emit(Event::Heartbeat {
            object: object.cloned(),
            message: message(),
            remaining_seconds: remaining.map(|left| left.as_secs()),
        });
    }
}
