//! A bad network and a busy server, by seeds: a promotion through them ends fully new or fully old.

use super::app::App;
use super::small::Small;
use crate::harness::{Faults, KillProxy, Run, TestCluster};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

/// How often each of the nine faults is played, in percent of the requests: the network of a seed is bad or worse.
fn percent(seed: u64) -> u8 {
    [2, 4, 6, 8][usize::try_from(seed % 4).unwrap()]
}

/// How long a promotion may take that takes two seconds undisturbed.
const DEADLINE: Duration = Duration::from_secs(100);
/// Namespaces side by side.
const SIDE_BY_SIDE: usize = 5;

/// One application, brought from version to version through faults.
struct Rounds {
    small: Small,
    proxy: KillProxy,
}

/// How many promotions ended with which exit code, and how many left a journal that another run settled.
#[derive(Debug, Default)]
struct Tally {
    by_exit_code: BTreeMap<i32, u32>,
    settled: u32,
}

impl Rounds {
    fn new() -> Self {
        let small = Small::new(App::new());
        Self { small, proxy: KillProxy::start(&TestCluster::get().kubeconfig) }
    }

    /// A promotion of version 2 through the faults of a seed, and back to where it began.
    fn round(&self, seed: u64, tally: &Mutex<Tally>) {
        self.proxy.forget();
        self.proxy.play(Some(Faults::all(seed, percent(seed))));
        let ran = self.proxy.run(&mut self.small.promote(2));
        self.proxy.play(None);
        let when = format!("seed {seed}, exit {:?} after {:?}\n{}", ran.code, ran.took, ran.stderr);
        assert!(ran.took < DEADLINE, "{when}: it hung");
        let open = self.small.app.status().get("open").is_some();
        let is_new = match ran.code {
            // The journal is open only where the run said that it leaves it.
            Some(130) if open => {
                let settled = self.small.promote(2).run();
                assert!(matches!(settled.code, Some(0 | 3)), "{when}\n--- settled\n{}", settled.stderr);
                tally.lock().unwrap().settled += 1;
                let is_new = self.small.is_new(&when);
                assert_eq!(is_new, settled.code == Some(0), "{when}\n--- settled\n{}", settled.stderr);
                is_new
            }
            code => {
                assert!(!open, "{when}: its journal is open");
                // 1 and 2: given up before anything was touched.
                assert!(matches!(code, Some(0..=3)), "{when}");
                let is_new = self.small.is_new(&when);
                assert_eq!(is_new, code == Some(0), "{when}");
                *tally.lock().unwrap().by_exit_code.entry(code.unwrap()).or_default() += 1;
                is_new
            }
        };
        if is_new {
            let back = self.small.app.revert().run();
            assert_eq!(back.code, Some(0), "{when}\n--- revert\n{}", back.stderr);
        }
        assert!(!self.small.is_new(&when));
    }
}

fn through_faults(seeds: impl Iterator<Item = u64>) {
    let mut seeds: Vec<u64> = seeds.collect();
    let count = seeds.len();
    seeds.reverse();
    let (seeds, tally, failed) = (Mutex::new(seeds), Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE.min(count) {
            let (seeds, tally, failed) = (&seeds, &tally, &failed);
            scope.spawn(move || {
                let mut known = None;
                loop {
                    let Some(seed) = seeds.lock().unwrap().pop() else { return };
                    let rounds = known.take().unwrap_or_else(Rounds::new);
                    let round = std::panic::AssertUnwindSafe(|| rounds.round(seed, tally));
                    match std::panic::catch_unwind(round) {
                        Ok(()) => known = Some(rounds),
                        Err(why) => failed.lock().unwrap().push(super::said(&*why)),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    println!("{count} promotions through faults: {:?}", tally.into_inner().unwrap());
    assert!(failed.is_empty(), "{} of {count} promotions failed:\n{}", failed.len(), failed.join("\n\n"));
}

/// `make chaos` plays more of them: `KUBECTL_DELIVERY_CHAOS` says how many, `KUBECTL_DELIVERY_SEED` the first one.
#[test]
fn through_any_seed_of_faults_a_promotion_ends_fully_new_or_fully_old() {
    let number = |name: &str, or: u64| std::env::var(name).map_or(or, |text| text.parse().unwrap());
    let first = number("KUBECTL_DELIVERY_SEED", 0);
    through_faults(first..first + number("KUBECTL_DELIVERY_CHAOS", 10));
}
