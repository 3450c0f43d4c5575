//! When the API server was last heard: what shows that it reads and writes, and does not merely hold a connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When the API server was last heard. Clones are of the same one.
#[derive(Clone, Debug)]
pub struct ServerLiveness(Arc<Mutex<Times>>);

#[derive(Debug)]
struct Times {
    last: Instant,
    // Their sum and not their times: deadlines are moved by as much.
    silences: Duration,
}

impl Default for ServerLiveness {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Times {
            last: Instant::now(),
            silences: Duration::ZERO,
        })))
    }
}

impl ServerLiveness {
    /// It is heard now.
    pub fn now(&self) {
        self.times().last = Instant::now();
    }

    /// For how long it has not been heard.
    pub fn silent(&self) -> Duration {
        self.times().last.elapsed()
    }

    /// It was silent for so long, and is no longer: in that time nothing could get on.
    pub fn record_outage(&self, time: Duration) {
        self.times().silences += time;
    }

    /// How long all silences were together.
    pub fn silences(&self) -> Duration {
        self.times().silences
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        // Two plain numbers: a panic elsewhere cannot leave them half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
