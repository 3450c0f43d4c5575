//! Every crash point: the program is killed at each of its writes, before the server sees it and after the server has
//! done it; then another process finishes or undoes, and the cluster is exactly the new release or exactly the old.

use super::place::{Killed, Place, Then};
use crate::harness::Act;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many namespaces are tried in side by side.
const SIDE_BY_SIDE: usize = 6;

fn every_point(killed: Killed) -> usize {
    let tried = AtomicUsize::new(0);
    let first = Place::new();
    first.prepare(killed);
    let writes = first.count(killed);
    // Before and after each write, settled in both ways.
    let mut rounds: Vec<(usize, Act, Then)> = Vec::new();
    for n in 1..=writes {
        for (act, then) in [
            (Act::KillBefore, Then::Promote),
            (Act::KillAfter, Then::Revert),
            (Act::KillBefore, Then::Revert),
            (Act::KillAfter, Then::Promote),
        ] {
            rounds.push((n, act, then));
        }
    }
    if std::env::var_os("KUBECTL_DELIVERY_ALL_CRASHES").is_none() {
        // Each point once: one way before, the other after, the ways changing places from write to write.
        rounds
            .retain(|(n, act, then)| (n % 2 == 0) == ((*act == Act::KillBefore) == (*then == Then::Promote)));
    }
    rounds.reverse();
    let (rounds, failed) = (Mutex::new(rounds), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let mut first = Some(first);
        for _ in 0..SIDE_BY_SIDE {
            let mut known = first.take();
            let (rounds, failed, tried) = (&rounds, &failed, &tried);
            scope.spawn(move || {
                loop {
                    let Some((n, act, then)) = rounds.lock().unwrap().pop() else { return };
                    let place = known.take().unwrap_or_else(Place::new);
                    let round = std::panic::AssertUnwindSafe(|| place.round(killed, n, act, then));
                    match std::panic::catch_unwind(round) {
                        Ok(done) => {
                            tried.fetch_add(usize::from(done), Ordering::Relaxed);
                            known = Some(place);
                        }
                        // The next round gets a place where nothing is amiss.
                        Err(why) => failed.lock().unwrap().push(super::said(&*why)),
                    }
                }
            });
        }
    });
    let (tried, failed) = (tried.load(Ordering::Relaxed), failed.into_inner().unwrap());
    println!("{killed:?}: {writes} writes, {tried} crash points tried");
    assert!(failed.is_empty(), "{} crash points failed:\n{}", failed.len(), failed.join("\n\n"));
    tried
}

#[test]
fn a_promotion_killed_at_any_write_ends_exactly_new_or_exactly_old() {
    let tried = every_point(Killed::Promote);
    assert!(tried >= 80, "only {tried} crash points");
}

#[test]
fn a_revert_killed_at_any_write_ends_exactly_new_or_exactly_old() {
    let tried = every_point(Killed::Revert);
    assert!(tried >= 60, "only {tried} crash points");
}
