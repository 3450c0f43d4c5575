//! Where a run is killed: once in each state that its journal passes through, and in all ways at every write where everything
//! is wanted.

use super::crash_fixture::Then;
use crate::harness::{Act, Recorded};

/// One round: the program is killed around its n-th write, and another process settles what it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub n: usize,
    pub act: Act,
    pub then: Then,
}

/// One point for each state of the journal, or with `KUBECTL_DELIVERY_ALL_CRASHES` each write in all ways.
pub fn kill_points(writes: &[Recorded]) -> Vec<Point> {
    match std::env::var_os("KUBECTL_DELIVERY_ALL_CRASHES") {
        Some(_) => all_points(writes),
        None => points_of_journal(writes),
    }
}

/// Every write, killed before and after it, settled in both ways.
fn all_points(writes: &[Recorded]) -> Vec<Point> {
    let ways = [Act::KillBefore, Act::KillAfter]
        .into_iter()
        .flat_map(|act| [Then::Promote, Then::Revert].map(|then| (act, then)));
    (1..=writes.len())
        .flat_map(|n| ways.clone().map(move |(act, then)| Point { n, act, then }))
        .collect()
}

/// One point for each state of the journal. What lies between two of its writes is one case for whoever comes next: in turn
/// nothing of it is done, all of it, and a part.
fn points_of_journal(writes: &[Recorded]) -> Vec<Point> {
    // After so many writes a state begins; the first one, where there is no journal yet, before any.
    let begins: Vec<usize> = std::iter::once(0)
        .chain((1..=writes.len()).filter(|n| is_of_state(&writes[n - 1])))
        .collect();
    let ends = begins.iter().skip(1).map(|next| next - 1).chain([writes.len()]);

    let points = begins.iter().zip(ends).enumerate();
    points
        .map(|(turn, (&first, last))| {
            let done = [first, last, usize::midpoint(first, last)][turn % 3];
            let then = [Then::Promote, Then::Revert][turn / 3 % 2];
            // After a write is before the next one.
            let (n, act) = match turn % 2 == 0 && done < writes.len() || done == 0 {
                true => (done + 1, Act::KillBefore),
                false => (done, Act::KillAfter),
            };
            Point { n, act, then }
        })
        .collect()
}

/// Whether a write changes what a journal says: its own ConfigMap, or the inventory's. Seals, pre-images and stored releases say
/// nothing without them. No release of these tests has a dash in its name.
fn is_of_state(write: &Recorded) -> bool {
    let name = write
        .path
        .rsplit_once("/configmaps/delivery-")
        .unwrap_or_default()
        .1;
    let release = name.strip_suffix("-journal").unwrap_or(name);
    !release.is_empty() && !release.contains('-')
}
