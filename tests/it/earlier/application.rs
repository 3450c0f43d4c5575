//! An application that the earlier program brings from version to version, until it is killed.

use super::by_earlier;
use crate::execute::app::App;
use crate::execute::crash_fixture::{Killed, Then};
use crate::execute::crash_points::Disturbed;
use crate::execute::kill_points::Point;
use crate::execute::small_app::{all, objects};
use crate::execute::snapshot::Copy;
use crate::harness::{Act, KillProxy, Recorded, Run, TestCluster};
use serde_json::Value;
use std::process::Command;

/// A namespace in which nothing but the earlier program has written.
pub struct Application {
    pub app: App,
    pub proxy: KillProxy,
    old: Copy,
    new: Copy,
}

impl Application {
    /// Brought to version 2 and back once, so that both are known; version 1 is promoted.
    pub fn new() -> Self {
        let app = App::new();
        by_earlier(&app.promote("1", &objects(1))).run().exits(0);
        let old = app.copy(&all());
        by_earlier(&app.promote("2", &objects(2))).run().exits(0);
        let new = app.copy(&all());
        by_earlier(&app.revert()).run().exits(0);
        app.copy(&all())
            .must_be(&old, "after a revert that nothing disturbed");
        let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
        Self { app, proxy, old, new }
    }

    /// What is killed.
    pub fn command(&self, killed: Killed) -> Command {
        by_earlier(&match killed {
            Killed::Promote => self.app.promote("2", &objects(2)),
            Killed::Revert => self.app.revert(),
        })
    }

    /// Brings it to where the killed command starts from.
    pub fn prepare(&self, killed: Killed) {
        let is_new = self.app.copy(&all()).differences(&self.new).is_empty();
        match (killed, is_new) {
            (Killed::Promote, true) => drop(by_earlier(&self.app.revert()).run().exits(0)),
            (Killed::Revert, false) => {
                let mut promote = by_earlier(&self.app.promote("2", &objects(2)));
                promote.run().exits(0);
            }
            _ => {}
        }
    }

    /// Kills it at its n-th write. False where it had fewer.
    pub fn kill(&self, killed: Killed, n: usize, act: Act) -> bool {
        self.proxy.forget();
        self.proxy.at_write(n, act);
        let ran = self.proxy.run(&mut self.command(killed));
        assert!(
            matches!(ran.code, None | Some(0)),
            "{killed:?} before write {n}: {}",
            ran.stderr
        );
        ran.code.is_none()
    }

    /// Has this program finish it or roll it back, and fails where it is not exactly what that comes to.
    pub fn settle(&self, then: Then, when: &str) {
        let mut command = match then {
            Then::Promote => self.app.promote("2", &objects(2)),
            Then::Revert => self.app.revert(),
        };
        let ran = command.run();
        // Killed before its first lasting write, a promotion leaves nothing to revert; after its last one, a revert.
        let nothing = then == Then::Revert && ran.code == Some(1) && ran.stderr.contains("nothing to revert");
        assert!(
            nothing || matches!(ran.code, Some(0 | 3)),
            "{when}: exit {:?}\n{}",
            ran.code,
            ran.stderr
        );

        // An unfinished revert is finished before anything is promoted.
        let is_new = then == Then::Promote && ran.code == Some(0);
        let expected = if is_new { &self.new } else { &self.old };
        self.app
            .copy(&all())
            .must_be(expected, &format!("{when}\n{}", ran.stderr));
        self.is_ended(when);
    }

    /// Neither a lock nor an open journal is left.
    pub fn is_ended(&self, when: &str) {
        let lease = self
            .app
            .namespace
            .get("coordination.k8s.io", "Lease", "delivery-app");
        assert!(lease.is_none(), "{when}: the lock is left");
        let status = self.app.status();
        assert!(status.get("unfinished").is_none(), "{when}: {status}");
    }

    /// Fails where it is not exactly version 1.
    pub fn must_be_old(&self, when: &str) {
        self.app.copy(&all()).must_be(&self.old, when);
    }

    /// How far its journal is: `applying`, `reverting`, …
    pub fn phase(&self) -> String {
        let journal = self.app.namespace.get("", "ConfigMap", "delivery-app-journal");
        journal.map_or_else(String::new, |journal| journal.text("/data/phase").to_owned())
    }

    /// The objects of both versions that are there, whole.
    pub fn live(&self) -> Vec<Value> {
        let kinds = "configmaps,services,jobs,deployments,statefulsets,leases";
        let listed = self.app.kubectl(&["get", kinds, "-o", "json"]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        listed["items"].as_array().unwrap().clone()
    }
}

impl Disturbed for Application {
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
        if !self.kill(killed, n, act) {
            return false;
        }
        let when = format!("the earlier {killed:?} killed at write {n} ({act:?}), then this {then:?}");
        self.settle(then, &when);
        true
    }
}
