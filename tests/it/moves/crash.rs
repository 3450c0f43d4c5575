//! A promotion that moves objects, and its revert, killed in each state of their journal: another process finishes or reverts, and both
//! releases are exactly the new ones or exactly the old.

use super::{Split, own, with_cart};
use crate::execute::app::map;
use crate::execute::crash_fixture::{Killed, Then};
use crate::execute::crash_points::{Disturbed, every_point};
use crate::execute::kill_points::Point;
use crate::execute::snapshot::Copy;
use crate::harness::{KillProxy, Recorded, Run, TestCluster};
use serde_json::{Value, json};
use std::process::Command;

/// What both releases are.
#[derive(Clone, PartialEq)]
struct State {
    objects: Copy,
    shop: Value,
    web_members: Value,
}

struct Place {
    split: Split,
    proxy: KillProxy,
    old: State,
    new: State,
}

/// The other release before it takes anything: something of it is pruned then.
fn first() -> Vec<Value> {
    [own(), vec![map("old", json!({}))]].concat()
}

impl Place {
    fn new() -> Self {
        let split = Split::new();
        split.promote("web", "1", &first()).run().exits(0);
        let old = state(&split);
        take(&split).run().exits(0);
        let new = state(&split);
        split.is_split("undisturbed");
        split.revert("web").run().exits(0);
        let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
        let place = Self {
            split,
            proxy,
            old,
            new,
        };
        assert!(!place.is_new("a revert that nothing disturbed"));
        place
    }

    /// Which of both it is; fails where it is neither.
    fn is_new(&self, when: &str) -> bool {
        let now = state(&self.split);
        let differs = |expected: &State| {
            let mut found = now.objects.differences(&expected.objects);
            found.extend(
                (now.shop != expected.shop).then(|| format!("shop: {}\n  not {}", now.shop, expected.shop)),
            );
            let (members, wanted) = (&now.web_members, &expected.web_members);
            found.extend((members != wanted).then(|| format!("web: {members}\n  not {wanted}")));
            found
        };
        let (new, old) = (differs(&self.new), differs(&self.old));
        assert!(
            new.is_empty() || old.is_empty(),
            "{when}: neither exactly new nor exactly old\n--- to new\n{}\n--- to old\n{}",
            new.join("\n"),
            old.join("\n")
        );
        new.is_empty()
    }

    fn command(&self, killed: Killed) -> Command {
        match killed {
            Killed::Promote => take(&self.split),
            Killed::Revert => self.split.revert("web"),
        }
    }

    /// Brings it to where the killed command starts from.
    fn prepare(&self, killed: Killed) {
        match (killed, self.is_new("before a round")) {
            (Killed::Promote, true) => drop(self.split.revert("web").run().exits(0)),
            (Killed::Revert, false) => drop(take(&self.split).run().exits(0)),
            _ => {}
        }
    }
}

impl Disturbed for Place {
    fn undisturbed() -> Self {
        Self::new()
    }

    fn writes(&self, killed: Killed) -> Vec<Recorded> {
        self.prepare(killed);
        self.proxy.forget();
        self.proxy.run(&mut self.command(killed)).exits(0);
        self.proxy.writes()
    }

    fn disturb(&self, killed: Killed, Point { n, act, then }: Point) -> bool {
        self.prepare(killed);
        let when = format!("{killed:?} killed at write {n} ({act:?}), then {then:?}");
        self.proxy.forget();
        self.proxy.at_write(n, act);
        let ran = self.proxy.run(&mut self.command(killed));
        if ran.code.is_some() {
            assert_eq!(ran.code, Some(0), "{when}: {}", ran.stderr);
            return false;
        }
        // Once the other release knows of it, nothing of its own gets between until this is settled.
        let knows = self.split.inventory("shop")["moved"].is_string();
        if knows && self.split.status("web").get("unfinished").is_some() {
            let mut next = super::whole();
            next[0]["data"]["v"] = "between".into();
            let objects = if self.split.members("shop").len() == 1 {
                next[..1].to_vec()
            } else {
                next
            };
            let between = self.split.promote("shop", "between", &objects).run();
            assert_eq!(between.code, Some(2), "{when}: {}", between.stderr);
        }
        let settled = match then {
            Then::Promote => take(&self.split).run(),
            Then::Revert => self.split.revert("web").run(),
        };
        let when = format!("{when}, exit {:?}\n{}", settled.code, settled.stderr);
        // Killed before its first lasting write or after its last one, there is nothing to revert.
        let nothing = settled.code == Some(1) && settled.stderr.contains("nothing to revert");
        // An unfinished revert is finished before anything is promoted.
        let finished = settled.code == Some(3) && killed == Killed::Revert && then == Then::Promote;
        assert!(
            settled.code == Some(0) || finished || then == Then::Revert && nothing,
            "{when}"
        );
        let is_new = then == Then::Promote && settled.code == Some(0);
        assert_eq!(self.is_new(&when), is_new, "{when}");
        for name in ["web", "shop"] {
            let lease = self
                .split
                .namespace
                .get("coordination.k8s.io", "Lease", &format!("delivery-{name}"));
            assert!(lease.is_none() || nothing, "{when}: the lock of {name} is left");
            assert!(
                self.split.status(name).get("unfinished").is_none(),
                "{when}: a journal of {name} is open"
            );
        }
        true
    }
}

fn take(split: &Split) -> Command {
    let mut command = split.promote("web", "2", &with_cart());
    command.args(["--adopt", "release:shop", "--allow-prune"]);
    command
}

/// Without what no two promotions have in common: ids and times.
fn state(split: &Split) -> State {
    let mut shop = split.inventory("shop");
    let moved = shop["moved"].as_str().unwrap_or_default().lines();
    let moved = moved.map(|line| {
        let mut moved: Value = serde_json::from_str(line).unwrap();
        moved
            .as_object_mut()
            .unwrap()
            .retain(|field, _| !matches!(field.as_str(), "promotion" | "at"));
        moved
    });
    shop["moved"] = moved.collect();
    State {
        objects: split.copy(),
        shop,
        web_members: split.inventory("web")["members"].clone(),
    }
}

#[test]
fn a_promotion_that_moves_objects_and_its_revert_killed_in_any_state_of_their_journals_end_exactly_new_or_exactly_old()
 {
    every_point::<Place>();
}
