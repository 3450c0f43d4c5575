//! The earlier program is killed at each of its writes, before the server sees it and after the server has done it; this
//! one finishes what it left, or rolls it back, and the cluster is exactly the one version or exactly the other.

use super::application::Application;
use crate::execute::crash_fixture::Killed;
use crate::execute::crash_points::every_point;

/// As many as anybody would try.
const A_DOZEN: usize = 12;

#[test]
fn a_promotion_of_an_earlier_version_killed_at_any_write_is_resumed_and_rolled_back() {
    assert!(every_point::<Application>(Killed::Promote) >= A_DOZEN);
}

#[test]
fn a_revert_of_an_earlier_version_killed_at_any_write_is_finished() {
    assert!(every_point::<Application>(Killed::Revert) >= A_DOZEN);
}
