use super::*;
use crate::model::run_end::StateAfter;
use crate::model::verdict::{Cause, CauseKind};

/// Text of somebody who may set an image's name, and wants the runner to obey.
const HOSTILE: &str = "no such image\n::add-mask::x\r::set-output name=a::b ##[error]c 100%";

fn failed() -> Event {
    Event::Failed {
        object: Some(ObjectId::new("apps", "Deployment", Some("shop"), "web")),
        cause: Cause {
            kind: CauseKind::ImageNotFound,
            message: HOSTILE.into(),
            pod: None,
            container: None,
            previous_logs: false,
        },
        logs: Vec::new(),
        events: Vec::new(),
        changes: Vec::new(),
    }
}

fn finished(outcome: RunOutcome) -> Event {
    Event::Finished(RunEnd {
        outcome,
        message: format!("promotion of shop 2 failed: {HOSTILE}"),
        after: StateAfter::default(),
        hints: vec!["kubectl delivery status `shop`".into()],
        exit_code: 3,
    })
}

fn commands(system: CiSystem, events: &[Event]) -> Vec<String> {
    let mut log = CiLog::new(system, true);
    events
        .iter()
        .flat_map(|event| log.commands(event, 1_800_000_000))
        .collect()
}

fn run() -> Vec<Event> {
    let (apply, rollback) = (Phase::Apply, Phase::Rollback);
    vec![
        // It has no lines of its own.
        Event::PhaseStarted {
            phase: Phase::Journal,
        },
        Event::PhaseEnded {
            phase: Phase::Journal,
            millis: 1,
        },
        Event::PhaseStarted { phase: apply },
        failed(),
        Event::PhaseEnded {
            phase: apply,
            millis: 1,
        },
        Event::PhaseStarted { phase: rollback },
        Event::PhaseEnded {
            phase: rollback,
            millis: 1,
        },
        finished(RunOutcome::RolledBack),
    ]
}

#[test]
fn each_phase_is_a_group_that_ends_before_its_failure_which_is_annotated_once() {
    let commands = commands(CiSystem::GitHub, &run());
    let names: Vec<&str> = commands
        .iter()
        .map(|line| line.split([' ', ':']).nth(2).unwrap())
        .collect();
    assert_eq!(
        names,
        ["group", "endgroup", "error", "group", "endgroup"],
        "{commands:#?}"
    );
    assert!(
        commands[2].starts_with("::error title=Deployment shop/web::no such image%0A"),
        "{}",
        commands[2]
    );
    // One line each, whatever the cluster says.
    assert!(
        commands.iter().all(|line| !line.contains(['\n', '\r'])),
        "{commands:#?}"
    );
}

#[test]
fn a_rollback_that_is_incomplete_is_annotated_beside_its_cause() {
    let mut events = run();
    events.pop();
    events.push(finished(RunOutcome::RollbackIncomplete));
    let errors = commands(CiSystem::GitHub, &events)
        .iter()
        .filter(|line| line.starts_with("::error"))
        .count();
    assert_eq!(errors, 2);
}

#[test]
fn without_lines_of_its_own_a_run_has_annotations_and_no_groups() {
    let mut log = CiLog::new(CiSystem::GitHub, false);
    let commands: Vec<String> = run().iter().flat_map(|event| log.commands(event, 0)).collect();
    assert_eq!(commands.len(), 1, "{commands:#?}");
}

#[test]
fn gitlab_folds_each_phase_under_a_name_of_its_own() {
    let commands = commands(CiSystem::GitLab, &run());
    assert_eq!(
        commands[0],
        "\u{1b}[0Ksection_start:1800000000:delivery_1\r\u{1b}[0Kapplying"
    );
    assert_eq!(
        commands[1],
        "\u{1b}[0Ksection_end:1800000000:delivery_1\r\u{1b}[0K"
    );
    assert!(commands[2].contains(":delivery_2\r"), "{commands:?}");
    assert_eq!(commands.len(), 4);
}

#[test]
fn the_summary_says_how_it_ended_what_failed_and_what_to_type() {
    let mut log = CiLog::new(CiSystem::GitHub, true);
    let mut summary = None;
    for event in run() {
        log.commands(&event, 0);
        summary = summary.or(log.summary(&event));
    }
    let summary = summary.unwrap();
    assert!(
        summary.starts_with("### kubectl delivery: rolledBack\n\n`promotion of shop 2 failed: no such image"),
        "{summary}"
    );
    assert!(
        summary.contains("- Failed: `Deployment shop/web`: `no such image"),
        "{summary}"
    );
    assert!(
        summary.contains("- Hint: `` kubectl delivery status `shop` ``"),
        "{summary}"
    );
    // What a text holds is no markup, and on no line of its own.
    assert!(!summary.contains("\n::"), "{summary}");
}
