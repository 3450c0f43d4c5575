//! Zombies: the program is stopped right before each of its writes, another process takes over and finishes, and then
//! it goes on: nothing more changes.

use super::app::App;
use super::copy::Copy;
use super::small::{Small, all};
use crate::harness::{Act, KillProxy, Run, TestCluster};
use std::sync::Mutex;
use std::time::Duration;

/// Longer than a lease and what may be on its way: the successor waits for both.
const LOCK_TIMEOUT: &str = "60s";
/// How many zombies there are at once; each waits for its lease, most of the time.
const SIDE_BY_SIDE: usize = 30;

/// What the successor does.
#[derive(Clone, Copy, Debug)]
enum Then {
    Promote,
    Revert,
}

/// How many writes the promotion makes.
fn writes() -> usize {
    let small = Small::new(App::new());
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.run(&mut small.promote(2)).exits(0);
    proxy.writes().len()
}

/// What of a zombie's request may be on its way when it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// Nothing: it is stopped after the answer to its n-th write, before the next one.
    Between,
    /// Its n-th write is held on the wire until it wakes up: longer than any time limit.
    OnTheWire,
}

fn round(n: usize, stopped: Stopped, then: Then) {
    let small = Small::new(App::new());
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write(n, if stopped == Stopped::Between { Act::FreezeAfter } else { Act::FreezeBefore });
    let zombie = proxy.spawn(&mut small.promote(2));
    proxy.wait_for_act();
    let successor = match then {
        Then::Promote => small.promote(2).args(["--lock-timeout", LOCK_TIMEOUT]).run(),
        Then::Revert => small.app.revert().args(["--lock-timeout", LOCK_TIMEOUT]).run(),
    };
    let when =
        format!("write {n} {stopped:?}, then {then:?}: exit {:?}\n{}", successor.code, successor.stderr);
    // Before its first lasting write, a promotion leaves nothing that could be put back.
    assert!(matches!(successor.code, Some(0 | 3)) || successor.stderr.contains("put back already"), "{when}");
    let is_new = small.is_new(&when);
    let before = everything(&small);
    proxy.release();
    let woken = zombie.wait();
    let when = format!("{when}\n--- the zombie: exit {:?}\n{}", woken.code, woken.stderr);
    // What no server can fence is a creation that was on its way: it may come, and nothing else.
    if stopped == Stopped::OnTheWire {
        let late = everything(&small).differences(&before);
        assert!(late.len() <= 1, "{when}\n{}", late.join("\n"));
        assert!(late.iter().all(|one| one.ends_with("should not be there")), "{when}\n{}", late.join("\n"));
        return;
    }
    everything(&small).must_be(&before, &when);
    assert_eq!(small.is_new(&when), is_new, "{when}");
    let state = small.app.status();
    assert!(state.get("open").is_none(), "{when}\n{state}");
}

/// The objects, and what the release keeps.
fn everything(small: &Small) -> Copy {
    let mut objects = all();
    for name in ["delivery-app", "delivery-app-journal"] {
        objects.push(super::app::map(name, serde_json::json!({})));
    }
    small.app.copy(&objects)
}

#[test]
fn a_process_stopped_before_any_of_its_writes_changes_nothing_once_another_has_taken_over() {
    let count = writes();
    // Before its first write it holds no lock, and is none; after its last one it has ended.
    let between = (1..count).map(|n| (n, Stopped::Between));
    let all = std::env::var_os("KUBECTL_DELIVERY_ALL_CRASHES").is_some();
    let on_the_wire = (2..=count).step_by(if all { 1 } else { 3 }).map(|n| (n, Stopped::OnTheWire));
    let points = Mutex::new(between.chain(on_the_wire).collect::<Vec<_>>());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let Some((n, stopped)) = points.lock().unwrap().pop() else { return };
                    let then = if n % 2 == 0 { Then::Promote } else { Then::Revert };
                    if let Err(why) = std::panic::catch_unwind(|| round(n, stopped, then)) {
                        failed.lock().unwrap().push(super::said(&*why));
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    println!("{count} writes: stopped before each and at each");
    assert!(count >= 15, "only {count} writes");
    assert!(failed.is_empty(), "{} of {count} failed:\n{}", failed.len(), failed.join("\n\n"));
}
