//! Workloads drawn at random, and what they refer to taken away behind their pods: each is named with all of its causes,
//! and of the others, to whose objects something harmless happened, nothing is said. `STARTS=` how many of each.
//!
//! On the real node a sample of them is held against the kubelet: `e2e::`.

mod drawn;
mod ground;
mod need;

use super::number;
use crate::harness::until;
use crate::proof::random::Random;
use crate::starting::{causes, unknown};
use drawn::Drawn;
pub use ground::Ground;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Workloads of each sort that are played together.
const TOGETHER: usize = 30;

/// Some workloads, promoted, with what happened to them.
pub struct Played {
    pub ground: Ground,
    pub workloads: Vec<Drawn>,
    release: PathBuf,
}

impl Played {
    /// So many that are harmed, and as many that are not.
    pub fn start(ground: Ground, random: &mut Random, count: usize) -> Self {
        let draw = |at: usize| (format!("x{at}"), at.is_multiple_of(2));
        let workloads: Vec<Drawn> = (0..2 * count)
            .map(draw)
            .map(|(name, is_harmed)| Drawn::any(random, &ground, name, is_harmed))
            .collect();
        let labels: Vec<String> = workloads.iter().flat_map(Drawn::labels).collect();
        ground.label(&labels);
        let given: Vec<_> = workloads.iter().flat_map(|drawn| drawn.given(&ground)).collect();
        ground.kubectl_with(&["create"], &given);
        let objects: Vec<_> = workloads.iter().map(|drawn| drawn.object(&ground)).collect();
        let release = ground.promote(&objects);
        Self {
            ground,
            workloads,
            release,
        }
    }

    /// Lets everything happen, and waits for what takes a moment.
    pub fn harm(&self) {
        let events: Vec<_> = self
            .workloads
            .iter()
            .flat_map(|drawn| drawn.events.clone())
            .collect();
        self.ground.play(&events);
        let held: BTreeSet<&str> = self
            .workloads
            .iter()
            .flat_map(|drawn| &drawn.causes)
            .filter_map(|cause| cause.strip_prefix("missing PersistentVolumeClaim/"))
            .collect();
        let claims = || {
            self.ground
                .kubectl(&["get", "pvc", "-o", "jsonpath={.items[*].metadata.name}"])
        };
        let are_gone = || claims().split_whitespace().all(|name| !held.contains(name));
        assert!(until(60, are_gone), "claims that nobody uses do not go");
    }

    /// Where what is found is not what happened.
    pub fn faults(&self, depth: &str, is_harmed: bool) -> Vec<String> {
        let view = self.ground.diff(&self.release, depth);
        let found = causes(&view);
        let mut faults: Vec<String> = unknown(&view)
            .iter()
            .map(|one| format!("{depth}: unknown: {one}"))
            .collect();
        let none = BTreeSet::new();
        for drawn in &self.workloads {
            let expected = if is_harmed { &drawn.causes } else { &none };
            let named = found.get(&drawn.id()).unwrap_or(&none);
            if named != expected {
                faults.push(format!(
                    "{depth}: {}: {expected:?} is to be named, {named:?} is; {:?}\n{}",
                    drawn.id(),
                    drawn.events,
                    drawn.object(&self.ground)
                ));
            }
        }
        faults
    }
}

#[test]
fn each_removal_of_what_a_template_refers_to_is_named_and_nothing_else_is() {
    let (count, seed) = (number("STARTS", 300) as usize, number("SEED", 24));
    let (mut named, mut silent, mut faults) = (0, 0, Vec::new());
    let mut round = 0;
    while named < count {
        let mut random = Random::new(seed + round);
        let played = Played::start(Ground::simulated(), &mut random, TOGETHER.min(count - named));
        let mut found = Vec::new();
        found.extend(played.faults("full", false));
        played.harm();
        for depth in ["reads", "full"] {
            found.extend(played.faults(depth, true));
        }
        for fault in &found {
            println!("seed {}: {fault}", seed + round);
        }
        faults.extend(found);
        let harmed = played.workloads.iter().filter(|drawn| drawn.is_harmed()).count();
        named += harmed;
        silent += played.workloads.len() - harmed;
        round += 1;
        println!(
            "{named} with a removal, {silent} without, {} faults",
            faults.len()
        );
    }
    assert!(faults.is_empty(), "{} faults (SEED={seed})", faults.len());
}
