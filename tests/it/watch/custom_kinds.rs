//! Releases with custom resources: how often the served kinds are asked for, and definitions that come and go.

use super::stream::{Watching, about, is_about};
use crate::harness::{KillProxy, Namespace, Run, TestCluster, unique, until};
use crate::screens::stage::{Stage, config};
use serde_json::{Value, json};

/// A CustomResourceDefinition, deleted when it is dropped.
struct Definition {
    group: String,
}

impl Definition {
    fn new() -> Self {
        let definition = Self {
            group: format!("{}.example.com", unique()),
        };
        definition.install();
        definition
    }

    fn name(&self) -> String {
        format!("things.{}", self.group)
    }

    fn install(&self) {
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": self.name()}, "spec": {"group": self.group, "scope": "Namespaced",
                "names": {"kind": "Thing", "plural": "things"}, "versions": [{
                    "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
        let mut kubectl = TestCluster::get().kubectl();
        kubectl
            .args(["apply", "-f", "-"])
            .run_with(&definition.to_string())
            .ok();
        let wait = ["wait", "--for=condition=Established", "--timeout=60s", "crd"];
        TestCluster::get()
            .kubectl()
            .args(wait)
            .arg(self.name())
            .run()
            .ok();
    }

    fn remove(&self) {
        let delete = ["delete", "--ignore-not-found", "--timeout=60s", "crd"];
        TestCluster::get().kubectl().args(delete).arg(self.name()).run();
    }

    fn thing(&self, size: u32) -> Value {
        json!({"apiVersion": format!("{}/v1", self.group), "kind": "Thing", "metadata": {"name": "one"},
            "spec": {"size": size}})
    }

    fn patch(&self, namespace: &Namespace, size: u32) {
        let patch = json!({"spec": {"size": size}}).to_string();
        let mut kubectl = namespace.kubectl();
        kubectl
            .args(["patch", &self.name(), "one", "--type=merge", "-p", &patch])
            .run()
            .ok();
    }
}

impl Drop for Definition {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The served kinds were asked for so often.
fn discoveries(proxy: &KillProxy) -> usize {
    let requests = proxy.requests().into_iter();
    requests.filter(|request| request.path == "/apis").count()
}

#[test]
fn the_served_kinds_are_not_asked_for_with_each_comparison() {
    let (stage, definition) = (Stage::new(), Definition::new());
    stage.promoted("1.4.1", &[config("settings", "EUR"), definition.thing(1)]);
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let watching = Watching::start_through(&proxy, &stage, "--resync 1h --starts off");

    definition.patch(&stage.namespace, 2);
    watching.wait_for("driftOpened", is_about("Thing one /spec/size"));
    let before = discoveries(&proxy);
    assert!(before > 0, "its kind is not built in");
    for (size, opened) in [(1, 0), (3, 1), (1, 0)] {
        definition.patch(&stage.namespace, size);
        let holds = || watching.open().len() == opened;
        assert!(until(60, holds), "{:?}", watching.lines());
    }
    assert_eq!(discoveries(&proxy), before);
}

#[test]
fn while_a_definition_is_gone_its_release_is_unknown_and_after_that_it_is_compared() {
    let (stage, definition) = (Stage::new(), Definition::new());
    stage.promoted("1.4.1", &[config("settings", "EUR"), definition.thing(1)]);
    let watching = Watching::spawn(&mut stage.command("watch -o json --resync 2s --starts off"));
    watching.wait_for("releaseAdded", |_| true);
    definition.patch(&stage.namespace, 2);
    watching.wait_for("driftOpened", is_about("Thing one /spec/size"));

    definition.remove();
    let failed = watching.wait_for("watchFailed", |event| {
        event["resource"].as_str().unwrap().starts_with("things.")
    });
    assert_eq!(failed["reason"], "notServed", "{failed}");
    let unknown = watching.wait_for("driftOpened", |event| event["finding"] == "unknown");

    definition.install();
    let resumed = || watching.named("watchResumed");
    let is_closed = || {
        let closed = watching.named("driftClosed");
        closed.iter().any(|event| event["id"] == unknown["id"])
    };
    // The watch is tried again within a minute.
    assert!(until(120, || !resumed().is_empty()), "{:?}", watching.lines());
    assert!(until(60, is_closed), "{:?}", watching.lines());
    // The object went with its definition.
    assert!(
        until(60, || watching.open() == ["Thing one missing"]),
        "{:?}",
        watching.lines()
    );
    assert!(
        watching
            .named("driftOpened")
            .iter()
            .all(|event| !about(event).starts_with("ConfigMap")),
        "{:?}",
        watching.lines()
    );
}

#[test]
fn a_definition_that_is_installed_after_the_watch_began_is_found() {
    let (stage, definition) = (Stage::new(), Definition::new());
    stage.promoted("1.4.1", &[config("settings", "EUR"), definition.thing(1)]);
    definition.remove();
    let watching = Watching::spawn(&mut stage.command("watch -o json --resync 5s --starts off"));
    watching.wait_for("releaseAdded", |_| true);
    let unknown = watching.wait_for("driftOpened", |event| event["finding"] == "unknown");
    assert!(
        unknown["message"].as_str().unwrap().contains("Thing"),
        "{unknown}"
    );

    definition.install();
    let mut kubectl = stage.namespace.kubectl();
    let thing = definition.thing(1).to_string();
    kubectl
        .args(["apply", "--server-side", "-f", "-"])
        .run_with(&thing)
        .ok();
    let is_compared = || !watching.open().iter().any(|open| open.ends_with("unknown"));
    assert!(until(120, is_compared), "{:?}", watching.lines());
    assert!(
        watching.open().iter().all(|open| open.starts_with("Thing one")),
        "{:?}",
        watching.lines()
    );
    // Of a kind that was not there nothing was missed.
    assert!(watching.named("watchFailed").is_empty(), "{:?}", watching.lines());
}
