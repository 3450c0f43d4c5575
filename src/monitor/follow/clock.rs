//! The time of day that never jumps: read once, then counted on the monotonic clock. Deadlines, graces and
//! settle times are counted by it.

use jiff::{SignedDuration, Timestamp};
use std::time::{Duration, Instant};

/// The time of day at its start, counted on from there.
#[derive(Clone, Copy, Debug)]
pub(super) struct MonotonicTime {
    began_at: Timestamp,
    began: Instant,
}

impl MonotonicTime {
    pub fn start() -> Self {
        // The wall clock is read here alone: whoever sets it moves no deadline.
        Self {
            began_at: Timestamp::now(),
            began: Instant::now(),
        }
    }

    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::ZERO);
        self.began_at.checked_add(passed).unwrap_or(self.began_at)
    }

    /// How long it is until then; nothing where it is over.
    pub fn until(&self, then: Timestamp) -> Duration {
        Duration::try_from(then.duration_since(self.now())).unwrap_or(Duration::ZERO)
    }
}
