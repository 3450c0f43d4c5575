//! Every crash point: the program is killed at each of its writes, before the server sees it and after the server has
//! done it; then another process finishes or undoes, and the cluster is exactly the new release or exactly the old.

use super::crash_fixture::{Killed, Place, Then};
use super::crash_points::{Disturbed, every_point};
use crate::harness::Act;

impl Disturbed for Place {
    fn undisturbed() -> Self {
        Self::new()
    }

    fn writes(&self, killed: Killed) -> usize {
        self.prepare(killed);
        self.count(killed)
    }

    fn disturb(&self, killed: Killed, n: usize, act: Act, then: Then) -> bool {
        self.round(killed, n, act, then)
    }
}

#[test]
fn a_promotion_killed_at_any_write_ends_exactly_new_or_exactly_old() {
    every_point::<Place>(Killed::Promote);
}

#[test]
fn a_revert_killed_at_any_write_ends_exactly_new_or_exactly_old() {
    every_point::<Place>(Killed::Revert);
}
