//! What the commands that change a cluster share: events out, answers in, and how a run ends as an exit code.

mod sinks;

use crate::cli::{Context, Exit};
use crate::execute::RunReport;
use crate::model::event::{Event, EventSink, RunOutcome};
use crate::report::clean;
use crate::usecase::signals::Signals;
use crate::usecase::{Channels, CommandError, ErrorKind};
use std::io::Write;
use std::sync::Arc;

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputMode {
    /// Lines for a user, on stderr.
    Text,
    /// One event a line as JSON, on stdout.
    Json,
}

impl OutputMode {
    /// JSON where it is asked for.
    pub fn json_if(is_json: bool) -> Self {
        if is_json { Self::Json } else { Self::Text }
    }
}

/// A run's side of the conversation with its user.
pub struct Console<'c> {
    /// The command's context.
    pub context: &'c Context,
    /// How the run is shown.
    pub mode: OutputMode,
    /// Whether nobody is asked about the plan.
    pub yes: bool,
    /// Signals in, events out.
    pub channels: Channels,
}

impl<'c> Console<'c> {
    /// Listens for signals from here on.
    pub fn new(mode: OutputMode, yes: bool, context: &'c Context) -> Self {
        let channels = Channels {
            signals: Signals::listen(),
            events: events(mode, context),
        };
        Self {
            context,
            mode,
            yes,
            channels,
        }
    }

    /// What is to be done before anything is changed: a signal ends it.
    pub async fn until_interrupted<T>(
        &self,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, CommandError> {
        self.channels.signals.end(work).await
    }

    /// Says how a run ended, and makes it an exit code; `reverts` where putting back is what was asked for.
    pub fn finish(&self, report: RunReport, reverts: bool) -> Exit {
        let RunReport {
            outcome,
            message,
            next,
        } = report;
        self.channels.events.emit(Event::Finished {
            outcome,
            message,
            next,
        });
        exit_of(outcome, reverts)
    }
}

/// Where events go.
pub fn events(mode: OutputMode, context: &Context) -> Arc<dyn EventSink> {
    sinks::sink(mode, context)
}

/// The exit code of an outcome; `reverts` where putting back is what was asked for.
pub fn exit_of(outcome: RunOutcome, reverts: bool) -> Exit {
    match outcome {
        RunOutcome::Promoted
        | RunOutcome::PromotedPruneIncomplete
        | RunOutcome::NothingToDo
        | RunOutcome::Running => Exit(0),
        RunOutcome::Unreachable => Exit(1),
        RunOutcome::Refused => Exit(2),
        RunOutcome::Reverted if reverts => Exit(0),
        RunOutcome::Reverted | RunOutcome::NotApplied | RunOutcome::Failed => Exit(3),
        RunOutcome::NotFullyReverted => Exit(4),
        RunOutcome::Locked => Exit(5),
        RunOutcome::InterruptedReverted | RunOutcome::Left => Exit(130),
    }
}

/// Asks, and goes on at a yes; `cannot_ask` is the error where there is no terminal to ask on.
// Anything but a yes is an error: a script has to see that nothing was done.
pub async fn confirm(
    question: &str,
    cannot_ask: CommandError,
    context: &Context,
) -> Result<(), CommandError> {
    if !context.can_ask() {
        return Err(cannot_ask);
    }
    let mut err = context.stderr();
    write!(err, "{} [y/N] ", clean(question))?;
    err.flush()?;

    if matches!(&*answer().await?, "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(CommandError::new(
        ErrorKind::Refused,
        "not confirmed; nothing was changed",
    ))
}

/// What a person answers to the question that was printed.
pub async fn answer() -> Result<String, CommandError> {
    // Beside the thread that hears signals.
    let read = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    Ok(read.await.map_err(std::io::Error::other)??.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args as _;

    /// Every outcome, whether it is one of `wait`.
    const OUTCOMES: &[(RunOutcome, bool)] = &[
        (RunOutcome::Promoted, false),
        (RunOutcome::PromotedPruneIncomplete, false),
        (RunOutcome::NothingToDo, false),
        (RunOutcome::Refused, false),
        (RunOutcome::Reverted, false),
        (RunOutcome::NotFullyReverted, false),
        (RunOutcome::Locked, false),
        (RunOutcome::InterruptedReverted, false),
        (RunOutcome::Left, false),
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
        let events = include_str!("../../docs/events.md");
        let codes = include_str!("../../docs/exit-codes.md");
        let of_wait = codes.split("## `wait`").nth(1).unwrap();
        let mut wait = super::super::wait::Args::augment_args(clap::Command::new("wait"));
        let help = wait.render_help().to_string();
        for (outcome, is_wait) in OUTCOMES {
            let (word, code) = (word(*outcome), exit_of(*outcome, false).0);
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
