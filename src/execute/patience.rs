//! How long to go on asking an API server that does not answer, and whether the lock still allows a write.

use super::lock::{Hold, Lock};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The lock is another's.
    LockLost,
    /// No answer for too long.
    Unreachable {
        /// How long.
        seconds: u64,
    },
}

/// Looked at before each write.
#[derive(Clone)]
pub(super) struct Patience {
    pub lock: Arc<Lock>,
    pub limit: Duration,
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
}

impl Clock<'_> {
    /// Waits until the lock is surely ours. To be called right before each write.
    pub(super) async fn before_write(&self) -> Result<(), Problem> {
        match self.patience.lock.is_ours(self.patience.limit).await {
            Hold::Ours => Ok(()),
            Hold::Lost => Err(Problem::LockLost),
            Hold::Doubtful => Err(Problem::Unreachable { seconds: self.patience.limit.as_secs() }),
        }
    }

    /// Waits a little before the next try, up to the limit.
    pub(super) async fn wait(&mut self) -> Result<(), Problem> {
        if self.start.elapsed() >= self.patience.limit {
            return Err(Problem::Unreachable { seconds: self.patience.limit.as_secs() });
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(2));
        Ok(())
    }

    /// How long it has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
