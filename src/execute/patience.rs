//! How long to go on asking an API server that does not answer, and whether the lock still allows a write.

use super::lock::{Hold, Lock};
use crate::model::event::{Event, EventSink};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The lock is another's.
    LockLost,
    /// No answer for too long.
    Unreachable {
        /// How long.
        seconds: u64,
    },
}

/// From when on a silence is told.
const SILENCE: Duration = Duration::from_secs(4);
/// How often it is told again.
const AGAIN: Duration = Duration::from_secs(30);

/// Looked at before each write.
#[derive(Clone)]
pub(super) struct Patience {
    pub lock: Arc<Lock>,
    pub limit: Duration,
    pub events: Arc<dyn EventSink>,
    /// When a silence was told last: many requests wait at once.
    pub told: Arc<Mutex<Option<Instant>>>,
}

/// One request's tries.
pub(super) struct Clock<'a> {
    patience: &'a Patience,
    start: Instant,
    pause: Duration,
}

impl Patience {
    pub(super) fn start(&self) -> Clock<'_> {
        Clock { patience: self, start: Instant::now(), pause: Duration::from_millis(50) }
    }

    fn tell(&self, silent: Duration) {
        let Ok(mut told) = self.told.lock() else { return };
        if silent < SILENCE || told.is_some_and(|last| last.elapsed() < AGAIN) {
            return;
        }
        *told = Some(Instant::now());
        let message = format!(
            "the API server does not answer for {} s; after {} s a later run has to go on",
            silent.as_secs(),
            self.limit.as_secs()
        );
        self.events.emit(Event::Note { object: None, message });
    }
}

impl Clock<'_> {
    /// Waits until the lock is surely ours. To be called right before each write.
    pub(super) async fn before_write(&self) -> Result<(), Problem> {
        let mut hold = self.patience.lock.is_ours(SILENCE.min(self.left())).await;
        if hold == Hold::Doubtful {
            self.patience.tell(self.elapsed().max(SILENCE));
            hold = self.patience.lock.is_ours(self.left()).await;
        }
        match hold {
            Hold::Ours => Ok(()),
            Hold::Lost => Err(Problem::LockLost),
            Hold::Doubtful => Err(self.unreachable()),
        }
    }

    /// Waits a little before the next try, up to the limit.
    pub(super) async fn wait(&mut self) -> Result<(), Problem> {
        if self.left() == Duration::ZERO {
            return Err(self.unreachable());
        }
        self.patience.tell(self.elapsed());
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(2));
        Ok(())
    }

    /// How long it has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn left(&self) -> Duration {
        self.patience.limit.saturating_sub(self.elapsed())
    }

    fn unreachable(&self) -> Problem {
        Problem::Unreachable { seconds: self.patience.limit.as_secs() }
    }
}
