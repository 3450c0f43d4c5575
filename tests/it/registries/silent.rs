//! Registries that do not answer: each is asked once more and then left alone, however many images lie in it.

use super::fake::{Fake, Reply};
use crate::harness::{Namespace, Ran, TestCluster};
use crate::promote::support::{ReleaseFile, promote};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Takes every connection, and says nothing.
struct Silent {
    host: String,
    connections: Arc<AtomicUsize>,
}

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        std::thread::spawn(move || {
            // Held: a connection that ends would be an answer.
            let mut held = Vec::new();
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                held.push(stream);
            }
        });
        Self { host, connections }
    }

    /// Without the plain one that finds out whether a registry of the loopback speaks TLS.
    fn requests(&self) -> usize {
        self.connections.load(Ordering::Relaxed).saturating_sub(1)
    }
}

/// A Deployment of so many containers, each with an image of its own on this host.
fn deployment(host: &str, images: usize) -> Value {
    let container = |n: usize| json!({"name": format!("c{n}"), "image": format!("{host}/acme/app{n}:1")});
    let containers: Vec<Value> = (0..images).map(container).collect();
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}}})
}

fn preflight(namespace: &Namespace, objects: Vec<Value>, flags: &[&str]) -> Ran {
    let release = ReleaseFile::new("shop", "1", objects);
    let flags = [&["--dry-run=server"], flags].concat();
    promote(namespace, &release, &flags)
}

fn assert_not_looked_up(ran: &Ran, cause: &str) {
    let shown = ran.stdout.clone() + &ran.stderr;
    let notes: Vec<&str> = shown
        .lines()
        .filter(|line| line.contains("not looked up"))
        .collect();
    assert_eq!(notes.len(), 1, "{shown}");
    assert!(notes[0].contains(cause), "expected {cause}: {}", notes[0]);
    assert!(notes[0].contains(" and 240 more: "), "{}", notes[0]);
}

#[test]
fn a_registry_that_says_nothing_is_asked_twice_for_250_images() {
    let namespace = TestCluster::get().namespace_named("t-silent");
    let silent = Silent::start();

    let ran = preflight(&namespace, vec![deployment(&silent.host, 250)], &[]).exits(0);

    assert_eq!(silent.requests(), 2);
    assert_not_looked_up(
        &ran,
        &format!("cannot reach {}: no answer within 5s", silent.host),
    );
}

#[test]
fn a_host_that_is_not_known_or_refuses_is_one_note_for_250_images() {
    let namespace = TestCluster::get().namespace_named("t-silent");
    for (host, why) in [
        ("registry.invalid", "name not resolved"),
        // Nothing listens on the port 1.
        ("127.0.0.1:1", "connection refused"),
    ] {
        let ran = preflight(&namespace, vec![deployment(host, 250)], &[]).exits(0);
        assert_not_looked_up(&ran, &format!("cannot reach {host}: {why}"));
    }
}

#[test]
fn a_registry_that_is_overloaded_is_asked_twice() {
    let namespace = TestCluster::get().namespace_named("t-silent");
    let busy = Fake::start(|_| Reply::new(503, "down for maintenance"));

    let ran = preflight(&namespace, vec![deployment(&busy.host, 250)], &[]).exits(0);

    // The greeting, and no manifest.
    assert_eq!(busy.asked().len(), 0);
    assert_not_looked_up(&ran, &format!("{} answers 503 down for maintenance", busy.host));
}

#[test]
fn a_host_of_which_every_image_is_waived_is_not_asked() {
    let namespace = TestCluster::get().namespace_named("t-silent");
    let silent = Silent::start();
    let waivers: Vec<String> = (0..2)
        .map(|n| format!("--waive=images={}/acme/app{n}:1", silent.host))
        .collect();
    let waivers: Vec<&str> = waivers.iter().map(String::as_str).collect();

    let flags = [&waivers[..], &["--reason", "preloaded"]].concat();
    let ran = preflight(&namespace, vec![deployment(&silent.host, 2)], &flags).exits(0);
    assert_eq!(silent.connections.load(Ordering::Relaxed), 0, "{}", ran.stderr);
    let shown = ran.stdout + &ran.stderr;
    assert!(
        shown.contains("waived [images]") && shown.contains("app0:1 was not looked up"),
        "{shown}"
    );

    // One that is not waived is reason enough to ask.
    let ran = preflight(&namespace, vec![deployment(&silent.host, 2)], &waivers[..1]).exits(0);
    assert_eq!(silent.requests(), 2, "{}", ran.stderr);
}

#[test]
fn the_preflight_asks_where_the_environments_registries_lead() {
    let namespace = TestCluster::get().namespace_named("t-silent");
    let mirror = Fake::start(|_| Reply::new(200, ""));
    let release = ReleaseFile::new("shop", "1", vec![deployment("registry.invalid", 1)]);
    let environment = release.sibling("environment.yaml");
    let text = format!(
        "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Environment\nmetadata: {{name: here}}\nspec: {{registries: {{registry.invalid: '{}/mirror'}}}}\n",
        mirror.host
    );
    std::fs::write(&environment, text).unwrap();

    let environment = environment.display().to_string();
    let ran = promote(&namespace, &release, &["--dry-run=server", "-e", &environment]).exits(0);

    let asked: Vec<String> = mirror.asked().into_iter().map(|one| one.path).collect();
    assert_eq!(asked, ["/v2/mirror/acme/app0/manifests/1"], "{}", ran.stderr);
}
