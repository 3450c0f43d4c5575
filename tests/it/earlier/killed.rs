//! The earlier program is killed in each state of its journal, before the server sees a write or after the server has done
//! it; this one finishes what it left, or rolls it back, and the cluster is exactly the one version or exactly the other.

use super::application::Application;
use crate::execute::crash_points::every_point;

/// As many as anybody would try.
const A_DOZEN: usize = 12;

#[test]
fn a_promotion_and_a_revert_of_an_earlier_version_killed_anywhere_are_finished_or_rolled_back() {
    assert!(every_point::<Application>() >= A_DOZEN);
}
