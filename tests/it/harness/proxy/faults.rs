//! The faults of a bad network and a busy server, by a seed: the same seed plays the same faults to the same requests.

use std::time::Duration;

/// How often each fault is played, in percent of the requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Where the numbers come from.
    pub seed: u64,
    /// The connection is closed before the server sees the request.
    pub reset: u8,
    /// The connection is closed after the server has answered.
    pub lost_answer: u8,
    /// The answer comes up to 200 ms late.
    pub delay: u8,
    /// 429 with `Retry-After: 0`.
    pub throttled: u8,
    /// 500 without a Status, as a broken proxy answers.
    pub failed: u8,
    /// 503 with a Status.
    pub unavailable: u8,
    /// The body ends in its middle.
    pub cut: u8,
    /// A watch ends after one event.
    pub dropped_watch: u8,
    /// A watch answers 410.
    pub expired: u8,
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Reset,
    LostAnswer,
    Delay(Duration),
    Throttled,
    Failed,
    Unavailable,
    Cut,
    DroppedWatch,
    Expired,
}

impl Faults {
    /// Every fault at the same rate.
    pub fn all(seed: u64, percent: u8) -> Self {
        eprintln!("faults: seed {seed}, {percent} % each");
        Self {
            seed,
            reset: percent,
            lost_answer: percent,
            delay: percent,
            throttled: percent,
            failed: percent,
            unavailable: percent,
            cut: percent,
            dropped_watch: percent,
            expired: percent,
        }
    }

    /// Whether a fault is played to the request at that place, from 0 since the count began.
    pub fn plays(&self, place: usize) -> bool {
        self.at(place, false).is_some()
    }

    /// The fault for the request at that place, if any.
    pub(super) fn at(&self, place: usize, is_watch: bool) -> Option<Fault> {
        let number = mixed(self.seed ^ (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let delay = Duration::from_millis(mixed(number) % 200);
        let common = [
            (self.reset, Fault::Reset),
            (self.lost_answer, Fault::LostAnswer),
            (self.delay, Fault::Delay(delay)),
            (self.throttled, Fault::Throttled),
            (self.failed, Fault::Failed),
            (self.unavailable, Fault::Unavailable),
            (self.cut, Fault::Cut),
        ];
        let watches = [
            (self.dropped_watch, Fault::DroppedWatch),
            (self.expired, Fault::Expired),
        ];
        let mut left = number % 100;
        let playable = common.into_iter().chain(watches.into_iter().filter(|_| is_watch));
        for (percent, fault) in playable {
            if left < u64::from(percent) {
                return Some(fault);
            }
            left -= u64::from(percent);
        }
        None
    }
}

/// SplitMix64: well mixed, and the same everywhere.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
