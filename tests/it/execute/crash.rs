//! The program is killed before the server sees one of its writes, or after the server has done it; then another process
//! finishes or undoes, and the cluster is exactly the new release or exactly the old.

use super::crash_fixture::{Killed, Place};
use super::crash_points::{Disturbed, every_point};
use super::kill_points::Point;
use crate::harness::Recorded;

impl Disturbed for Place {
    fn undisturbed() -> Self {
        Self::new()
    }

    fn writes(&self, killed: Killed) -> Vec<Recorded> {
        self.prepare(killed);
        self.writes_of(killed)
    }

    fn disturb(&self, killed: Killed, point: Point) -> bool {
        self.round(killed, point)
    }
}

#[test]
fn a_promotion_and_a_revert_killed_in_any_state_of_their_journals_end_exactly_new_or_exactly_old() {
    every_point::<Place>();
}
