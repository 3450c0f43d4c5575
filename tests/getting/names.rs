//! One program under two names: what a user is told to type is what that user typed.

use crate::harness::{Ran, Run, TestCluster, linked_as};
use serde_json::Value;

/// `kubectl NAME …`, through kubectl and the program installed under that plugin's file.
fn kubectl(file: &str, words: &[&str]) -> Ran {
    let cluster = TestCluster::get();
    let folder = tempfile::tempdir().unwrap();
    let mut command = linked_as(file, folder.path(), &cluster.tools);
    command.env("KUBECONFIG", &cluster.kubeconfig).args(words).run()
}

fn drift(words: &[&str]) -> Ran {
    kubectl("kubectl-release_drift", &[&["release-drift"], words].concat())
}

#[test]
fn hints_and_help_name_the_command_that_was_typed() {
    for words in [
        &["apply"][..],
        &["promot"],
        &["record", "--no-such-flag"],
        &["promote", "-f", "x.yaml"],
        &["status", "no-such-release", "-n", "default"],
        &["history", "no-such-release", "-n", "default"],
        &["push", "release.yaml", "somewhere"],
        &["promote", "--help"],
        &["--help"],
        &["state", "verify", "--help"],
    ] {
        let ours = drift(words);
        let both = format!("{}{}", ours.stdout, ours.stderr);
        assert!(both.contains("kubectl release-drift"), "{words:?}: {both}");
        assert!(!both.contains("kubectl delivery"), "{words:?}: {both}");

        // Under its first name it says the same, but for the name.
        let first = kubectl("kubectl-delivery", &[&["delivery"], words].concat());
        let first = format!("{}{}", first.stdout, first.stderr);
        let collapsed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            collapsed(&first.replace("kubectl delivery", "kubectl release-drift")),
            collapsed(&both)
        );
    }
}

#[test]
fn the_hints_of_events_are_typed_as_well_and_values_stay_what_they_are() {
    let ran = drift(&[
        "promote",
        "no-such-release",
        "--promoted",
        "-n",
        "default",
        "-y",
        "-o",
        "json",
    ]);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    let hints = last["hints"].to_string();
    assert!(hints.contains("kubectl release-drift"), "{last}");

    // The text of an object is no hint of ours.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.yaml");
    let text =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: script}\ndata: {run: kubectl delivery promote}\n";
    std::fs::write(&file, text).unwrap();
    let ran = drift(&[
        "diff",
        "-f",
        file.to_str().unwrap(),
        "-n",
        "default",
        "-o",
        "json",
    ]);
    assert!(!ran.stdout.contains("release-drift promote"), "{}", ran.stdout);
    let recorded = drift(&[
        "record",
        "-f",
        file.to_str().unwrap(),
        "--offline",
        "--name",
        "x",
        "--version",
        "1",
    ]);
    assert!(recorded.ok().contains("kubectl delivery promote"));
}

#[test]
fn tab_and_the_scripts_of_shells_work_under_the_second_name() {
    let cluster = TestCluster::get();
    let folder = tempfile::tempdir().unwrap();
    linked_as("kubectl-release_drift", folder.path(), &cluster.tools);
    let proposed = linked_as("kubectl_complete-release_drift", folder.path(), &cluster.tools)
        .args(["__complete", "release-drift", "vers"])
        .run()
        .ok();
    assert!(proposed.starts_with("version\t"), "{proposed}");

    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = drift(&["completion", shell]).ok();
        assert!(script.contains("kubectl-release_drift"), "{script}");
        assert!(
            !script.contains("kubectl-delivery") && !script.contains("kubectl_delivery"),
            "{script}"
        );
        let first = kubectl("kubectl-delivery", &["delivery", "completion", shell]).ok();
        assert!(first.contains("kubectl-delivery"));
    }
}

#[test]
fn the_version_names_the_platform_as_kubectl_does() {
    let ours = drift(&["version", "-o", "json", "--client"]).json();
    let asked = TestCluster::get()
        .kubectl()
        .args(["version", "--client", "-o", "json"])
        .run()
        .json();
    assert_eq!(
        ours["clientVersion"]["platform"],
        asked["clientVersion"]["platform"]
    );
}
