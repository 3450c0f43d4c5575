//! The plan as it is shown and asked about: which cluster, which values, how much, and on which stream.

use super::support::{ReleaseFile, config, deployment, promote};
use crate::harness::{Namespace, Ran, Run, TestCluster};
use crate::sealed::answered;
use serde_json::{Value, json};
use std::process::Command;

fn secret(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": value}})
}

fn command(namespace: &Namespace, release: &ReleaseFile, flags: &[&str]) -> Command {
    let mut command = TestCluster::get().delivery();
    command
        .arg("promote")
        .arg(release.path())
        .args(["-n", namespace.name()])
        .args(flags);
    command
}

/// What a command says as JSON in the namespace.
fn run_as_json(namespace: &Namespace, words: &[&str]) -> Ran {
    let mut command = TestCluster::get().delivery();
    command.args(words).args(["-n", namespace.name(), "-o", "json"]);
    command.run().exits(0)
}

/// How the context and the server of the tests' kubeconfig are called.
fn place(namespace: &Namespace) -> String {
    let view = ["config", "view", "--minify", "-o", "json"];
    let config = TestCluster::get().kubectl().args(view).run().json();
    let context = config["current-context"].as_str().unwrap();
    let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap();
    format!("namespace {namespace} of context {context} ({server})")
}

fn assert_shows(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "nothing of {part:?}:\n{text}");
    }
}

#[test]
fn a_dry_run_prints_the_plan_on_stdout_with_both_values_of_each_field_and_none_of_a_secret() {
    let namespace = TestCluster::get().namespace_named("t-plan");
    let old = vec![
        config("settings", json!({"currency": "EUR", "level": "info"})),
        config("same", json!({"a": "1"})),
        config("other", json!({"a": "1"})),
        config("old", json!({"a": "1"})),
        secret("hunter2-before"),
    ];
    promote(&namespace, &ReleaseFile::new("shop", "1", old.clone()), &["-y"]).exits(0);
    let patch = [
        "patch",
        "configmap",
        "settings",
        "--field-manager=kubectl-edit",
        "-p",
    ];
    let change = json!({"data": {"level": "debug"}}).to_string();
    namespace.kubectl().args(patch).arg(change).run().ok();

    let new = vec![
        config("settings", json!({"currency": "USD", "level": "info"})),
        config("same", json!({"a": "1"})),
        config("other", json!({"a": "1"})),
        config("new", json!({"a": "1"})),
        secret("hunter2-after"),
    ];
    let release = ReleaseFile::new("shop", "2", new);
    let ran = promote(&namespace, &release, &["--dry-run=server", "--overwrite"]).exits(0);
    assert_eq!(ran.stderr, "");
    let title = format!("promote shop 2 to {}\n", place(&namespace));
    assert!(ran.stdout.starts_with(&title), "{}", ran.stdout);
    assert_shows(
        &ran.stdout,
        &[
            "\n  /data/currency  changed by kubectl-delivery (this tool)",
            "\n    - EUR\n    + USD\n",
            "\n  /data/level  changed manually by kubectl-edit",
            "\n    - debug\n    + info\n",
            "\n  takes ownership of /data/level from kubectl-edit\n",
            "\n  /data/password",
            "create  ConfigMap",
            "delete  ConfigMap",
            "\n1 to create, 2 to update, 1 to delete, 2 in sync\n",
        ],
    );
    for value in ["hunter2", "aHVudGVyMi"] {
        assert!(!ran.stdout.contains(value), "{}", ran.stdout);
    }

    // A program gets its document on stdout, and the cluster with it.
    let flags = ["--dry-run=server", "--overwrite", "-o", "json"];
    let ran = promote(&namespace, &release, &flags).exits(0);
    assert!(ran.stderr.starts_with(&title), "{}", ran.stderr);
    let plan = ran.json();
    assert_eq!(plan["cluster"]["namespace"], namespace.name());
    assert!(
        plan["cluster"]["server"]
            .as_str()
            .unwrap()
            .starts_with("https://"),
        "{plan}"
    );
}

#[test]
fn fields_of_more_than_twenty_changed_objects_are_folded_and_unfolded() {
    let namespace = TestCluster::get().namespace_named("t-plan");
    let release = |version: &str| {
        let name = |n: usize| format!("settings-of-a-service-with-a-rather-long-name-{n}");
        let objects = (0..21).map(|n| config(&name(n), json!({"a": version, "b": version})));
        ReleaseFile::new("shop", version, objects.collect())
    };
    promote(&namespace, &release("1"), &["-y"]).exits(0);

    let second = release("2");
    let folded = promote(&namespace, &second, &["--dry-run=server"])
        .exits(0)
        .stdout;
    assert_eq!(
        folded.matches("  (2 fields; --show-diff shows them)\n").count(),
        21,
        "{folded}"
    );
    assert!(!folded.contains("- 1"), "{folded}");

    let unfolded = promote(&namespace, &second, &["--dry-run=server", "--show-diff"])
        .exits(0)
        .stdout;
    assert_eq!(unfolded.matches("    - 1\n    + 2\n").count(), 42, "{unfolded}");
    assert!(!unfolded.contains("--show-diff"), "{unfolded}");

    // A terminal of forty columns breaks no name and no path.
    let mut narrow = command(&namespace, &second, &["--dry-run=server"]);
    let narrow = narrow.env("COLUMNS", "40").run().exits(0).stdout;
    let name = format!("ConfigMap {namespace}/settings-of-a-service-with-a-rather-long-name-20  ");
    assert_shows(&narrow, &[&name, "/data/a"]);
}

/// 250 objects that another tool applied.
fn applied_by_helm(namespace: &Namespace) -> Vec<Value> {
    let objects = |value: &str| -> Vec<Value> {
        let object = |n: usize| config(&format!("c{n}"), json!({"a": value}));
        (0..250).map(object).collect()
    };
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects("1")});
    let apply = ["apply", "--server-side", "--field-manager=helm", "-f", "-"];
    namespace.kubectl().args(apply).run_with(&list.to_string()).ok();
    objects("2")
}

#[test]
fn one_cause_on_250_objects_is_one_finding_with_ten_of_them_by_name_and_all_in_json() {
    let namespace = TestCluster::get().namespace_named("t-plan");
    let release = ReleaseFile::new("shop", "1", applied_by_helm(&namespace));
    let ran = promote(&namespace, &release, &["-y", "-o", "json"]).exits(2);

    let errors: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with("error ["))
        .collect();
    assert_eq!(errors.len(), 1, "{}", ran.stderr);
    assert!(errors[0].ends_with(" and 240 more: set by helm"), "{}", errors[0]);
    assert!(
        ran.stderr
            .contains("promotion refused: 1 error (ownership); nothing was changed"),
        "{}",
        ran.stderr
    );

    let events = events(&ran);
    assert_eq!(events[0]["event"], "started", "{}", events[0]);
    let findings = events[1]["findings"].as_array().unwrap();
    let objects = findings
        .iter()
        .flat_map(|finding| finding["objects"].as_array().unwrap());
    assert_eq!(objects.count(), 250);
    let first = &findings[0];
    assert_eq!(
        (&first["severity"], &first["paths"], &first["hints"]),
        (
            &json!("error"),
            &json!(["/data/a"]),
            &json!(["add --adopt helm to take ownership"])
        )
    );
    assert!(first["changedAt"].is_string(), "{first}");
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_question_names_context_server_and_namespace_and_counts_and_the_history_keeps_them() {
    let namespace = TestCluster::get().namespace_named("t-plan");
    let release = ReleaseFile::new(
        "shop",
        "1",
        vec![config("a", json!({"a": "1"})), config("b", json!({"a": "1"}))],
    );
    let place = place(&namespace);
    let asked = command(&namespace, &release, &[]);
    let question = format!("promote shop 1 to {place}: 2 to create (rollback: possible)? [y/N] ");

    let ran = answered(&asked, "n");
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    assert_shows(&ran.stdout, &[&question, "nothing was changed"]);
    let ran = answered(&asked, "y");
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);

    let json = |words: &[&str]| run_as_json(&namespace, words).json();
    let (history, status) = (json(&["history", "shop"]), json(&["status", "shop"]));
    let cluster = &history[0]["cluster"];
    let (context, server) = (
        cluster["context"].as_str().unwrap(),
        cluster["server"].as_str().unwrap(),
    );
    assert_eq!(
        place,
        format!("namespace {namespace} of context {context} ({server})")
    );
    assert_eq!(&status[0]["cluster"], cluster);
}

#[test]
fn every_stream_begins_with_the_release_and_the_cluster() {
    let namespace = TestCluster::get().namespace_named("t-plan");
    let first = ReleaseFile::new(
        "shop",
        "1",
        vec![config("a", json!({"a": "1"})), deployment("web", "web:1")],
    );
    let second = ReleaseFile::new(
        "shop",
        "2",
        vec![config("a", json!({"a": "2"})), deployment("web", "web:1")],
    );
    let run = |words: &[&str]| run_as_json(&namespace, words);
    let (first, second) = (first.path(), second.path());
    let path = second.to_str().unwrap();

    run(&["promote", first.to_str().unwrap(), "-y", "--settle", "0s"]);
    let promoted = events(&run(&["promote", path, "-y", "--settle", "0s"]));
    let waited = events(&run(&["wait", path, "--settle", "0s"]));
    for (events, command) in [(&promoted, "promote"), (&waited, "wait")] {
        let started = &events[0];
        assert_eq!(
            (&started["event"], &started["command"]),
            (&json!("started"), &json!(command))
        );
        assert_eq!(
            (&started["release"]["name"], &started["release"]["version"]),
            (&json!("shop"), &json!("2"))
        );
        assert!(
            started["release"]["digest"]
                .as_str()
                .unwrap()
                .starts_with("sha256:"),
            "{started}"
        );
        assert_eq!(started["cluster"]["namespace"], namespace.name());
    }
    let planned = promoted.iter().find(|event| event["event"] == "planned").unwrap();
    assert_eq!(
        (&planned["steps"][0]["action"], &planned["steps"][0]["reason"]),
        (&json!("update"), &json!("/data/a changes"))
    );
}

#[test]
fn an_approved_plan_is_carried_out_on_its_own_cluster_alone() {
    let namespace = TestCluster::get().namespace_named("t-plan");
    let release = ReleaseFile::new("shop", "1", vec![config("a", json!({"a": "1"}))]);
    let mut plan = promote(&namespace, &release, &["--dry-run=server", "-o", "json"])
        .exits(0)
        .json();
    let file = release.sibling("plan.json");
    let flags = ["--plan", file.to_str().unwrap(), "-y"];

    // Another address or another context's name alone may be the same cluster.
    let (context, server) = (
        plan["cluster"]["context"].take(),
        plan["cluster"]["server"].take(),
    );
    plan["cluster"]["context"] = "staging".into();
    plan["cluster"]["server"] = "https://staging:6443".into();
    std::fs::write(&file, plan.to_string()).unwrap();
    let ran = promote(&namespace, &release, &flags).exits(2);
    let message =
        format!("the plan is for namespace {namespace} of context staging (https://staging:6443), not for");
    assert_shows(&ran.stderr, &[&message, "nothing was changed"]);

    plan["cluster"]["server"] = server;
    std::fs::write(&file, plan.to_string()).unwrap();
    promote(&namespace, &release, &flags).exits(0);
    assert_ne!(context, "staging");
}
