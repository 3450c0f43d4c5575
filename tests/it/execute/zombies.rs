//! Zombies: the program is stopped between its writes, once in each state of its journal, another process takes over and finishes, and the
//! first one goes on: in the middle of the other's work, or after it. Nothing more changes.

use super::crash_fixture::{Killed, Place, Then};
use super::kill_points::kill_points;
use crate::harness::{Act, Running};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

/// Longer than a lease and what may be on its way: the successor waits for both.
const LOCK_TIMEOUT: &str = "60s";
/// How many zombies there are at once; each waits for its lease, most of the time.
const SIDE_BY_SIDE: usize = 12;

/// What of a zombie's request may be on its way when it is stopped, and when it wakes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// Nothing: it is stopped after the answer to its n-th write, and wakes up when the other has ended.
    Between,
    /// The same, and it wakes up as soon as the other holds the lock.
    BetweenAndSoonAwake,
    /// Its n-th write is held on the wire until it wakes up: longer than any time limit.
    OnTheWire,
}

fn holder(place: &Place) -> String {
    place
        .lock()
        .map(|lease| lease.text("/spec/holderIdentity").to_owned())
        .unwrap_or_default()
}

/// One round; whether the place is as it should be for another one.
fn round(place: &Place, n: usize, stopped: Stopped, then: Then) -> bool {
    place.prepare(Killed::Promote);
    let proxy = &place.proxy;
    proxy.forget();
    let on_the_wire = stopped == Stopped::OnTheWire;
    proxy.at_write(
        n,
        if on_the_wire {
            Act::FreezeBefore
        } else {
            Act::FreezeAfter
        },
    );
    let zombie = proxy.spawn(&mut place.reference.promote(2));
    // A run that is quicker than the one that was counted renews its lock less often.
    if !proxy.acts_before_the_end_of(&zombie) {
        zombie.wait().exits(0);
        return true;
    }
    let first = holder(place);
    let successor = Running::start(place.settle(then).args(["--lock-timeout", LOCK_TIMEOUT]));
    let mut woken = None;
    if stopped == Stopped::BetweenAndSoonAwake {
        // A holder that is stopped before its lease is there holds none.
        while holder(place) == first && !successor.has_ended() {
            std::thread::sleep(Duration::from_millis(50));
        }
        proxy.release();
        woken = Some(zombie.wait());
        let successor = successor.wait();
        place.is_settled(
            then,
            successor.code,
            &describe(n, stopped, then, &successor.stderr, woken.as_ref()),
        );
        assert!(place.lock().is_none(), "write {n} {stopped:?}: the lock is left");
        return true;
    }
    let successor = successor.wait();
    place.is_settled(
        then,
        successor.code,
        &describe(n, stopped, then, &successor.stderr, None),
    );
    let before = place.everything();
    proxy.release();
    woken.replace(zombie.wait());
    let when = describe(n, stopped, then, &successor.stderr, woken.as_ref());
    // What no server can fence is a creation that was on its way: it may come, and nothing else.
    if on_the_wire {
        let late = place.everything().differences(&before);
        assert!(late.len() <= 1, "{when}\n{}", late.join("\n"));
        assert!(
            late.iter().all(|one| one.ends_with("should not be there")),
            "{when}\n{}",
            late.join("\n")
        );
        return late.is_empty();
    }
    place.everything().must_be(&before, &when);
    assert!(place.lock().is_none(), "{when}\nthe lock is left");
    let state = place.reference.status();
    assert!(state.get("unfinished").is_none(), "{when}\n{state}");
    true
}

fn describe(
    n: usize,
    stopped: Stopped,
    then: Then,
    message: &str,
    zombie: Option<&crate::harness::Ran>,
) -> String {
    let zombie = zombie.map(|ran| format!("\n--- the zombie: exit {:?}\n{}", ran.code, ran.stderr));
    format!(
        "write {n} {stopped:?}, then {then:?}\n{message}{}",
        zombie.unwrap_or_default()
    )
}

#[test]
fn a_process_stopped_in_any_state_of_its_journal_changes_nothing_once_another_has_taken_over() {
    let first = Place::new();
    first.prepare(Killed::Promote);
    let writes = first.writes_of(Killed::Promote);
    let count = writes.len();
    let all = std::env::var_os("KUBECTL_DELIVERY_ALL_CRASHES").is_some();
    // Before its first write it holds no lock, and is none; after its last one it has ended.
    let between: BTreeSet<usize> = match all {
        true => (1..count).collect(),
        false => kill_points(&writes).iter().map(|point| point.n).collect(),
    };
    let between = between.into_iter().filter(|n| *n < count).enumerate();
    let between = between.map(|(turn, n)| match turn % 3 {
        0 => (n, Stopped::BetweenAndSoonAwake),
        _ => (n, Stopped::Between),
    });
    let on_the_wire = (2..=count)
        .step_by(if all { 1 } else { 16 })
        .map(|n| (n, Stopped::OnTheWire));
    let points: Vec<_> = between.chain(on_the_wire).collect();
    let stopped = points.len();
    let points = Mutex::new(points);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let mut first = Some(first);
        for _ in 0..SIDE_BY_SIDE {
            let mut known = first.take();
            let (points, failed) = (&points, &failed);
            scope.spawn(move || {
                loop {
                    let Some((n, stopped)) = points.lock().unwrap().pop() else {
                        return;
                    };
                    let place = known.take().unwrap_or_else(Place::new);
                    let then = if n / 2 % 2 == 0 {
                        Then::Promote
                    } else {
                        Then::Revert
                    };
                    let tried = std::panic::AssertUnwindSafe(|| round(&place, n, stopped, then));
                    match std::panic::catch_unwind(tried) {
                        Ok(true) => known = Some(place),
                        // The next round gets a place where nothing is amiss.
                        Ok(false) => {}
                        Err(why) => failed.lock().unwrap().push(super::panic_message(&*why)),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    println!("{count} writes, stopped at {stopped}");
    assert!(count >= 40, "only {count} writes");
    assert!(
        failed.is_empty(),
        "{} of {stopped} failed:\n{}",
        failed.len(),
        failed.join("\n\n")
    );
}
