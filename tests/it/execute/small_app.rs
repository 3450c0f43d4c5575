//! A small reference application: two versions with creates, changes, a prune, and a Job that changes.

use super::app::{App, image, map, workload};
use super::snapshot::Copy;
use crate::harness::Run;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The objects of a version, from 1.
pub fn objects(version: u32) -> Vec<Value> {
    let digit = char::from_digit(version, 10).unwrap();
    let mut objects = vec![
        map("config", json!({"v": version.to_string()})),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 79 + version}]}}),
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}, "spec": {"suspend": true,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image(digit)}]}}}}),
        workload("Deployment", "web", digit, None),
    ];
    if version == 1 {
        objects.push(map("old", json!({"x": "y"})));
    } else {
        objects.push(map("new", json!({"x": "z"})));
        objects.push(workload("StatefulSet", "new", digit, None));
    }
    objects
}

fn named(object: &Value) -> String {
    format!("{}/{}", object["kind"], object["metadata"]["name"])
}

fn expected_members(version: u32) -> BTreeSet<String> {
    objects(version).iter().map(named).collect()
}

/// Everything that either version holds.
pub fn all() -> Vec<Value> {
    let mut all = objects(2);
    all.push(map("old", json!({})));
    all
}

/// The application at its first version, and exact copies of what it is at either.
pub struct Small {
    pub app: App,
    pub old: Copy,
    pub new: Copy,
}

impl Small {
    /// Brought to version 2 and back once, so that both are known; the first version runs.
    pub fn new(app: App) -> Self {
        app.promote("1", &objects(1)).run().exits(0);
        let old = app.copy(&all());
        app.promote("2", &objects(2)).run().exits(0);
        let new = app.copy(&all());
        assert!(!new.differences(&old).is_empty());
        app.revert().run().exits(0);
        app.copy(&all())
            .must_be(&old, "after a revert that nothing disturbed");
        Self { app, old, new }
    }

    /// `promote` of a version, not run yet.
    pub fn promote(&self, version: u32) -> std::process::Command {
        self.app.promote(&version.to_string(), &objects(version))
    }

    /// The names of everything here that belongs to the release.
    fn members(&self) -> BTreeSet<String> {
        let kinds = "configmaps,services,jobs,deployments,statefulsets";
        let listed = self
            .app
            .kubectl(&["get", kinds, "-l", "applyset.kubernetes.io/part-of", "-o", "json"]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        listed["items"].as_array().unwrap().iter().map(named).collect()
    }

    /// Fails where it is neither exactly the one nor exactly the other; whether it is the new one.
    pub fn is_new(&self, when: &str) -> bool {
        let now = self.app.copy(&all());
        let (new, old) = (now.differences(&self.new), now.differences(&self.old));
        assert!(
            new.is_empty() || old.is_empty(),
            "{when}: neither exactly new nor exactly old\n--- to new\n{}\n--- to old\n{}",
            new.join("\n"),
            old.join("\n")
        );
        let version = if new.is_empty() { 2 } else { 1 };
        assert_eq!(
            self.members(),
            expected_members(version),
            "{when}: more or less than version {version}"
        );
        version == 2
    }
}
