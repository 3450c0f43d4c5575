//! `kubectl delivery wait`: applies nothing; watches what another tool applies, and judges it.

mod arriving;
mod lines;
mod wanted;

use crate::cli::{CommandError, ConnectionArgs, Context, ErrorKind, Exit, parse_duration};
use crate::cluster::{Cluster, Deadline};
use crate::commands::image_trees::AskRegistries;
use crate::commands::inputs::WaitMode;
use crate::execute::Limits;
use crate::model::event::{Event, EventSink, Outcome};
use crate::model::verdict::CauseKind;
use crate::monitor::{Bounds, Problem, Rollout, Stopped};
use crate::monitor::{Watching, WatchingOptions};
use crate::rollout::Policy;
use async_trait::async_trait;
use clap::{Args as ClapArgs, ValueEnum};
use lines::Lines;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wanted::Goal;

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
    output: Option<Format>,
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
    /// Do not show a failing container's last log lines
    #[arg(long)]
    no_logs: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For programs
    Json,
}

/// Waits, judges, proves and soaks.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let loaded = wanted::load(&args).await?;
    let spec = &loaded.environment.spec;
    let connection = args
        .connection
        .clone()
        .or_environment(spec.context.as_deref(), spec.namespace.as_deref());
    let cluster = context.cluster(&connection).await?;
    let goal = wanted::goal(loaded, &connection, &*cluster).await?;
    let events: Arc<Lines> = Arc::new(match args.output {
        Some(Format::Json) => Lines::json(context.stdout()),
        None => Lines::plain(context.stderr()),
    });
    let watching = Watching::new(cluster.clone(), events.clone(), options(&args, &goal));
    let outcome = wait(&args, &goal, cluster, &watching, &*events).await;
    let (outcome, message) = ending(&goal, outcome);
    let result = match outcome {
        Outcome::Running => Ok(Exit::OK),
        Outcome::Unreachable => Err(CommandError::new(ErrorKind::Unreachable, &message)),
        _ => Err(CommandError::new(ErrorKind::FailedReverted, &message)),
    };
    let finished = Event::Finished {
        outcome,
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

/// How it ended, in a word and in a sentence.
fn ending(goal: &Goal, outcome: Result<usize, Stopped>) -> (Outcome, String) {
    match outcome {
        Ok(count) => {
            let name = format!("{} {}", goal.release.name, goal.release.version);
            let objects = if count == 1 {
                "1 object".to_owned()
            } else {
                format!("{count} objects")
            };
            let images = if goal.images.is_empty() {
                ""
            } else {
                ", images verified"
            };
            (
                Outcome::Running,
                format!("{name} is running: {objects} in sync{images}"),
            )
        }
        Err(Stopped::CutOff(problem)) => (Outcome::Unreachable, problem.said()),
        Err(Stopped::Failed(failure)) => {
            let of = failure
                .object
                .as_ref()
                .map(|id| format!("{id}: "))
                .unwrap_or_default();
            let is_missing = failure.cause.kind == CauseKind::NotApplied;
            let outcome = if is_missing {
                Outcome::NotApplied
            } else {
                Outcome::Failed
            };
            (outcome, format!("{of}{}", failure.cause.message))
        }
    }
}

fn options(args: &Args, goal: &Goal) -> WatchingOptions {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    WatchingOptions {
        policy: Policy {
            timeout: Some(seconds(args.timeout)),
            settle: seconds(args.settle),
            strict: args.wait == WaitMode::Strict,
            not_waited: goal.environment.spec.wait.clone(),
            health_checks: goal.environment.spec.health_checks.clone(),
            ..Policy::default()
        },
        tested: goal.images.clone(),
        resolver: Some(Arc::new(AskRegistries)),
        injected: goal.environment.spec.injected.clone(),
        services: goal.services(),
        gates: wanted::gates(&goal.environment),
        log_lines: if args.no_logs { 0 } else { 20 },
        ..WatchingOptions::default()
    }
}

async fn wait(
    args: &Args,
    goal: &Goal,
    cluster: Arc<dyn Cluster>,
    watching: &Watching,
    events: &dyn EventSink,
) -> Result<usize, Stopped> {
    let bounds = Looking {
        patience: args.timeout.min(Limits::default().patience),
    };
    let watched = arriving::follow(goal, cluster, watching, events, args.timeout, &bounds).await?;
    watching.prove(&bounds).await?;
    if let Some(time) = args.soak {
        watching.soak(&watched, time, &bounds).await?;
    }
    Ok(watched.len())
}

/// Whoever only looks helps no rollout on.
struct Looking {
    patience: Duration,
}

#[async_trait]
impl Bounds for Looking {
    fn patience(&self) -> Duration {
        self.patience
    }

    fn may_write(&self) -> bool {
        false
    }

    async fn before_write(&self) -> Result<Option<Deadline>, Problem> {
        Ok(None)
    }
}
