//! What nodes say of pods may quote a Secret: no event, note or status shows its value.

use super::support::{ReleaseFile, promote};
use crate::harness::{Run, TestCluster};
use serde_json::{Value, json};

const VALUE: &str = "correct-horse-battery";

/// Its node repeats the image, and so the value, in what it says of the pod.
fn quoted(digit: char) -> Value {
    let image = format!(
        "registry.example/app:{VALUE}@sha256:{}",
        digit.to_string().repeat(64)
    );
    let from = json!({"secretKeyRef": {"name": "db", "key": "pass"}});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web", "kwok-play": "image-not-found"}}, "spec": {
            "containers": [{"name": "main", "image": image, "env": [{"name": "PASS", "valueFrom": from}]}]}}}})
}

#[test]
fn what_a_node_quotes_of_a_secret_is_hidden_in_notes_events_and_status() {
    let namespace = TestCluster::get().namespace_named("t-quoting");
    let literal = format!("--from-literal=pass={VALUE}");
    namespace
        .kubectl()
        .args(["create", "secret", "generic", "db", &literal])
        .run()
        .ok();
    namespace
        .kubectl()
        .args(["apply", "-f", "-"])
        .run_with(&quoted('1').to_string())
        .ok();
    let says = [
        "get",
        "pods",
        "-o",
        "jsonpath={.items[*].status.containerStatuses[*].state.waiting.message}",
    ];
    let quotes = || namespace.kubectl().args(says).run().stdout.contains(VALUE);
    let seen = (0..200).any(|_| {
        quotes() || {
            std::thread::sleep(std::time::Duration::from_millis(100));
            false
        }
    });
    assert!(seen, "the node does not quote the value");

    let release = ReleaseFile::new("shop", "1", vec![quoted('2')]);
    let ran = promote(&namespace, &release, &["-y", "--adopt", "kubectl", "-o", "json"]);
    let of_pods = |line: &&str| {
        let event: Value = serde_json::from_str(line).unwrap();
        ["rollout", "failed", "note", "finished"].contains(&event["event"].as_str().unwrap())
    };
    let events: Vec<&str> = ran.stdout.lines().filter(of_pods).collect();
    let events = events.join("\n");
    assert!(
        events.contains("was unhealthy before this promotion"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert!(events.contains("\"failed\""), "{}{}", ran.stdout, ran.stderr);
    assert!(events.contains("<Secret db/pass>"), "{events}");
    assert!(!events.contains(VALUE), "{events}");

    for format in [&[][..], &["-o", "json"]] {
        let status = TestCluster::get()
            .delivery()
            .args(["status", "-n", namespace.name()])
            .args(format)
            .run();
        assert!(!status.stdout.contains(VALUE), "{}", status.stdout);
    }
}
