//! `kubectl delivery wait`: applies nothing; watches what another tool applies, and judges it.

use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat, parse_duration};
use crate::commands::inputs::{UnknownHealthMode, WaitMode};
use crate::model::event::{Event, EventSink};
use crate::report::progress::EventWriter;
use crate::usecase::wait::{self, Goal, Request, WaitOutcome};
use crate::usecase::{CommandError, ErrorKind};
use clap::Args as ClapArgs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `wait`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  # Argo CD or Flux applies; this says when the release runs, or why it does not
  kubectl delivery wait release.yaml -e environments/production.yaml
  kubectl delivery wait release.yaml -n shop --timeout 10m --soak 2m",
    after_help = "Needs rights to get, list and watch, and changes nothing.

Exit codes:
  0    running: rolled out, its images verified, and ready for the time of --soak
  1    unreachable: the API server does not answer; or wrong usage
  3    notApplied: not applied within --timeout; failed: a rollout or gate failed, or another image runs"
)]
pub struct Args {
    /// The release: a file, or where a registry keeps it
    #[arg(value_name = "RELEASE")]
    release: String,
    /// The environment's file: how this cluster may differ from what was tested
    #[arg(short, long, value_name = "ENVIRONMENT")]
    environment: Option<PathBuf>,
    /// Format of what happens: one event a line
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    /// Give up when an object is not applied, or not rolled out, after this long
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10m")]
    timeout: Duration,
    /// How long everything must stay well after the rollout
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    soak: Option<Duration>,
    /// How long a container without a readiness probe must live to count as ready; a time below its start-up proves nothing
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    settle: Duration,
    /// How long to wait for what something outside of the release brings about
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    wait: WaitMode,
    /// What becomes of a custom resource whose health nothing reports
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    unknown_health: UnknownHealthMode,
    /// Do not show a failing container's last log lines
    #[arg(long)]
    no_logs: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Log lines of a failing container.
const LOG_LINES: u32 = 20;

impl Args {
    fn request(&self) -> Request {
        Request {
            release: self.release.clone(),
            environment: self.environment.clone(),
            connection: self.connection.options(),
            timeout: self.timeout,
            soak: self.soak,
            settle: self.settle,
            strict: self.wait == WaitMode::Strict,
            unknown_health: self.unknown_health.into(),
            log_lines: if self.no_logs { 0 } else { LOG_LINES },
        }
    }
}

/// Waits, and says how it ended.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let request = args.request();
    let goal = Goal::find(&request).await?;
    let events: Arc<EventWriter> = Arc::new(match args.output {
        Some(JsonFormat::Json) => EventWriter::json(context.stdout()),
        None => EventWriter::wait(context.stderr()),
    });

    let (outcome, message) = wait::wait(&request, &goal, events.clone()).await;
    let result = match outcome {
        WaitOutcome::Running => Ok(Exit::OK),
        WaitOutcome::Unreachable => Err(CommandError::new(ErrorKind::Unreachable, &message)),
        WaitOutcome::NotApplied | WaitOutcome::Failed => {
            Err(CommandError::new(ErrorKind::RolledBack, &message))
        }
    };
    let finished = Event::Finished {
        outcome: outcome.into(),
        message,
        next: Vec::new(),
    };
    // The error itself says it to a person.
    if result.is_ok() || args.output.is_some() {
        events.emit(finished);
    }
    events.finish()?;
    result
}
