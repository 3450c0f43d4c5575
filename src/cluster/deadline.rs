//! Until when a request may be sent.

use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// A moment after which a write must not leave this machine: its lock may be another's by then.
///
/// Held on two clocks: the monotonic one stands still while the machine sleeps, and the wall clock may be set back.
/// Whichever comes first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendDeadline {
    at: Instant,
    wall: SystemTime,
}

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    at: Instant,
    wall: SystemTime,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        Self {
            at: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// So long after this moment.
    pub fn after(self, time: Duration) -> SendDeadline {
        SendDeadline {
            at: self.at + time,
            wall: self.wall + time,
        }
    }
}

impl SendDeadline {
    /// Whether it is over at that moment.
    pub fn is_over(&self, now: Moment) -> bool {
        // A wall clock that was set forward ends it too early. That costs another try, and never an object.
        now.at >= self.at || now.wall >= self.wall
    }

    /// Whichever of two comes first, on each clock.
    pub fn earlier(self, other: Self) -> Self {
        // Each clock for itself: one may have been set between the two moments.
        Self {
            at: self.at.min(other.at),
            wall: self.wall.min(other.wall),
        }
    }

    /// Waits until it is over, by the monotonic clock.
    pub async fn over(&self) {
        // No timer follows the wall clock: whoever sends looks at both clocks right before.
        tokio::time::sleep_until(self.at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(15);

    #[test]
    fn it_is_over_when_the_first_of_both_clocks_says_so() {
        let start = Moment::now();
        let deadline = start.after(LEASE);
        let later = |at: u64, wall: u64| Moment {
            at: start.at + Duration::from_secs(at),
            wall: start.wall + Duration::from_secs(wall),
        };

        for (at, wall, over) in [(0, 0, false), (14, 14, false), (15, 15, true)] {
            assert_eq!(deadline.is_over(later(at, wall)), over, "{at} s and {wall} s");
        }

        // A machine that slept for an hour, and one whose clock was set back.
        assert!(deadline.is_over(later(1, 3600)));
        let set_back = Moment {
            wall: start.wall - Duration::from_secs(3600),
            ..later(15, 0)
        };
        assert!(deadline.is_over(set_back));
    }
}
