//! State of a later format: each document that says so is refused with its version and what to type, whatever its fields
//! are, and nothing is written.

use super::forger::Forger;
use super::*;
use crate::harness::{KillProxy, TestCluster};
use std::collections::BTreeMap;

const WHY: &str = "format version 2, which only a later kubectl-delivery writes";

/// The version of everything that a run could write.
fn versions(app: &App) -> BTreeMap<String, String> {
    let listed = app.kubectl(&["get", "configmaps,secrets,leases", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let items = listed["items"].as_array().unwrap().iter();
    let text = |item: &Value, field: &str| item["metadata"][field].as_str().unwrap().to_owned();
    items
        .map(|item| {
            (
                format!("{} {}", item["kind"], text(item, "name")),
                text(item, "resourceVersion"),
            )
        })
        .collect()
}

/// Each command ends with 2, the sentence and what to type, and writes nothing.
fn are_refused(app: &App, what: &str, commands: Vec<Command>) {
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let before = versions(app);
    for mut command in commands {
        let ran = proxy.run(&mut command).exits(2);
        assert!(ran.stderr.contains(WHY), "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains("hint: "), "{what}: {}", ran.stderr);
    }
    let writes: Vec<String> = proxy.writes().into_iter().map(|write| write.path).collect();
    assert!(
        writes.iter().all(|path| path.contains("/leases")),
        "{what}: {writes:?}"
    );
    assert_eq!(versions(app), before, "{what}");
}

fn twice() -> App {
    let app = promoted();
    app.promote("2", &version("2")).run().exits(0);
    app
}

fn every_change(app: &App) -> Vec<Command> {
    vec![
        app.promote("3", &version("3")),
        app.revert(),
        app.revert_to("1"),
        command(app, &["delete", NAME, "-y"]),
        command(app, &["promote", "--resume", NAME, "-y"]),
        command(app, &["promote", NAME, "--promoted", "-y"]),
        state(app, "accept"),
        state(app, "rotate"),
    ]
}

#[test]
fn a_journal_of_a_later_format_is_refused_by_every_command_that_writes() {
    let app = twice();
    let mut forger = Forger::new(&app);
    forger.head = json!({"formatVersion": 2, "current": {"phase": "auditing"}});
    app.kubectl(&[
        "patch",
        "configmap",
        "delivery-app-journal",
        "-p",
        r#"{"data":{"formatVersion":"2"}}"#,
    ]);
    forger.seal();

    are_refused(&app, "journal", every_change(&app));
    let status = command(&app, &["status"]).run().exits(0);
    assert!(status.stdout.contains(WHY), "{}", status.stdout);
}

#[test]
fn an_inventory_of_a_later_format_is_refused_by_every_command_that_writes() {
    let app = twice();
    let mut forger = Forger::new(&app);
    forger.inventory["data"]["formatVersion"] = "2".into();
    forger.inventory["data"]["history"] = "another way to tell it\n".into();
    forger.seal();

    are_refused(&app, "inventory", every_change(&app));
}

#[test]
fn pre_images_of_a_later_format_are_refused_by_what_reads_them() {
    let app = twice();
    let mut forger = Forger::new(&app);
    forger.change_parts(|parts| parts["formatVersion"] = 2.into());
    forger.seal();

    are_refused(&app, "pre-images", vec![app.revert()]);
}

#[test]
fn a_stored_release_of_a_later_format_is_refused_by_what_reads_it() {
    let app = twice();
    let mut forger = Forger::new(&app);
    let change = |record: &mut Value| {
        record["formatVersion"] = 2.into();
        record["desired"] = "elsewhere".into();
    };
    forger.change_record(1, change);
    forger.change_record(2, change);
    forger.seal();

    let commands = vec![
        app.revert_to("1"),
        command(&app, &["promote", NAME, "--promoted", "-y"]),
    ];
    are_refused(&app, "stored release", commands);
}

#[test]
fn a_plan_of_a_later_format_is_refused() {
    let app = promoted();
    let mut plan = app.promote("2", &version("2"));
    let mut plan = plan
        .args(["--dry-run=server", "-o", "json"])
        .run()
        .exits(0)
        .json();
    plan["formatVersion"] = 2.into();
    plan["steps"] = "another way to tell them".into();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), plan.to_string()).unwrap();

    let mut promote = app.promote("2", &version("2"));
    promote.arg("--plan").arg(file.path());
    let before = versions(&app);
    let ran = promote.run();
    assert!(matches!(ran.code, Some(1 | 2)), "{:?}", ran.code);
    assert!(
        ran.stderr.contains(WHY) && ran.stderr.contains("hint: "),
        "{}",
        ran.stderr
    );
    assert_eq!(versions(&app), before);
    assert_eq!(value_of(&app), "1");
}
