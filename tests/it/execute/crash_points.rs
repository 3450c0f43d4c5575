//! The loop over kill points: the program is killed, and another process settles what it left.

use super::crash_fixture::Killed;
use super::kill_points::{Point, kill_points};
use crate::harness::Recorded;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many namespaces are tried in side by side.
const SIDE_BY_SIDE: usize = 3;

/// A place that is disturbed and settled, round after round.
pub trait Disturbed: Sized + Send {
    /// A new one, where nothing is amiss.
    fn undisturbed() -> Self;

    /// Its writes where nothing disturbs.
    fn writes(&self, killed: Killed) -> Vec<Recorded>;

    /// One round. False where the run had fewer writes.
    fn disturb(&self, killed: Killed, point: Point) -> bool;
}

/// A promotion and its revert, each killed in every state of its journal; how many points were tried.
pub fn every_point<P: Disturbed>() -> usize {
    let first = P::undisturbed();
    let mut rounds = Vec::new();
    for killed in [Killed::Promote, Killed::Revert] {
        let points = kill_points(&first.writes(killed));
        // Fewer than a journal that is opened, written, and closed has states: its writes were not known again.
        assert!(points.len() >= 4, "{killed:?}: {points:?}");
        rounds.extend(points.into_iter().map(|point| (killed, point)));
    }
    rounds.reverse();
    let planned = rounds.len();

    let tried = AtomicUsize::new(0);
    let (rounds, failed) = (Mutex::new(rounds), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let mut first = Some(first);
        for _ in 0..SIDE_BY_SIDE {
            let mut known = first.take();
            let (rounds, failed, tried) = (&rounds, &failed, &tried);
            scope.spawn(move || {
                loop {
                    let Some((killed, point)) = rounds.lock().unwrap().pop() else {
                        return;
                    };
                    let place = known.take().unwrap_or_else(P::undisturbed);
                    match catch_unwind(AssertUnwindSafe(|| place.disturb(killed, point))) {
                        Ok(done) => {
                            tried.fetch_add(usize::from(done), Ordering::Relaxed);
                            known = Some(place);
                        }
                        // The next round gets a place where nothing is amiss.
                        Err(why) => failed.lock().unwrap().push(super::panic_message(&*why)),
                    }
                }
            });
        }
    });

    let (tried, failed) = (tried.load(Ordering::Relaxed), failed.into_inner().unwrap());
    println!("killed at {tried} points");
    assert!(
        failed.is_empty(),
        "{} kill points failed:\n{}",
        failed.len(),
        failed.join("\n\n")
    );
    // A run may have fewer writes than the first one, which were then its last: a lock is renewed by time.
    assert!(
        tried * 10 >= planned * 8,
        "only {tried} of {planned} kill points were reached"
    );
    tried
}
