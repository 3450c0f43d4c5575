//! A log in which nothing happens, and what CI systems read in one.

use super::app::{App, map, workload};
use crate::harness::{Run, Running};
use serde_json::{Value, json};

fn stuck() -> Vec<Value> {
    vec![
        map("config", json!({"v": "2"})),
        workload("Deployment", "web", '2', Some("never-starts")),
    ]
}

#[test]
fn a_run_that_waits_says_every_half_minute_for_what_and_how_long() {
    let app = App::new();
    let first = Running::start(&mut app.promote("2", &stuck()));
    first.until_stderr("waiting");
    let second = Running::start(app.revert().args(["--lock-timeout", "33s", "-o", "json"]));

    // Of a rollout: the numbers, the pod, the time until its deadline.
    first.until_stderr("; 9m");
    let second = second.wait().exits(5);
    first.process().signal("INT");
    let first = first.wait().exits(130);

    let line = first.stderr.lines().find(|line| line.ends_with(" left")).unwrap();
    assert!(
        line.contains("waiting  Deployment ") && line.contains("/web: "),
        "{line}"
    );
    assert!(
        line.contains("; pod web-") && line.contains(" ContainerCreating"),
        "{line}"
    );

    // Of a lock: who holds it, as an event.
    let events = second
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let heartbeats: Vec<Value> = events.filter(|event| event["event"] == "heartbeat").collect();
    assert_eq!(heartbeats.len(), 1, "{heartbeats:?}");
    let message = heartbeats[0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("waiting for the lock of app: locked by "),
        "{message}"
    );
    assert!(
        heartbeats[0]["remainingSeconds"].as_u64().unwrap() <= 3,
        "{heartbeats:?}"
    );
}

/// A promotion that fails and is rolled back, in a job of that system.
fn failing(app: &App, variable: &str) -> std::process::Command {
    let broken = [
        map("config", json!({"v": "2"})),
        workload("Deployment", "web", '2', Some("crash-loop")),
    ];
    let mut promote = app.promote("2", &broken);
    promote.env(variable, "true");
    promote
}

#[test]
fn github_actions_gets_groups_one_annotation_and_a_summary() {
    let app = App::new();
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("summary.md");
    std::fs::write(&page, "# Before\n").unwrap();
    let ran = failing(&app, "GITHUB_ACTIONS")
        .env("GITHUB_STEP_SUMMARY", &page)
        .run()
        .exits(3);

    let commands: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.trim_start().starts_with("::"))
        .collect();
    let names: Vec<&str> = commands
        .iter()
        .map(|line| line.split([' ', ':']).nth(2).unwrap())
        .collect();
    assert_eq!(
        names,
        ["group", "endgroup", "error", "group", "endgroup"],
        "{}",
        ran.stderr
    );
    assert!(
        commands[0] == "::group::applying" && commands[2].contains("/web::"),
        "{commands:#?}"
    );

    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.starts_with("# Before\n### kubectl delivery: "), "{page}");
    assert!(page.contains("- Failed: `Deployment "), "{page}");
}

#[test]
fn gitlab_gets_a_section_for_each_phase() {
    let app = App::new();
    let ran = failing(&app, "GITLAB_CI").run().exits(3);
    let starts = ran.stderr.matches("\u{1b}[0Ksection_start:").count();
    assert_eq!(
        (starts, ran.stderr.matches("\u{1b}[0Ksection_end:").count()),
        (2, 2),
        "{}",
        ran.stderr
    );
}
