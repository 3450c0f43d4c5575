//! Every command once, in seconds: what a change has most likely broken shows here first. `make quick` runs it; a command that
//! nobody tries fails it.

#[path = "../it/harness/mod.rs"]
mod harness;

use clap::CommandFactory;
use harness::{Namespace, Ran, Run, Running, TestCluster, linked_as};
use kubectl_delivery::app::Cli;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files of CI, and a namespace where they are promoted.
struct Scene {
    cluster: &'static TestCluster,
    namespace: Namespace,
    folder: tempfile::TempDir,
    tried: RefCell<BTreeSet<String>>,
}

impl Scene {
    fn new() -> Self {
        let cluster = TestCluster::get();
        Self {
            cluster,
            namespace: cluster.namespace_named("t-quick"),
            folder: tempfile::tempdir().unwrap(),
            tried: RefCell::default(),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        self.tried.borrow_mut().insert(words[0].to_owned());
        let mut command = linked_as("kubectl-delivery", self.folder.path(), &self.cluster.tools);
        command
            .current_dir(self.folder.path())
            .env("KUBECONFIG", &self.cluster.kubeconfig)
            .env("COSIGN_PASSWORD", "correct-horse")
            .arg("delivery")
            .args(words);
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.command(words).run()
    }

    /// In the namespace.
    fn inside(&self, words: &[&str]) -> Ran {
        self.run(&[words, &["-n", self.namespace.name()]].concat())
    }

    fn write(&self, name: &str, value: &Value) {
        std::fs::write(self.folder.path().join(name), value.to_string()).unwrap();
    }

    /// A release of this version, recorded as `VERSION.release.yaml`.
    fn record(&self, version: &str, replicas: u32) {
        self.write("web.json", &web(replicas));
        let out = format!("{version}.release.yaml");
        let names = ["--name", "shop", "--version", version];
        let words = [&["record", "-f", "web.json", "--offline", "-o", &out], &names[..]].concat();
        self.run(&words).exits(0);
    }

    /// What the live Deployment wants.
    fn replicas(&self) -> Value {
        let live = self.namespace.get("apps", "Deployment", "web").unwrap();
        live.at("/spec/replicas").cloned().unwrap_or_default()
    }
}

fn web(replicas: u32) -> Value {
    let image = format!("registry.example/app@sha256:{}", "1".repeat(64));
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{
                "name": "main", "image": image, "readinessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 1}}]}}}})
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/cosign")
        .join(name)
}

/// From CI to a place that a cluster reads from.
fn recorded_signed_and_pushed(scene: &Scene) {
    scene.record("1", 1);
    scene.record("2", 2);
    let shown = scene.run(&["show", "1.release.yaml"]).ok();
    assert!(shown.contains("shop"), "{shown}");
    let compared = scene
        .run(&["compare", "1.release.yaml", "2.release.yaml"])
        .exits(1);
    assert!(compared.stdout.contains("/spec/replicas"), "{compared:?}");
    let rendered = scene.run(&["render", "1.release.yaml"]).ok();
    assert!(rendered.contains("kind: Deployment"), "{rendered}");

    let (key, public) = (fixture("cosign.key"), fixture("cosign.pub"));
    let (key, public) = (key.to_str().unwrap(), public.to_str().unwrap());
    let evidence = format!("test={}", fixture("junit.xml").display());
    let attest = ["attest", "1.release.yaml", "--evidence", &evidence, "--key", key];
    scene.run(&attest).exits(0);
    scene.run(&["sign", "1.release.yaml", "--key", key]).exits(0);
    let verify = ["verify", "1.release.yaml", "--key", public, "--evidence", "test"];
    scene.run(&verify).exits(0);

    scene
        .run(&["push", "1.release.yaml", "oci-layout:layout:1"])
        .exits(0);
    scene
        .run(&["pull", "oci-layout:layout:1", "-o", "pulled.yaml"])
        .exits(0);
    let bytes = |name: &str| std::fs::read(scene.folder.path().join(name)).unwrap();
    assert_eq!(bytes("pulled.yaml"), bytes("1.release.yaml"));
}

/// There and back, with drift in between.
fn promoted_and_reverted(scene: &Scene) {
    let settled = ["-y", "--settle", "0s"];
    for version in ["1", "2"] {
        let file = format!("{version}.release.yaml");
        scene
            .inside(&[&["promote", &file], &settled[..]].concat())
            .exits(0);
    }
    assert_eq!(scene.replicas(), 2);
    scene
        .inside(&["wait", "2.release.yaml", "--settle", "0s"])
        .exits(0);
    scene.inside(&["diff", "2.release.yaml"]).exits(0);
    let status = scene.inside(&["status", "shop", "-o", "json"]).exits(0).json();
    assert_eq!(status[0]["state"], "promoted", "{status}");
    let images = scene.inside(&["images", "shop", "--offline"]).ok();
    assert!(images.contains("registry.example/app"), "{images}");
    scene.inside(&["state", "verify", "shop"]).exits(0);

    let mut watch = scene.command(&["watch", "shop", "-o", "json", "-n", scene.namespace.name()]);
    let watching = Running::start(&mut watch);
    let mut scale = scene.namespace.kubectl();
    scale
        .args(["scale", "deployment", "web", "--replicas", "3"])
        .run()
        .exits(0);
    let drift = scene.inside(&["diff", "shop"]).exits(1);
    assert!(drift.stdout.contains("/spec/replicas"), "{drift:?}");
    watching.until_stdout("/spec/replicas");
    watching.process().signal("TERM");
    watching.wait();

    scene.inside(&["revert", "shop", "-y"]).exits(0);
    assert_eq!(scene.replicas(), 1);
    let history = scene.inside(&["history", "shop", "-o", "json"]).exits(0).json();
    assert_eq!(history[0]["outcome"], "reverted", "{history}");
}

/// Nothing of it is left, or all but its state.
fn left(scene: &Scene) {
    scene
        .inside(&["forget", "shop", "--manager", "kubectl", "-y"])
        .exits(0);
    assert_eq!(scene.replicas(), 1);
    let again = ["promote", "1.release.yaml", "-y", "--settle", "0s", "--overwrite"];
    scene.inside(&again).exits(0);
    scene.inside(&["delete", "shop", "-y"]).exits(0);
    assert!(scene.namespace.get("apps", "Deployment", "web").is_none());
}

#[test]
fn every_command_does_what_it_is_for() {
    let scene = Scene::new();
    scene.run(&["version"]).exits(0);
    assert!(scene.run(&["completion", "bash"]).ok().contains("delivery"));
    scene.run(&["man", "pages"]).exits(0);

    recorded_signed_and_pushed(&scene);
    promoted_and_reverted(&scene);
    left(&scene);

    let every: BTreeSet<_> = Cli::command()
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    assert_eq!(scene.tried.into_inner(), every);
}
