//! Objects that move from one release to another: a release is split, by `promote --adopt release:NAME`.

mod crash;
mod refusals;
mod rollback;
mod split;

use crate::execute::app::{map, workload};
use crate::execute::snapshot::{Copy, copy_shared};
use crate::harness::{Namespace, Run, TestCluster, blocking};
use kubectl_delivery::testing::model::moves::ReleaseRef;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// What is to move, at a version: a ConfigMap and the Deployment beside it.
fn cart(digit: char) -> Vec<Value> {
    vec![
        map("cart", json!({"v": digit.to_string()})),
        workload("Deployment", "cart", digit, None),
    ]
}

/// What stays with the release.
fn rest() -> Vec<Value> {
    vec![map("shop", json!({"v": "1"}))]
}

/// The release as it is before it is split.
fn whole() -> Vec<Value> {
    [rest(), cart('1')].concat()
}

/// The other release's own.
fn own() -> Vec<Value> {
    vec![map("web", json!({"v": "2"}))]
}

/// The other release with what moves into it, changed.
fn with_cart() -> Vec<Value> {
    [own(), cart('2')].concat()
}

/// A namespace in which the release `shop` is promoted whole.
struct Split {
    namespace: Namespace,
    folder: tempfile::TempDir,
}

impl Split {
    fn new() -> Self {
        let namespace = TestCluster::get().namespace_named("t-moves");
        let split = Self {
            namespace,
            folder: tempfile::tempdir().unwrap(),
        };
        split.promote("shop", "1", &whole()).run().exits(0);
        split
    }

    /// Records a release of these objects.
    fn file(&self, name: &str, version: &str, objects: &[Value]) -> PathBuf {
        let manifests = self.folder.path().join(format!("{name}-{version}.json"));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        std::fs::write(&manifests, list.to_string()).unwrap();
        let file = self.folder.path().join(format!("{name}-{version}.yaml"));
        let mut record = TestCluster::get().delivery();
        record.args([
            "record",
            "--offline",
            "--quiet",
            "--name",
            name,
            "--version",
            version,
        ]);
        record.arg("-f").arg(&manifests).arg("-o").arg(&file).run().ok();
        file
    }

    /// `promote` of a release of these objects, not run yet.
    fn promote(&self, name: &str, version: &str, objects: &[Value]) -> Command {
        let mut command = self.delivery("promote");
        command
            .arg(self.file(name, version, objects))
            .args(["-y", "--settle", "0s"]);
        command
    }

    /// The promotion that moves the cart.
    fn take_cart(&self) -> Command {
        let mut command = self.promote("web", "2", &with_cart());
        command.args(["--adopt", "release:shop"]);
        command
    }

    /// A command in the namespace.
    fn delivery(&self, command: &str) -> Command {
        let mut delivery = TestCluster::get().delivery();
        delivery.args([command, "-n", self.namespace.name()]);
        delivery
    }

    fn revert(&self, name: &str) -> Command {
        let mut command = self.delivery("revert");
        command.args([name, "-y"]);
        command
    }

    fn status(&self, name: &str) -> Value {
        self.delivery("status")
            .args([name, "-o", "json"])
            .run()
            .exits(0)
            .json()[0]
            .clone()
    }

    /// What the inventory's ConfigMap says; null where there is none.
    fn inventory(&self, name: &str) -> Value {
        let found = self.namespace.get("", "ConfigMap", &format!("delivery-{name}"));
        found
            .map(|found| found.at("/data").cloned().unwrap_or_default())
            .unwrap_or_default()
    }

    /// `Kind/name` of each member that the inventory names.
    fn members(&self, name: &str) -> BTreeSet<String> {
        let inventory = self.inventory(name);
        let lines = inventory["members"].as_str().unwrap_or_default().lines();
        let member = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            format!("{}/{}", words[2], words[4])
        };
        lines.map(member).collect()
    }

    /// The same, by the label of the objects themselves.
    fn labelled(&self, name: &str) -> BTreeSet<String> {
        let label = format!(
            "applyset.kubernetes.io/part-of={}",
            ReleaseRef::new(self.namespace.name(), name).set()
        );
        let mut get = self.namespace.kubectl();
        let listed = get
            .args(["get", "configmaps,deployments", "-l", &label, "-o", "json"])
            .run()
            .exits(0)
            .json();
        let named = |object: &Value| {
            format!(
                "{}/{}",
                object["kind"].as_str().unwrap(),
                object["metadata"]["name"].as_str().unwrap()
            )
        };
        listed["items"].as_array().unwrap().iter().map(named).collect()
    }

    /// Everything that either release holds.
    fn copy(&self) -> Copy {
        blocking(copy_shared(self.namespace.name(), &[whole(), own()].concat()))
    }

    /// Fails unless inventory and labels name the same members, and these.
    fn has_members(&self, name: &str, expected: &[&str], when: &str) {
        let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(self.members(name), expected, "{when}: inventory of {name}");
        assert_eq!(self.labelled(name), expected, "{when}: labels of {name}");
    }

    fn is_split(&self, when: &str) {
        self.has_members("shop", &["ConfigMap/shop"], when);
        self.has_members(
            "web",
            &["ConfigMap/web", "ConfigMap/cart", "Deployment/cart"],
            when,
        );
    }
}
