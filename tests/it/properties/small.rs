//! Failing pairs, made small: of the fields that were picked, those without which the fault goes.

use super::Found;
use super::drawn::Drawn;
use super::scene::{Forbidden, Scene};
use std::collections::BTreeSet;

/// How many faults are made small: each takes a dozen promotions.
const SHOWN: usize = 6;

/// Prints the two manifests of one fault of each class.
pub fn show(found: &[Found]) {
    let mut seen = BTreeSet::new();
    let promoted = found.iter().filter(|one| one.pair.is_some());
    let first: Vec<&Found> = promoted
        .filter(|one| seen.insert((one.fault.what, one.fault.id.split('/').next().unwrap_or_default())))
        .collect();
    if first.is_empty() {
        return;
    }
    let scene = Scene::new();
    for (at, one) in first.into_iter().enumerate() {
        let Some((before, after)) = &one.pair else {
            continue;
        };
        let (before, after) = match before {
            Some(before) if at < SHOWN => smaller(&scene, before.clone(), after.clone(), one.fault.what),
            Some(before) => (Some(before.clone()), after.clone()),
            None => (None, after.clone()),
        };
        println!(
            "--- {} (seed {})\n{}",
            one.fault.what,
            one.seed,
            one.fault.why.chars().take(1500).collect::<String>()
        );
        if let Some(before) = before {
            println!("# before\n{}", before.object(&scene.place));
        }
        println!("# after\n{}", after.object(&scene.place));
    }
}

fn smaller(scene: &Scene, before: Drawn, after: Drawn, what: &str) -> (Option<Drawn>, Drawn) {
    let fails = |before: &Drawn, after: &Drawn| {
        let (old, new) = ([before.clone()], [after.clone()]);
        scene.step(&old, &[], &Forbidden::new());
        let first = scene.step(&[], &old, &Forbidden::new());
        first.faults.is_empty() && {
            let step = scene.step(&old, &new, &Forbidden::new());
            step.faults.iter().any(|fault| fault.what == what)
        }
    };
    let (mut before, mut after) = (before, after);
    if !fails(&before, &after) {
        return (Some(before), after);
    }
    for at in 0..after.picks.len() {
        if (before.picks[at], after.picks[at]) == (0, 0) {
            continue;
        }
        let (mut plain, mut then) = (before.clone(), after.clone());
        (plain.picks[at], then.picks[at]) = (0, 0);
        if fails(&plain, &then) {
            (before, after) = (plain, then);
        }
    }
    (Some(before), after)
}
