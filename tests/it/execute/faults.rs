//! A bad network and a busy server, by seeds: promotions, reverts, and promotions that revert by themselves end fully new
//! or fully old.

use super::app::App;
use super::small_app::Small;
use crate::harness::{Faults, KillProxy, Run, TestCluster};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

/// How often each of the nine faults is played, in percent of the requests: the network of a seed is bad or worse.
fn percent(seed: u64) -> u8 {
    [2, 4, 6, 8][usize::try_from(seed % 4).unwrap()]
}

/// How long a run may take that takes two seconds undisturbed.
const DEADLINE: Duration = Duration::from_secs(100);
/// Namespaces side by side.
const SIDE_BY_SIDE: usize = 5;

/// What goes through the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Played {
    /// A promotion that would succeed.
    Promotion,
    /// A promotion whose rollout fails, so that it reverts by itself.
    Failing,
    /// A revert of a finished promotion.
    Revert,
}

impl Played {
    fn by(seed: u64) -> Self {
        [Self::Promotion, Self::Failing, Self::Revert][usize::try_from(seed % 3).unwrap()]
    }
}

/// One application, brought from version to version through faults.
struct Rounds {
    small: Small,
    proxy: KillProxy,
}

/// How many runs ended with which exit code, how many left a journal that another run settled, and how many writes met
/// a fault.
#[derive(Debug, Default)]
struct Tally {
    by_exit_code: BTreeMap<(Played, i32), u32>,
    settled: u32,
    disturbed_writes: usize,
}

impl Rounds {
    fn new() -> Self {
        let small = Small::new(App::new());
        Self {
            small,
            proxy: KillProxy::start(&TestCluster::get().kubeconfig),
        }
    }

    /// Version 2 with a rollout that fails. Each one is a release of its own: one that failed is not promoted again.
    fn failing(&self, seed: u64) -> Command {
        let mut objects = super::small_app::objects(2);
        objects[3] = super::app::workload("Deployment", "web", '2', Some("image-not-found"));
        self.small.app.promote(&format!("failing-{seed}"), &objects)
    }

    /// What a seed plays, through its faults, and back to where it began.
    fn round(&self, seed: u64, tally: &Mutex<Tally>) {
        let played = Played::by(seed);
        let mut command = match played {
            Played::Promotion => self.small.promote(2),
            Played::Failing => self.failing(seed),
            Played::Revert => {
                self.small.promote(2).run().exits(0);
                self.small.app.revert()
            }
        };
        let faults = Faults::all(seed, percent(seed));
        self.proxy.forget();
        self.proxy.play(Some(faults));
        let ran = self.proxy.run(&mut command);
        self.proxy.play(None);
        let requests = self.proxy.requests();
        let disturbed = requests
            .iter()
            .enumerate()
            .filter(|(at, one)| one.is_write && faults.plays(*at));
        let disturbed = disturbed.count();
        let when = format!(
            "seed {seed}, {played:?}, exit {:?} after {:?}\n{}",
            ran.code, ran.took, ran.stderr
        );
        assert!(ran.took < DEADLINE, "{when}: it hung");
        let open = self.small.app.status().get("unfinished").is_some();
        // The journal is open only where the run said that it leaves it.
        assert_eq!(open, ran.code == Some(130), "{when}: its journal");
        let is_new = if open {
            self.settled(played, &when)
        } else {
            self.ended(played, ran.code, &when)
        };
        {
            let mut tally = tally.lock().unwrap();
            tally.disturbed_writes += disturbed;
            tally.settled += u32::from(open);
            *tally.by_exit_code.entry((played, ran.code.unwrap())).or_default() += 1;
        }
        let lease = self
            .small
            .app
            .namespace
            .get("coordination.k8s.io", "Lease", "delivery-app");
        let is_held = lease.is_some_and(|lease| !lease.text("/spec/holderIdentity").is_empty());
        assert!(!is_held || ran.code == Some(130), "{when}: its lock is left");
        if is_new {
            let back = self.small.app.revert().run();
            assert_eq!(back.code, Some(0), "{when}\n--- revert\n{}", back.stderr);
        }
        assert!(!self.small.is_new(&when));
    }

    /// It left its journal: another run settles it. Whether it is the new version then.
    fn settled(&self, played: Played, when: &str) -> bool {
        let settled = match played {
            Played::Promotion => self.small.promote(2).run(),
            Played::Failing | Played::Revert => self.small.app.revert().run(),
        };
        let when = format!("{when}\n--- settled\n{}", settled.stderr);
        assert!(matches!(settled.code, Some(0 | 3)), "{when}");
        let is_new = self.small.is_new(&when);
        assert_eq!(
            is_new,
            played == Played::Promotion && settled.code == Some(0),
            "{when}"
        );
        is_new
    }

    /// It ended by itself. Whether it is the new version.
    fn ended(&self, played: Played, code: Option<i32>, when: &str) -> bool {
        // 1 and 2: given up before anything was touched.
        let expected: &[i32] = match played {
            Played::Promotion => &[0, 1, 2, 3],
            Played::Failing => &[1, 2, 3],
            Played::Revert => &[0, 1],
        };
        assert!(code.is_some_and(|code| expected.contains(&code)), "{when}");
        let is_new = self.small.is_new(when);
        let expected = match played {
            Played::Promotion => code == Some(0),
            Played::Failing => false,
            Played::Revert => code == Some(1),
        };
        assert_eq!(is_new, expected, "{when}");
        is_new
    }
}

fn through_faults(seeds: impl Iterator<Item = u64>) {
    let mut seeds: Vec<u64> = seeds.collect();
    let count = seeds.len();
    seeds.reverse();
    let (seeds, tally, failed) = (
        Mutex::new(seeds),
        Mutex::new(Tally::default()),
        Mutex::new(Vec::new()),
    );
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE.min(count) {
            let (seeds, tally, failed) = (&seeds, &tally, &failed);
            scope.spawn(move || {
                let mut known = None;
                loop {
                    let Some(seed) = seeds.lock().unwrap().pop() else {
                        return;
                    };
                    let rounds = known.take().unwrap_or_else(Rounds::new);
                    let round = std::panic::AssertUnwindSafe(|| rounds.round(seed, tally));
                    match std::panic::catch_unwind(round) {
                        Ok(()) => known = Some(rounds),
                        Err(why) => failed.lock().unwrap().push(super::panic_message(&*why)),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let tally = tally.into_inner().unwrap();
    println!("{count} runs through faults: {tally:?}");
    assert!(
        failed.is_empty(),
        "{} of {count} runs failed:\n{}",
        failed.len(),
        failed.join("\n\n")
    );
    let went = |played, code| {
        tally
            .by_exit_code
            .get(&(played, code))
            .copied()
            .unwrap_or_default()
            > 0
    };
    let through = [(Played::Promotion, 0), (Played::Failing, 3), (Played::Revert, 0)];
    assert!(
        through.iter().all(|(played, code)| went(*played, *code)),
        "none went through: {tally:?}"
    );
    assert!(
        tally.disturbed_writes >= count,
        "hardly a write met a fault: {tally:?}"
    );
}

/// `make chaos` plays more of them: `KUBECTL_DELIVERY_CHAOS` says how many, `KUBECTL_DELIVERY_SEED` the first one.
#[test]
fn through_any_seed_of_faults_it_ends_fully_new_or_fully_old() {
    let number = |name: &str, or: u64| std::env::var(name).map_or(or, |text| text.parse().unwrap());
    let first = number("KUBECTL_DELIVERY_SEED", 0);
    through_faults(first..first + number("KUBECTL_DELIVERY_CHAOS", 10));
}
