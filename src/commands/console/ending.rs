//! How a run ends: its last event, and its exit code.

use crate::cli::{Exit, Family};
use crate::execute::RunReport;
use crate::model::event::{Event, EventSink, RunCommand, RunEnd, RunOutcome};
use crate::model::run_end::{CurrentRelease, StateAfter};
use crate::report::typed;
use crate::usecase::{CommandError, ErrorKind};

/// Says how a run ended, and makes it an exit code.
pub fn finish(events: &dyn EventSink, report: RunReport, command: RunCommand) -> Exit {
    let exit = exit_of(report.outcome, command);
    events.emit(Event::Finished(RunEnd {
        outcome: report.outcome,
        message: report.message,
        after: report.after,
        hints: typed_all(&report.hints),
        exit_code: exit.0,
    }));
    exit
}

/// Says why a command could not do what was asked for, and that it ended; `current` is what is promoted.
pub fn emit_error(events: &dyn EventSink, error: &CommandError, current: CurrentRelease) {
    events.emit(Event::Error {
        message: error.message.clone(),
        causes: error.causes.clone(),
        hints: typed_all(&error.hints),
    });
    events.emit(Event::Finished(RunEnd {
        outcome: outcome_of(error.kind),
        message: error.message.clone(),
        after: StateAfter {
            current,
            ..StateAfter::default()
        },
        hints: typed_all(&error.hints),
        exit_code: Family::Acting.exit(error.kind).0,
    }));
}

/// Hints for whoever typed this command, under whichever name.
fn typed_all(hints: &[String]) -> Vec<String> {
    hints.iter().map(|hint| typed(hint).into_owned()).collect()
}

/// How a command ended that could not do what was asked for.
fn outcome_of(kind: ErrorKind) -> RunOutcome {
    match kind {
        ErrorKind::Refused => RunOutcome::Refused,
        ErrorKind::Locked => RunOutcome::Locked,
        // Before a run began: there is nothing to roll back.
        ErrorKind::Interrupted => RunOutcome::InterruptedRolledBack,
        ErrorKind::Usage | ErrorKind::Unreachable | ErrorKind::OutputClosed | ErrorKind::Other => {
            RunOutcome::Error
        }
    }
}

/// The exit code of an outcome of a command.
fn exit_of(outcome: RunOutcome, command: RunCommand) -> Exit {
    match outcome {
        RunOutcome::Promoted
        | RunOutcome::PromotedPruneIncomplete
        | RunOutcome::Repaired
        | RunOutcome::Deleted
        | RunOutcome::NothingToDo
        | RunOutcome::Running => Exit(0),
        RunOutcome::Unreachable | RunOutcome::Error => Exit(1),
        RunOutcome::Refused | RunOutcome::RehearsalFailed => Exit(2),
        // Whoever resumes or promotes wanted a release, and got none.
        RunOutcome::Reverted if command == RunCommand::Revert => Exit(0),
        RunOutcome::RolledBack | RunOutcome::Reverted | RunOutcome::NotApplied | RunOutcome::Failed => {
            Exit(3)
        }
        RunOutcome::RollbackIncomplete | RunOutcome::RevertIncomplete => Exit(4),
        RunOutcome::Locked => Exit(5),
        RunOutcome::InterruptedRolledBack | RunOutcome::Unfinished => Exit(130),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args as _;

    /// Every outcome, whether it is one of `wait`.
    const OUTCOMES: &[(RunOutcome, bool)] = &[
        (RunOutcome::Promoted, false),
        (RunOutcome::PromotedPruneIncomplete, false),
        (RunOutcome::Repaired, false),
        (RunOutcome::NothingToDo, false),
        (RunOutcome::Deleted, false),
        (RunOutcome::Refused, false),
        (RunOutcome::RehearsalFailed, false),
        (RunOutcome::RolledBack, false),
        (RunOutcome::RollbackIncomplete, false),
        (RunOutcome::Reverted, false),
        (RunOutcome::RevertIncomplete, false),
        (RunOutcome::Locked, false),
        (RunOutcome::InterruptedRolledBack, false),
        (RunOutcome::Unfinished, false),
        (RunOutcome::Error, false),
        (RunOutcome::Running, true),
        (RunOutcome::NotApplied, true),
        (RunOutcome::Failed, true),
        (RunOutcome::Unreachable, true),
    ];

    fn word(outcome: RunOutcome) -> String {
        serde_json::to_value(outcome)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn documents_and_help_give_each_outcome_the_exit_code_that_the_program_gives_it() {
        let events = include_str!("../../../docs/events.md");
        let codes = include_str!("../../../docs/exit-codes.md");
        let of_wait = codes.split("## `wait`").nth(1).unwrap();
        let mut wait = crate::commands::wait::Args::augment_args(clap::Command::new("wait"));
        let help = wait.render_help().to_string();
        for (outcome, is_wait) in OUTCOMES {
            let (word, code) = (word(*outcome), exit_of(*outcome, RunCommand::Resume).0);
            let quoted = format!("`{word}`");
            let is_row = |line: &&str| {
                let mut cells = line.split('|').skip(1).map(str::trim);
                cells.next().is_some_and(|first| first.contains(&quoted))
                    && cells
                        .next()
                        .is_some_and(|code| code.starts_with(|one: char| one.is_ascii_digit()))
            };
            let row = events.lines().find(is_row).unwrap();
            let cell = row.split('|').nth(2).unwrap().trim();
            assert!(
                cell.split(';').next() == Some(&code.to_string()),
                "docs/events.md: {row}: {code}"
            );
            if *is_wait {
                let row = of_wait.lines().find(|line| line.contains(&quoted)).unwrap();
                assert!(
                    row.starts_with(&format!("| {code} |")),
                    "docs/exit-codes.md: {row}"
                );
                let row = help
                    .lines()
                    .find(|line| line.contains(&format!("{word}:")))
                    .unwrap();
                assert!(row.trim().starts_with(&code.to_string()), "wait --help: {row}");
            }
        }
    }
}
