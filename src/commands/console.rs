//! What the commands that change a cluster share: events out, answers in, and how a run ends as an exit code.

mod background;
mod ending;
mod live;
mod sinks;

pub use self::ending::{emit_error, finish};
use crate::cli::{Context, Exit, Stream};
use crate::execute::RunReport;
use crate::model::event::{EventSink, RunCommand};
use crate::model::run_end::CurrentRelease;
use crate::report::clean;
use crate::usecase::signals::Signals;
use crate::usecase::{Channels, CommandError, ErrorKind};
use std::cell::RefCell;
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
    /// Whether the plan is confirmed already.
    pub yes: bool,
    /// Signals in, events out.
    pub channels: Channels,
    /// What is promoted, as far as it was read.
    current: RefCell<CurrentRelease>,
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
            current: RefCell::default(),
        }
    }

    /// Where the plan is shown: a dry run's is the command's result, any other stands beside the question.
    pub fn plan_stream(&self, is_dry_run: bool) -> Stream {
        match (self.mode, is_dry_run) {
            (OutputMode::Text, true) => Stream::Stdout,
            _ => Stream::Stderr,
        }
    }

    /// What is to be done before anything is changed: a signal ends it.
    pub async fn until_interrupted<T>(
        &self,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, CommandError> {
        self.channels.signals.end(work).await
    }

    /// Notes what is promoted, as it was read before the run.
    pub fn set_current(&self, current: CurrentRelease) {
        *self.current.borrow_mut() = current;
    }

    /// Says how a run ended, and makes it an exit code.
    pub fn finish(&self, mut report: RunReport, command: RunCommand) -> Exit {
        // A run that was not begun has changed nothing.
        if report.after.current == CurrentRelease::Unknown {
            report.after.current = self.current.borrow().clone();
        }
        finish(&*self.channels.events, report, command)
    }

    /// Ends a stream of events whose command could not do what was asked for; any other end is in it already.
    pub fn end_stream(&self, result: &Result<Exit, CommandError>) {
        if let (OutputMode::Json, Err(error)) = (self.mode, result) {
            emit_error(&*self.channels.events, error, self.current.borrow().clone());
        }
    }
}

pub(super) use sinks::ci_output;

/// Where events go.
pub fn events(mode: OutputMode, context: &Context) -> Arc<dyn EventSink> {
    sinks::sink(mode, context)
}

/// What is wrong where there is no terminal to ask on.
pub const CANNOT_ASK: &str = "cannot ask for confirmation without a terminal; nothing was changed";

/// Asks, and goes on at a yes; `hint` is what to type where there is no terminal to ask on.
// Anything but a yes is an error: a script has to see that nothing was done.
pub async fn confirm(question: &str, hint: &str, context: &Context) -> Result<(), CommandError> {
    if !context.can_ask() {
        return Err(CommandError::usage(CANNOT_ASK).with_hint(hint));
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

/// What a user answers to the question that was printed.
pub async fn answer() -> Result<String, CommandError> {
    // Beside the thread that hears signals.
    let read = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    Ok(read.await.map_err(std::io::Error::other)??.trim().to_owned())
}
