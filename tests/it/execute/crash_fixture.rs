//! A namespace in which the reference application is brought from version to version, disturbed, and settled.

use super::app::map;
use super::kill_points::Point;
use super::reference::{NAME, Reference};
use super::snapshot::{Copy, copy_shared};
use crate::harness::{KillProxy, Ran, Recorded, Run, TestCluster, blocking};
use kubectl_delivery::testing::model::Object;
use serde_json::{Value, json};
use std::cell::Cell;
use std::process::Command;

/// What is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    Promote,
    Revert,
}

/// What another process does then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Promote,
    Revert,
}

/// A namespace in which the application can be brought to both versions.
pub struct Place {
    pub reference: Reference,
    pub proxy: KillProxy,
    all: Vec<Value>,
    old: Copy,
    new: Copy,
    /// Once a revert has said that a Service's address was given to somebody else meanwhile: a cluster has few, and
    /// other tests create Services too.
    addresses_differ: Cell<bool>,
}

impl Place {
    pub fn new() -> Self {
        let reference = Reference::new("t-crash");
        let mut all = reference.objects(1);
        for object in reference.objects(2) {
            let same = |o: &Value| {
                o["kind"] == object["kind"] && o["metadata"]["name"] == object["metadata"]["name"]
            };
            if !all.iter().any(same) {
                all.push(object);
            }
        }
        let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
        reference.promote(1).run().exits(0);
        let copy = || blocking(copy_shared(reference.namespace.name(), &all));
        let old = copy();
        reference.promote(2).run().exits(0);
        let new = copy();
        reference.revert().run().exits(0);
        copy().must_be(&old, "after a revert that nothing disturbed");
        Self {
            reference,
            proxy,
            all,
            old,
            new,
            addresses_differ: Cell::new(false),
        }
    }

    fn differences(&self, now: &Copy, expected: &Copy) -> Vec<String> {
        if !self.addresses_differ.get() {
            return now.differences(expected);
        }
        now.clone()
            .without_addresses()
            .differences(&expected.clone().without_addresses())
    }

    pub fn must_be(&self, now: &Copy, expected: &Copy, when: &str) {
        let differences = self.differences(now, expected);
        assert!(differences.is_empty(), "{when}:\n{}", differences.join("\n"));
    }

    fn hear(&self, ran: &Ran) {
        let is_said = ran.stderr.contains("its cluster IP is a new one");
        self.addresses_differ.set(self.addresses_differ.get() || is_said);
    }

    fn copy(&self) -> Copy {
        blocking(copy_shared(self.reference.namespace.name(), &self.all))
    }

    /// Its writes, undisturbed. Ends at the other version.
    pub fn writes_of(&self, killed: Killed) -> Vec<Recorded> {
        self.proxy.forget();
        let mut command = match killed {
            Killed::Promote => self.reference.promote(2),
            Killed::Revert => self.reference.revert(),
        };
        self.proxy.run(&mut command).exits(0);
        self.proxy.writes()
    }

    /// Brings it to where the killed command starts from.
    pub fn prepare(&self, killed: Killed) {
        let is_new = self.differences(&self.copy(), &self.new).is_empty();
        match (killed, is_new) {
            (Killed::Promote, true) => self.hear(&self.reference.revert().run().exits(0)),
            (Killed::Revert, false) => drop(self.reference.promote(2).run().exits(0)),
            _ => {}
        }
    }

    /// One round. False where the run had fewer writes.
    pub fn round(&self, killed: Killed, Point { n, act, then }: Point) -> bool {
        self.prepare(killed);
        let when = format!("{killed:?} killed at write {n} ({act:?}), then {then:?}");
        self.proxy.forget();
        self.proxy.at_write(n, act);
        let mut command = match killed {
            Killed::Promote => self.reference.promote(2),
            Killed::Revert => self.reference.revert(),
        };
        let ran = self.proxy.run(&mut command);
        if ran.code.is_some() {
            assert_eq!(ran.code, Some(0), "{when}: {}", ran.stderr);
            return false;
        }
        self.status_is_true(&when);
        let settled = self.settle(then).run();
        self.hear(&ran);
        self.hear(&settled);
        self.is_settled(then, settled.code, &format!("{when}\n{}", settled.stderr));
        true
    }

    /// What another process does then, not run yet.
    pub fn settle(&self, then: Then) -> Command {
        match then {
            Then::Promote => self.reference.promote(2),
            Then::Revert => self.reference.revert(),
        }
    }

    /// Its lock, where a run holds it or has left it.
    pub fn lock(&self) -> Option<Object> {
        let name = format!("delivery-{NAME}");
        self.reference
            .namespace
            .get("coordination.k8s.io", "Lease", &name)
    }

    /// The application, and what its release keeps.
    pub fn everything(&self) -> Copy {
        let mut all = self.all.clone();
        let retained = ["delivery-shop", "delivery-shop-journal"];
        all.extend(retained.iter().map(|name| {
            let mut retained = map(name, json!({}));
            retained["metadata"]["namespace"] = self.reference.namespace.name().into();
            retained
        }));
        blocking(copy_shared(self.reference.namespace.name(), &all))
    }

    /// What `status` says between the crash and the next run.
    fn status_is_true(&self, when: &str) {
        let status = self.reference.status();
        let state = status["state"].as_str().unwrap_or_default().to_owned();
        let now = self.copy();
        match &*state {
            "promoted" if status["version"] == "2.0" => {
                self.must_be(&now, &self.new, &format!("{when}: status says promoted"));
            }
            "promoted" => self.must_be(
                &now,
                &self.old,
                &format!("{when}: status says version 1 is promoted"),
            ),
            "rolledBack" | "reverted" => {
                self.must_be(&now, &self.old, &format!("{when}: status says {state}"));
            }
            "unfinished" | "inProgress" => {
                assert_eq!(status["unfinished"]["version"], "2.0", "{when}");
            }
            other => panic!("{when}: status says {other}"),
        }
    }

    pub fn is_settled(&self, then: Then, code: Option<i32>, when: &str) {
        let now = self.copy();
        let (new, old) = (
            self.differences(&now, &self.new),
            self.differences(&now, &self.old),
        );
        // Killed before its first lasting write, a promotion leaves nothing that could be put back; killed after its
        // last one, a revert leaves nothing either. An unfinished revert is finished before anything is promoted.
        let nothing = then == Then::Revert && code == Some(1) && when.contains("nothing to revert");
        assert!(nothing || matches!(code, Some(0 | 3)), "{when}: exit {code:?}");
        let expected_new = then == Then::Promote && code == Some(0);
        if expected_new && !new.is_empty() || !expected_new && !old.is_empty() {
            panic!(
                "{when}: neither exactly new nor exactly old\n--- to new\n{}\n--- to old\n{}",
                new.join("\n"),
                old.join("\n")
            );
        }
        // Who finds nothing to do takes no lock, and leaves that of a run which ended just before it gave it back.
        let is_left = self.lock().is_some() && !when.contains("nothing to do");
        assert!(!is_left, "{when}: the lock is left");
        let state = self.reference.status();
        assert!(
            state.get("unfinished").is_none(),
            "{when}: a journal is left open: {state}"
        );
        self.nothing_is_left_over(when);
    }

    /// Secrets and ConfigMaps of ours that no journal and no history names.
    fn nothing_is_left_over(&self, when: &str) {
        let list = |kind: &str| -> Vec<String> {
            let mut get = self.reference.namespace.kubectl();
            get.args(["get", kind, "-l", "kubectl-delivery.io/release", "-o", "name"]);
            get.run().ok().lines().map(String::from).collect()
        };
        let (secrets, maps) = (list("secrets"), list("configmaps"));
        // The last promotion's; and, until the next one, what a closed journal left where its run was killed.
        assert!(secrets.len() <= 3, "{when}: too many pre-images: {secrets:?}");
        // One record for each promotion that the history keeps, and likewise.
        let records = maps.iter().filter(|name| name.contains("-r")).count();
        assert!(records <= 12, "{when}: {maps:?}");
    }
}
