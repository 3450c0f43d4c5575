//! Random edits through a bad network whose watches are cut every ten seconds: of what was done and has lasted, nothing is
//! missed; of what was not done, nothing is invented. `make chaos` makes a thousand of them.

use super::stream::Watching;
use crate::harness::{Faults, KillProxy, TestCluster, until};
use crate::screens::stage::{Stage, config, web};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long an edit lasts at least that has to be reported: the rest, and what the network takes.
const LASTS: u64 = 90;

/// A random number below `most`; the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Something that is done to an object, undone, and what is open in between.
struct Edit {
    does: String,
    undoes: String,
    opens: String,
}

fn edits() -> Vec<Edit> {
    let maps = (0..6).map(|n| format!("settings-{n}"));
    let of_map = maps.flat_map(|map| {
        [
            Edit {
                does: format!(r#"patch configmap {map} --type merge -p {{"data":{{"currency":"USD"}}}}"#),
                undoes: format!(r#"patch configmap {map} --type merge -p {{"data":{{"currency":"EUR"}}}}"#),
                opens: format!("ConfigMap {map} /data/currency"),
            },
            Edit {
                does: format!("label configmap {map} team=shop --overwrite"),
                undoes: format!("label configmap {map} team-"),
                opens: format!("ConfigMap {map} /metadata/labels/team"),
            },
        ]
    });
    let scale = Edit {
        does: "scale deployment web --replicas 2".into(),
        undoes: "scale deployment web --replicas 1".into(),
        opens: "Deployment web /spec/replicas".into(),
    };
    of_map.chain([scale]).collect()
}

fn number(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().unwrap())
}

#[test]
fn of_random_edits_none_is_missed_and_none_is_invented() {
    let (count, seed) = (
        number("KUBECTL_DELIVERY_EDITS", 30),
        number("KUBECTL_DELIVERY_SEED", 100),
    );
    let stage = Stage::new();
    let mut objects: Vec<_> = (0..6).map(|n| config(&format!("settings-{n}"), "EUR")).collect();
    objects.push(web("1.0.0"));
    stage.promoted("1.4.1", &objects);
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let watching = Watching::start_through(&proxy, &stage, "");
    watching.settle();
    proxy.play(Some(Faults::all(seed, 2)));

    let (edits, mut random) = (edits(), Random(seed));
    let (mut done, mut open, mut since) = (0, BTreeSet::<usize>::new(), Instant::now());
    while done < count {
        // A few at a time: some are undone before anybody could see them, which is neither missed nor invented.
        for _ in 0..1 + random.below(4) {
            let which = usize::try_from(random.below(edits.len() as u64)).unwrap();
            let edit = &edits[which];
            if open.remove(&which) {
                stage.kubectl(&edit.undoes);
            } else {
                stage.kubectl(&edit.does);
                open.insert(which);
            }
            done += 1;
        }
        if since.elapsed() > Duration::from_secs(10) {
            proxy.cut_watches();
            since = Instant::now();
        }
        let mut expected: Vec<String> = open.iter().map(|which| edits[*which].opens.clone()).collect();
        expected.sort();
        assert!(
            until(LASTS, || watching.open() == expected),
            "after {done} edits of seed {seed}: expected {expected:?}\n{}",
            watching.lines().join("\n")
        );
    }

    // Nothing was reported that nobody did.
    let possible: BTreeSet<&str> = edits.iter().map(|edit| edit.opens.as_str()).collect();
    for event in watching.named("driftOpened") {
        let about = super::stream::about(&event);
        assert!(possible.contains(about.as_str()), "{event}");
    }
    let opened = watching.named("driftOpened").len();
    eprintln!("{done} edits of seed {seed}: {opened} opened, 0 missed, 0 invented");
}
