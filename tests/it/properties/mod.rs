//! Properties on the real server, over random pairs of releases: after promoting one after the other, each object is what
//! the server makes of its manifest alone; `diff` is silent exactly then; and its modes agree as far as they promise.
//!
//! `make properties`; PAIRS= pairs of releases, DRAWS= objects to compare in all modes, SEED= where to begin.

mod drawn;
mod oracle;
mod patches;
mod scene;
mod small;
pub mod starts;

use crate::proof::random::Random;
use drawn::Drawn;
use kubectl_delivery::testing::model::Object;
use oracle::{Held, Said, ask, edit, restore, target_of};
use scene::{Fault, Forbidden, Scene};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

/// Scenes side by side.
const LANES: usize = 3;

/// What was tried.
#[derive(Default)]
struct Counts {
    pairs: usize,
    objects: usize,
    changed: usize,
    forbidden: usize,
    refused: usize,
    draws: usize,
    edited: usize,
    unowned: usize,
    differing: usize,
}

/// A fault with the versions of its object before and after.
struct Found {
    seed: u64,
    fault: Fault,
    pair: Option<(Option<Drawn>, Drawn)>,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// The next release, of which the server takes nearly everything: what it forbids stays in one of four cases.
fn allowed(
    scene: &Scene,
    random: &mut Random,
    before: &[Drawn],
    wanted: Vec<Drawn>,
) -> (Vec<Drawn>, Forbidden) {
    let mut next = wanted;
    let mut forbidden = Forbidden::new();
    for _ in 0..4 {
        let open: Vec<usize> = (0..next.len())
            .filter(|at| !before.contains(&next[*at]))
            .collect();
        let asked: Vec<Drawn> = open.iter().map(|at| next[*at].clone()).collect();
        let answers = scene.each(&asked, &async |client, drawn| {
            ask(client, &scene.place, drawn).await
        });
        forbidden.clear();
        let mut is_settled = true;
        for (at, answer) in open.into_iter().zip(answers) {
            let old = before
                .iter()
                .find(|old| old.id(&scene.place) == next[at].id(&scene.place));
            let keeps = match answer {
                Said::Fine => true,
                Said::Forbidden(fields, message) => {
                    let keeps = random.chance(25);
                    if keeps {
                        forbidden.insert(next[at].id(&scene.place), (fields, message));
                    }
                    keeps
                }
                Said::Invalid => false,
            };
            if !keeps {
                is_settled = false;
                next[at] = match old {
                    Some(old) => old.changed(random),
                    None => next[at].plainer(random),
                };
            }
        }
        if is_settled {
            return (next, forbidden);
        }
    }
    // What is still refused stays as it was.
    let answers = scene.each(&next, &async |client, drawn| {
        ask(client, &scene.place, drawn).await
    });
    let mut taken = Vec::new();
    forbidden.clear();
    for (drawn, answer) in next.into_iter().zip(answers) {
        let old = before
            .iter()
            .find(|old| old.id(&scene.place) == drawn.id(&scene.place));
        match (answer, old) {
            (Said::Fine, _) => taken.push(drawn),
            (_, Some(old)) => taken.push(old.clone()),
            (..) => {}
        }
    }
    (taken, forbidden)
}

/// One lane: releases that follow each other, and comparisons in between.
fn lane(seed: u64, pairs: usize, draws: usize, counts: &Mutex<Counts>, found: &Mutex<Vec<Found>>) {
    let scene = Scene::new();
    let mut random = Random::new(seed);
    let note = |faults: Vec<Fault>, before: &[Drawn], after: &[Drawn]| {
        for fault in faults {
            let of = |all: &[Drawn]| all.iter().find(|one| one.id(&scene.place) == fault.id).cloned();
            println!("seed {seed}: {}: {}: {}", fault.what, fault.id, shown(&fault.why));
            let pair = of(after).map(|after| (of(before), after));
            found.lock().unwrap().push(Found { seed, fault, pair });
        }
    };
    let (first, _) = {
        let wanted = drawn::release(&mut random);
        allowed(&scene, &mut random, &[], wanted)
    };
    let step = scene.step(&[], &first, &Forbidden::new());
    note(step.faults, &[], &first);
    let (mut now, mut file) = (step.now, step.file);
    let mut drawn = 0;
    for pair in 0..pairs {
        let wanted = drawn::next(&mut random, &now);
        let (next, forbidden) = allowed(&scene, &mut random, &now, wanted);
        while drawn * pairs < draws * (pair + 1) {
            let faults = draw(&scene, &mut random, &now, &file, counts);
            note(faults, &now, &now);
            drawn += now.len().max(1);
        }
        let step = scene.step(&now, &next, &forbidden);
        {
            let mut counts = counts.lock().unwrap();
            counts.pairs += 1;
            if counts.pairs.is_multiple_of(100) {
                println!("{} pairs", counts.pairs);
            }
            counts.objects += next.len();
            counts.changed += next.iter().filter(|one| !now.contains(one)).count();
            counts.forbidden += forbidden.len();
            counts.refused += step.refused;
        }
        note(step.faults, &now, &next);
        (now, file) = (step.now, step.file);
    }
}

fn shown(text: &str) -> String {
    text.chars().take(600).collect()
}

/// Edits half of the objects by another hand, half of those so that nobody owns it; then all modes compare.
fn draw(
    scene: &Scene,
    random: &mut Random,
    now: &[Drawn],
    file: &Path,
    counts: &Mutex<Counts>,
) -> Vec<Fault> {
    let place = &scene.place;
    let seeds: Vec<(u64, bool, bool)> = now
        .iter()
        .map(|_| (random.below(1 << 30) as u64, random.chance(55), random.chance(48)))
        .collect();
    let hands: BTreeMap<String, (u64, bool, bool)> = now
        .iter()
        .zip(seeds)
        .map(|(drawn, seed)| (drawn.id(place), seed))
        .collect();
    // The object as it was, and whether nobody owns the change; none where it is as it was.
    let edited: Vec<Option<(Object, bool)>> = scene.each(now, &async |client, drawn| {
        let (seed, is_edited, nobody) = hands[&drawn.id(place)];
        if !is_edited {
            return None;
        }
        let target = target_of(place, drawn);
        let saved = client.get(&target).await.unwrap()?;
        let mut random = Random::new(seed);
        for _ in 0..8 {
            let mut changed = saved.value().clone();
            drawn.by_hand(&mut random, &mut changed);
            if changed != *saved.value() && edit(client, &target, &changed, nobody).await {
                return Some((saved, nobody));
            }
        }
        None
    });
    let faults = compare(scene, now, file, counts);
    {
        let mut counts = counts.lock().unwrap();
        counts.draws += now.len();
        counts.edited += edited.iter().flatten().count();
        counts.unowned += edited.iter().flatten().filter(|(_, nobody)| *nobody).count();
    }
    let saved: BTreeMap<String, Object> = now
        .iter()
        .zip(edited)
        .filter_map(|(drawn, edited)| Some((drawn.id(place), edited?.0)))
        .collect();
    scene.each(now, &async |client, drawn| {
        if let Some(saved) = saved.get(&drawn.id(place)) {
            restore(client, &target_of(place, drawn), saved).await;
        }
    });
    faults
}

/// All modes of one comparison, and the oracle.
fn compare(scene: &Scene, now: &[Drawn], file: &Path, counts: &Mutex<Counts>) -> Vec<Fault> {
    let modes = ["auto", "server", "readonly"].map(|mode| scene.diff(file, mode));
    let [Ok(auto), Ok(server), Ok(readonly)] = modes else {
        let why = modes
            .into_iter()
            .filter_map(Result::err)
            .collect::<Vec<_>>()
            .join("\n");
        return vec![Fault {
            what: "diff ended otherwise",
            id: "?".into(),
            why,
        }];
    };
    let mut faults = Vec::new();
    let none = Value::Null;
    for (drawn, held) in now.iter().zip(scene.held(now)) {
        let id = drawn.id(&scene.place);
        let of = |found: &BTreeMap<String, Value>| found.get(&id).unwrap_or(&none)["changes"].clone();
        let (fast, asked, read) = (of(&auto), of(&server), of(&readonly));
        if fast != asked {
            let why = format!("auto {fast} server {asked}");
            faults.push(Fault {
                what: "auto and server disagree",
                id: id.clone(),
                why,
            });
        }
        if let Held::Differs(differs) = held {
            counts.lock().unwrap().differing += usize::from(!differs.is_empty());
            // Without a question readonly may take a default for a difference: that is no quiet of auto's.
            if let Some(missed) = quieter(&id, &fast, &read, &differs) {
                let why = format!("readonly has {missed}, auto {fast}");
                faults.push(Fault {
                    what: "auto is quieter than readonly",
                    id: id.clone(),
                    why,
                });
            }
            let is_said = server.contains_key(&id);
            if is_said == differs.is_empty() {
                let what = if is_said {
                    "equal to its target, and told"
                } else {
                    "unequal to its target, and untold"
                };
                let why = format!("{} | server {asked}", differs.join("; "));
                faults.push(Fault {
                    what,
                    id: id.clone(),
                    why,
                });
            }
        }
    }
    faults
}

/// A finding of readonly about one of our own fields that does differ, of which auto says nothing.
fn quieter(id: &str, auto: &Value, readonly: &Value, differs: &[String]) -> Option<Value> {
    let path = |change: &Value| change["path"].as_str().unwrap_or_default().to_owned();
    let quiet: Vec<String> = auto.as_array().into_iter().flatten().map(path).collect();
    let mut ours = readonly.as_array().into_iter().flatten().filter(|change| {
        change["changedBy"]["class"] == "ours"
            || (change["kind"] == "changed" && change["desired"] != Value::Null)
    });
    let list = |change: &Value| path(change).rsplit_once("/[").map(|(list, _)| list.to_owned());
    // Where no entry is left of a custom list, nothing but its schema knows all fields of its keys: one item under two names,
    // with the defaults and without.
    let is_without_defaults = |read: &Value, asked: &Value| match (read.as_object(), asked.as_object()) {
        (Some(read), Some(asked)) => read.iter().all(|(key, value)| asked.get(key) == Some(value)),
        _ => false,
    };
    let is_same_item = |asked: &Value, read: &Value| {
        let (wanted, without) = (&asked["desired"], &read["desired"]);
        let is_wanted = *wanted != Value::Null
            && (wanted == without || id.starts_with("Thing/") && is_without_defaults(without, wanted));
        is_wanted && list(asked).is_some() && list(asked) == list(read)
    };
    let is_told = |change: &&Value| {
        let at = path(change);
        quiet
            .iter()
            .any(|ran| ran.starts_with(&at) || at.starts_with(ran.as_str()))
            || auto
                .as_array()
                .into_iter()
                .flatten()
                .any(|one| is_same_item(one, change))
    };
    // Down to where a list has keys: the oracle counts items.
    let differs_at = |change: &&Value| {
        let at = path(change);
        let list = at.split("/[").next().unwrap_or_default().to_owned();
        differs.iter().any(|one| one.starts_with(&list))
    };
    ours.find(|change| !is_told(change) && differs_at(change))
        .cloned()
}

#[test]
fn a_promoted_object_equals_its_target_and_diff_is_silent_exactly_then() {
    let (pairs, draws) = (number("PAIRS", 200) as usize, number("DRAWS", 1000) as usize);
    let seed = number("SEED", 20_261_128);
    println!("SEED={seed} PAIRS={pairs} DRAWS={draws}");
    let start = Instant::now();
    let (counts, found) = (Mutex::new(Counts::default()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for lane_seed in 0..LANES {
            let (counts, found) = (&counts, &found);
            let share = move |all: usize| all / LANES + usize::from(lane_seed < all % LANES);
            scope.spawn(move || {
                let own = seed + lane_seed as u64;
                let run = || lane(own, share(pairs), share(draws), counts, found);
                // The other lanes go on, and what they find is told.
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
                    let fault = Fault {
                        what: "the lane ended",
                        id: "?".into(),
                        why: format!("seed {own}"),
                    };
                    found.lock().unwrap().push(Found {
                        seed: own,
                        fault,
                        pair: None,
                    });
                }
            });
        }
    });
    let (counts, found) = (counts.into_inner().unwrap(), found.into_inner().unwrap());
    println!(
        "{} pairs of releases, {} objects: {} changed, {} of them forbidden by the server, {} refused by the field's name",
        counts.pairs, counts.objects, counts.changed, counts.forbidden, counts.refused
    );
    println!(
        "{} objects compared in all modes: {} edited by another hand, {} with a field that nobody owns, {} differ",
        counts.draws, counts.edited, counts.unowned, counts.differing
    );
    let mut classes: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for one in &found {
        let kind = one.fault.id.split('/').next().unwrap_or("?");
        *classes.entry((one.fault.what, kind)).or_default() += 1;
    }
    for ((what, kind), count) in &classes {
        println!("{count:5}  {what}: {kind}");
    }
    let share = 100.0 * counts.forbidden as f64 / counts.changed.max(1) as f64;
    println!(
        "properties: seed {seed}, {} pairs, {} changed objects, {share:.1} % forbidden, {} draws, {} disagreements, {} s",
        counts.pairs,
        counts.changed,
        counts.draws,
        found.len(),
        start.elapsed().as_secs()
    );
    small::show(&found);
    assert!(
        counts.forbidden * 100 <= counts.changed * 15,
        "the server forbids too many"
    );
    assert!(found.is_empty(), "{} faults, seeds {seed} and after", found.len());
}
