//! Files of somebody else with characters that a terminal obeys or nobody sees: none of them gets out.

use crate::harness::{Run, TestCluster};
use serde_json::{Value, json};
use std::path::PathBuf;

/// ESC, C1, CR, a bidirectional override, a zero-width space, BEL, and a tag.
const UNSEEN: [char; 7] = [
    '\u{1b}',
    '\u{9b}',
    '\r',
    '\u{202e}',
    '\u{200b}',
    '\u{7}',
    '\u{e0041}',
];

fn release(folder: &tempfile::TempDir, version: &str, objects: &[Value]) -> PathBuf {
    let release = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release",
        "metadata": {"name": "shop", "version": version}, "spec": {"objects": objects}});
    let file = folder.path().join(format!("{version}.json"));
    std::fs::write(&file, release.to_string()).unwrap();
    file
}

/// An object that holds the character wherever a text may be.
fn with(unseen: char, value: &str) -> Value {
    let text = |word: &str| format!("{word}{unseen}x");
    json!({"apiVersion": "example.com/v1", "kind": text("Kind"),
        "metadata": {"name": text("name"), "namespace": text("space"), "labels": {"a": value}},
        "spec": {text("key"): {text("inner"): format!("{value}{unseen}")}}})
}

#[test]
fn kinds_names_namespaces_keys_and_paths_get_out_with_their_escapes_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for unseen in UNSEEN {
        let one = release(&folder, "1", &[with(unseen, "old")]);
        let other = release(&folder, "2", &[with(unseen, "new")]);
        for format in ["text", "json", "markdown", "junit"] {
            let ran = TestCluster::get()
                .delivery()
                .arg("compare")
                .args([&one, &other])
                .args(["-o", format])
                .run();
            let shown = ran.stdout.clone() + &ran.stderr;
            assert!(!shown.contains(UNSEEN), "{format}: {shown:?}");
        }
        for format in [&[][..], &["-o", "json"]] {
            let ran = TestCluster::get()
                .delivery()
                .arg("show")
                .arg(&one)
                .args(format)
                .run();
            let shown = ran.stdout.clone() + &ran.stderr;
            assert!(!shown.contains(UNSEEN), "show {format:?}: {shown:?}");
        }
    }
}

#[test]
fn two_values_that_look_alike_are_two_values_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let map = |text: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"text": text}});
    let pairs = [
        ("ad\u{200b}min", "admin"),
        ("a\r\n", "a\n"),
        ("ad\u{200b}min", "ad\\u200bmin"),
        ("a\u{1b}[0m", "a[0m"),
    ];
    for (left, right) in pairs {
        let one = release(&folder, "1", &[map(left)]);
        let other = release(&folder, "2", &[map(right)]);
        let view = TestCluster::get()
            .delivery()
            .arg("compare")
            .args([&one, &other])
            .args(["-o", "json"])
            .run()
            .exits(1)
            .json();
        let change = &view["objects"][0]["untested"][0];
        assert_ne!(change["tested"], change["desired"], "{view:#}");
    }
}

#[test]
fn a_text_of_somebody_else_is_no_command_for_the_runner_of_a_ci_system() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = "x\n::set-output name=a::b\r::add-mask::c\n \t::stop-commands::t\n##[error]d";
    let map = |text: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {hostile: text, "text": text}});
    let one = release(&folder, "1", &[map("old")]);
    let other = release(&folder, "2", &[map(hostile)]);
    for format in [&[][..], &["-o", "json"]] {
        let ran = TestCluster::get()
            .delivery()
            .env("GITHUB_ACTIONS", "true")
            .arg("compare")
            .args([&one, &other])
            .args(format)
            .run();
        for line in (ran.stdout.clone() + &ran.stderr).split(['\n', '\r']) {
            assert!(
                !line.trim_start().starts_with("::") && !line.contains("##["),
                "{format:?}: {line:?}"
            );
        }
        assert!(ran.stdout.contains("set-output"), "{format:?}: {}", ran.stdout);
    }
}
