//! The loop over crash points: the program is killed at each of its writes, before the server sees it and after the server
//! has done it, and another process settles what it left.

use super::crash_fixture::{Killed, Then};
use crate::harness::Act;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many namespaces are tried in side by side.
const SIDE_BY_SIDE: usize = 6;

/// A place that is disturbed and settled, round after round.
pub trait Disturbed: Sized + Send {
    /// A new one, where nothing is amiss.
    fn undisturbed() -> Self;

    /// How many writes it takes where nothing disturbs.
    fn writes(&self, killed: Killed) -> usize;

    /// One round. False where the run had fewer writes than `n`.
    fn disturb(&self, killed: Killed, n: usize, act: Act, then: Then) -> bool;
}

/// Before and after each write, settled in both ways; how many were tried.
pub fn every_point<P: Disturbed>(killed: Killed) -> usize {
    let first = P::undisturbed();
    let writes = first.writes(killed);
    let all = std::env::var_os("KUBECTL_DELIVERY_ALL_CRASHES").is_some();
    let mut rounds: Vec<(usize, Act, Then)> = Vec::new();
    for n in 1..=writes {
        let ways = [
            (Act::KillBefore, Then::Promote),
            (Act::KillAfter, Then::Revert),
            (Act::KillBefore, Then::Revert),
            (Act::KillAfter, Then::Promote),
        ];
        // Each write in one of the ways in turn: three writes belong together, so that each of the three is tried in all.
        let wanted = ways
            .into_iter()
            .enumerate()
            .filter(|(way, _)| all || way % 4 == n % 4);
        rounds.extend(wanted.map(|(_, (act, then))| (n, act, then)));
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
                    let Some((n, act, then)) = rounds.lock().unwrap().pop() else {
                        return;
                    };
                    let place = known.take().unwrap_or_else(P::undisturbed);
                    match catch_unwind(AssertUnwindSafe(|| place.disturb(killed, n, act, then))) {
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
    println!("{killed:?}: {writes} writes, {tried} crash points tried");
    assert!(
        failed.is_empty(),
        "{} crash points failed:\n{}",
        failed.len(),
        failed.join("\n\n")
    );
    // A run may have fewer writes than the first one, which were then its last: a lock is renewed by time.
    assert!(
        planned > 0 && tried * 10 >= planned * 9,
        "only {tried} of {planned} crash points were reached"
    );
    tried
}
