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
  # Argo CD or Flux applies; this waits until the release is running
  kubectl delivery wait release.yaml -e environments/production.yaml
  kubectl delivery wait release.yaml -n shop --timeout 10m --soak 2m",
    after_help = "Needs permissions to get, list and watch, and changes nothing.

Exit codes:
  0    running: rolled out, its images verified, and ready for the time of --soak
  1    unreachable: the API server does not answer; or wrong usage
  3    notApplied: not applied within --timeout; failed: a rollout or gate failed, or another image runs"
)]
pub struct Args {
    /// The release: a file, oci://… or oci-layout:DIR
    #[arg(value_name = "RELEASE")]
    release: String,
    /// The environment file: how this cluster may differ from the release
    #[arg(short, long, value_name = "FILE")]
    environment: Option<PathBuf>,
    /// Output format: one event a line
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    /// Time limit of each object to be applied and to be ready
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10m")]
    timeout: Duration,
    /// How long to watch the health of all objects after the rollout
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    soak: Option<Duration>,
    /// How long a container without a readiness probe must run to count as ready; set it above its start-up time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    settle: Duration,
    /// How long to wait for what clients outside of the release provide
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    wait: WaitMode,
    /// What to do with a custom resource without a reported health
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
