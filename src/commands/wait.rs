//! `kubectl delivery wait`: applies nothing; watches what another tool applies, and judges it.

use super::console::{self, ci_output};
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat, Stream, parse_duration};
use crate::commands::inputs::{RegistryArgs, UnknownHealthMode, WaitMode};
use crate::model::event::{EventSink, RunCommand};
use crate::model::run_end::CurrentRelease;
use crate::report::progress::EventWriter;
use crate::usecase::CommandError;
use crate::usecase::wait::{Goal, Request, wait as wait_for};
use clap::Args as ClapArgs;
use jiff::Timestamp;
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
    /// How long a container without a readiness probe must run to count as ready; set it above its start-up time
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
    registry: RegistryArgs,
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
            insecure_registries: self.registry.insecure_registry.clone(),
        }
    }
}

/// Waits, and says how it ended.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let events: Arc<EventWriter> = Arc::new(match args.output {
        Some(JsonFormat::Json) => {
            EventWriter::json(context.stdout(), Timestamp::now).with_ci(ci_output(context, false))
        }
        None => EventWriter::wait(context.stderr(), context.color(Stream::Stderr))
            .with_ci(ci_output(context, true)),
    });

    let result = wait(&args, events.clone()).await;
    if let (Some(JsonFormat::Json), Err(error)) = (args.output, &result) {
        console::emit_error(&*events, error, CurrentRelease::Unknown);
    }
    events.finish()?;
    result
}

async fn wait(args: &Args, events: Arc<EventWriter>) -> Result<Exit, CommandError> {
    let request = args.request();
    let goal = Goal::find(&request).await?;
    events.emit(goal.started());
    let report = wait_for(&request, &goal, events.clone()).await;
    Ok(console::finish(&*events, report, RunCommand::Wait))
}
