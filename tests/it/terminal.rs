//! Streams: colours where they are wanted, nothing on a closed pipe.

use crate::harness::{Ran, Run, TestCluster, delivery};
use std::process::{Command, Stdio};

fn failing() -> Command {
    let mut command = delivery(&TestCluster::get().tools);
    command.args(["version", "--kubeconfig", "/nowhere"]);
    command
}

fn has_colour(ran: &Ran) -> bool {
    ran.stderr.contains('\u{1b}')
}

#[test]
fn a_pipe_gets_no_colours_unless_they_are_asked_for() {
    assert!(!has_colour(&failing().run()));
    assert!(has_colour(&failing().args(["--color", "always"]).run()));
    assert!(has_colour(&failing().env("CLICOLOR_FORCE", "1").run()));
    assert!(!has_colour(
        &failing().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").run()
    ));
    assert!(!has_colour(
        &failing().env("CLICOLOR_FORCE", "1").args(["--color=never"]).run()
    ));
}

#[test]
fn a_usage_error_and_help_follow_the_same_rules() {
    let mut wrong = delivery(&TestCluster::get().tools);
    assert!(!has_colour(&wrong.arg("--nope").run().exits(1)));
    assert!(has_colour(&wrong.args(["--color", "always"]).run().exits(1)));
    let mut help = delivery(&TestCluster::get().tools);
    assert!(
        help.args(["--help", "--color=always"])
            .run()
            .ok()
            .contains('\u{1b}')
    );
}

#[test]
fn whoever_stops_reading_ends_the_program_without_a_word() {
    let mut command = delivery(&TestCluster::get().tools);
    command
        .args(["version", "--client"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    // It may have written before the pipe was closed.
    assert!(
        matches!(output.status.code(), Some(141 | 0)),
        "{:?}",
        output.status
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn help_says_kubectl_delivery() {
    let help = delivery(&TestCluster::get().tools).arg("--help").run().ok();
    assert!(help.contains("Usage: kubectl delivery "), "{help}");
    assert_eq!(
        delivery(&TestCluster::get().tools).run().ok(),
        delivery(&TestCluster::get().tools).arg("-h").run().ok()
    );
    let help = delivery(&TestCluster::get().tools)
        .args(["version", "--help"])
        .run()
        .ok();
    assert!(
        help.starts_with("Examples:\n  kubectl delivery version\n"),
        "{help}"
    );
    assert!(help.contains("Usage: kubectl delivery version "), "{help}");
}

#[test]
fn an_error_is_shown_beside_the_log_of_github_actions_and_of_no_other() {
    let annotations = |ran: &Ran| {
        let lines = ran.stderr.lines();
        lines
            .filter(|line| line.starts_with("::error title=kubectl delivery::"))
            .count()
    };
    assert_eq!(annotations(&failing().env("GITHUB_ACTIONS", "true").run()), 1);
    assert_eq!(annotations(&failing().env("GITLAB_CI", "true").run()), 0);
    assert_eq!(annotations(&failing().run()), 0);
}
