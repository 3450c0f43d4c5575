//! Files and objects of somebody else hold characters that a terminal obeys or nobody sees: no command lets one out, in no
//! format. (What `compare` and `show` make of such kinds, names and keys: `unseen.rs` beside this folder.)

use crate::harness::{Namespace, Run, TestCluster};
use crate::promote::support::{ReleaseFile, promote};
use serde_json::{Value, json};
use std::path::Path;

/// ESC, C1, CR, bidirectional controls, a zero-width space, BEL, and a tag.
const UNSEEN: [char; 8] = [
    '\u{1b}',
    '\u{9b}',
    '\r',
    '\u{202e}',
    '\u{2066}',
    '\u{200b}',
    '\u{7}',
    '\u{e0041}',
];

fn hostile(word: &str) -> String {
    UNSEEN
        .iter()
        .map(|unseen| format!("{word}{unseen}[31m"))
        .collect()
}

/// A server takes annotations, data and environment as they are.
fn objects(value: &str) -> Vec<Value> {
    let text = hostile(value);
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "annotations": {"note": text.clone()}}, "data": {"text": text.clone()}});
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}, "annotations": {"note": text.clone()}}, "spec": {"containers": [
            {"name": "main", "image": format!("registry.example/web:1@sha256:{}", "1".repeat(64)),
                "readinessProbe": {"tcpSocket": {"port": 80}}, "env": [{"name": "TEXT", "value": text}]}]}}}});
    vec![map, web]
}

/// Runs a command, whose outputs and files must show everything.
fn assert_shows_all(namespace: &Namespace, words: &[&str], tool: bool) {
    for color in ["never", "always"] {
        let mut command = TestCluster::get().delivery();
        command
            .args(words)
            .args(["--color", color])
            .env("COSIGN_PASSWORD", "correct-horse");
        let offline = [
            "compare", "show", "record", "attest", "sign", "verify", "push", "pull",
        ];
        if !offline.contains(&words[0]) {
            command.args(["-n", namespace.name()]);
        }
        command.envs(tool.then_some(("KUBECTL_EXTERNAL_DIFF", "diff -u -N")));
        let ran = command.run();
        // Our own colours, and no others.
        let mut shown = ran.stdout.clone() + &ran.stderr;
        for colour in [
            "0", "1", "2", "31", "32", "33", "34", "35", "36", "1;31", "1;32", "1;33", "1;36", "90", "39",
            "22",
        ] {
            shown = shown.replace(&format!("\u{1b}[{colour}m"), "");
        }
        assert!(!shown.contains(UNSEEN), "{words:?} --color {color}: {shown:?}");
        assert!(
            !ran.stderr.contains("this is a bug in kubectl-delivery"),
            "{words:?}: {}",
            ran.stderr
        );
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn no_command_lets_an_unseen_character_out_in_any_format() {
    let namespace = TestCluster::get().namespace_named("t-unseen");
    let one = ReleaseFile::new("shop", &hostile("1"), objects("old"));
    let other = ReleaseFile::new("shop", &hostile("2"), objects("new"));
    let (first, second) = (one.path(), other.path());
    let manifests = one.sibling("manifests.json");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects("new")});
    std::fs::write(&manifests, list.to_string()).unwrap();
    let junit = one.sibling("junit.xml");
    let report = "<testsuites><testsuite name=\"a\"><testcase name=\"b&#x202e;c\"/></testsuite></testsuites>";
    std::fs::write(&junit, report).unwrap();
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cosign/cosign.key");
    let public = key.with_extension("pub");
    let (layout, pulled, rendered) = (
        one.sibling("layout"),
        one.sibling("pulled.yaml"),
        one.sibling("rendered.yaml"),
    );
    let evidence = format!("integration={}", text(&junit));
    let place = format!("oci-layout:{}:1", text(&layout));

    let version = hostile("3");
    let recording = [
        "record",
        "-f",
        text(&manifests),
        "--name",
        "shop",
        "--version",
        &version,
        "--offline",
    ];
    let files: [&[&str]; 14] = [
        &["show", text(&first)],
        &["show", text(&first), "-o", "json"],
        &["show", text(&first), "-o", "yaml"],
        &["compare", text(&first), text(&second)],
        &["compare", text(&first), text(&second), "-o", "json"],
        &["compare", text(&first), text(&second), "-o", "markdown"],
        &["compare", text(&first), text(&second), "-o", "junit"],
        &["compare", text(&first), text(&second), "--suggest"],
        &recording,
        &["attest", text(&first), "--evidence", &evidence],
        &["sign", text(&first), "--key", text(&key)],
        &["verify", text(&first), "--key", text(&public)],
        &["push", text(&first), &place],
        &["pull", &place, "-o", text(&pulled)],
    ];
    files
        .iter()
        .for_each(|words| assert_shows_all(&namespace, words, false));

    promote(&namespace, &one, &["-y"]).exits(0);
    let formats = ["text", "json", "yaml", "name", "markdown", "junit", "html"];
    for format in formats {
        assert_shows_all(&namespace, &["diff", text(&second), "-o", format], false);
        assert_shows_all(&namespace, &["diff", "-f", text(&manifests), "-o", format], false);
    }
    let cluster: [&[&str]; 17] = [
        &["diff", "--since", "1h"],
        &["diff", "--since", "1h", "-o", "yaml"],
        &["render", text(&second)],
        &["render", text(&second), "-o", text(&rendered)],
        &["promote", text(&second), "--dry-run=server"],
        &["promote", text(&second), "--dry-run=server", "-o", "json"],
        &["promote", text(&second), "-y", "-o", "json"],
        &["promote", text(&first), "-y"],
        &["status"],
        &["status", "-o", "json"],
        &["history"],
        &["history", "-o", "json"],
        &["images", "--offline"],
        &["images", "--offline", "-o", "json"],
        &["wait", text(&first), "--settle", "1s"],
        &["wait", text(&first), "--settle", "1s", "-o", "json"],
        &["revert", "shop", "-y"],
    ];
    assert_shows_all(&namespace, &["diff", text(&second)], true);
    cluster
        .iter()
        .for_each(|words| assert_shows_all(&namespace, words, false));
    let rendered = std::fs::read_to_string(rendered).unwrap();
    assert!(!rendered.contains(UNSEEN), "{rendered:?}");

    // What a server refuses, it quotes.
    let mut refused = objects("new");
    refused[0]["metadata"]["name"] = hostile("name").into();
    refused[1]["kind"] = hostile("Kind").into();
    let refused = ReleaseFile::new("shop", "4", refused);
    for flags in [&[][..], &["-o", "json"]] {
        let file = refused.path();
        for command in [
            &["promote", text(&file), "-y"][..],
            &["diff", text(&file)],
            &["wait", text(&file), "--timeout", "10s"],
        ] {
            assert_shows_all(&namespace, &[command, flags].concat(), false);
        }
    }
}
