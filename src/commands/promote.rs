//! `kubectl delivery promote`: makes a cluster match a release, all of it or none of it.

mod allow;
mod confirm;
mod request;
mod show;
mod values;

use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat, parse_duration};
use crate::commands::console::{Console, OutputMode};
use crate::commands::inputs::{InputArgs, UnknownHealthMode, WaitMode};
use crate::commands::state_args::{LockArgs, StateArgs};
use crate::commands::unconfirmed;
use crate::model::event::{Event, RunCommand};
use crate::model::rehearsal::RehearsalScope;
use crate::usecase::CommandError;
use crate::usecase::comparing::Mode;
use crate::usecase::promote::{DryRun, OnOpen, OpenPromotion, Request, Session, resume};
pub(super) use allow::Allow;
use clap::{Args as ClapArgs, ValueEnum};
use confirm::confirm;
pub(super) use show::report_findings;
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of `promote`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery promote release.yaml -e environments/production.yaml
  kubectl delivery promote release.yaml -n shop --dry-run=server
  kubectl delivery promote release.yaml -n shop --adopt helm -y",
    after_help = "Exit codes:
  0    promoted, or nothing to do
  1    wrong usage, or the cluster cannot be reached
  2    refused, or a rehearsal failed; no object of the release was changed
  3    failed and rolled back
  4    failed and not rolled back (an irreversible step, --on-failure=stop), or rollback incomplete
  5    another run holds the lock
  130  interrupted: rolled back, or unfinished"
)]
pub struct Args {
    /// The release: a file, oci://… or oci-layout:DIR; with --resume or --promoted, its name
    #[arg(value_name = "RELEASE")]
    release: PathBuf,
    /// Resume an unfinished promotion or rollback
    #[arg(long, conflicts_with_all = ["dry_run", "plan"])]
    resume: bool,
    /// Repair drift of the current revision from what the cluster has stored of its release: no file is needed, no revision
    /// is made, and nothing is pruned
    #[arg(
        long,
        conflicts_with_all = ["resume", "discard_state", "environment", "filename", "kustomize", "allow_prune", "prune_kept"]
    )]
    promoted: bool,
    /// With --promoted: repair this object alone, KIND/NAMESPACE/NAME, or one field of it, KIND/NAMESPACE/NAME/PATH
    #[arg(long, value_name = "OBJECT", requires = "promoted")]
    only: Option<String>,
    /// What to do with an unfinished promotion (default: one of the same release is resumed, any other is an error)
    #[arg(long, value_enum, value_name = "WHAT")]
    on_open_journal: Option<OnOpen>,
    /// Discard the stored state of the release and start from the file: nothing is pruned, and no earlier promotion can be
    /// reverted
    #[arg(long, conflicts_with_all = ["resume", "on_open_journal"])]
    discard_state: bool,
    /// Try pods of the workloads that the environment allows for it before anything is changed, and refuse where one does not
    /// become ready: of the templates in the cluster, of the new ones, or of both
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "both",
        conflicts_with = "resume"
    )]
    rehearse: Option<RehearsalScope>,
    /// With --rehearse: run init containers, too; they may be migrations
    #[arg(long, requires = "rehearse")]
    rehearse_init: bool,
    /// What to do when the promotion fails: `rollback` rolls it back, `stop` leaves it unfinished for inspection
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value_t,
        conflicts_with = "resume"
    )]
    on_failure: AfterFailure,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    /// How changes are determined: `auto` dry-runs what cannot be computed, `server` dry-runs every object
    #[arg(long, value_name = "MODE", default_value = "auto", value_parser = values::mode)]
    mode: Mode,
    /// Stop after the plan: `client` only shows it, `server` also dry-runs every step
    #[arg(long, value_enum, value_name = "WHERE")]
    dry_run: Option<DryRun>,
    /// Output format of the plan and the events
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    /// Run exactly this plan, as written by `--dry-run=server -o json`, and refuse if the cluster changed since
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    shown: PlanArgs,
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    allow: Allow,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// How much of the plan is shown.
#[derive(ClapArgs, Debug)]
pub(super) struct PlanArgs {
    /// Show the fields that change, old and new, of more than twenty objects too
    #[arg(long)]
    show_diff: bool,
}

/// Limits of time.
#[derive(ClapArgs, Debug)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Time limit of the whole promotion (default: the progress deadline of each object)
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
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
    #[command(flatten)]
    lock: LockArgs,
    /// How many promotions the history keeps, 100 at most
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = values::history)]
    history: usize,
    /// Do not show a failing container's last log lines
    #[arg(long)]
    no_logs: bool,
}

/// What a failure leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum AfterFailure {
    /// Roll back
    #[default]
    Rollback,
    /// Leave the promotion unfinished
    Stop,
}

/// Plans, checks, asks and promotes; or finishes what an earlier run began.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let mode = OutputMode::json_if(args.output == Some(JsonFormat::Json));
    let console = Console::new(mode, args.yes, context);
    let result = if args.resume {
        resume_earlier(&args, &console).await
    } else {
        promote_request(&args, &console).await
    };
    // A dry run writes its plan, one document.
    if args.dry_run.is_none() {
        console.end_stream(&result);
    }
    result
}

async fn promote_request(args: &Args, console: &Console<'_>) -> Result<Exit, CommandError> {
    promote(args.request()?, &args.shown, console).await
}

async fn resume_earlier(args: &Args, console: &Console<'_>) -> Result<Exit, CommandError> {
    let channels = &console.channels;
    let recovery = console
        .until_interrupted(async { resume(args.resume_request()?, channels).await })
        .await?;
    channels.events.emit(recovery.started());
    Ok(console.finish(console.recover(recovery).await?, RunCommand::Resume))
}

/// Promotes what is asked for, as far as its user agrees.
pub(super) async fn promote(
    request: Request,
    plan: &PlanArgs,
    console: &Console<'_>,
) -> Result<Exit, CommandError> {
    let mut session = console.until_interrupted(Session::open(request)).await?;
    console.set_current(session.current_release());
    show::announce(&session, console);
    let open = session.open_promotion(&console.channels);
    if let Some(open) = console.until_interrupted(open).await? {
        if let Some(exit) = end_open_promotion(open, console).await? {
            return Ok(exit);
        }
        console.until_interrupted(session.read_target_again()).await?;
        console.set_current(session.current_release());
    }

    let prepared = console.until_interrupted(session.prepare()).await?;
    show::show_plan(&prepared, &session, plan.show_diff, console)?;
    prepared.check_refusals()?;
    let unconfirmed = session.unconfirmed(&prepared);
    if session.is_dry_run() {
        unconfirmed::show_needed(&unconfirmed, console.context)?;
        return Ok(Exit::OK);
    }
    if prepared.is_done() {
        session.remove_abandoned_locks().await;
        return Ok(show::finish_idle(&prepared, console));
    }

    console
        .until_interrupted(confirm(&prepared, &unconfirmed, &session, console))
        .await?;
    let report = session.execute(prepared, &console.channels).await?;
    Ok(console.finish(report, RunCommand::Promote))
}

/// Brings an earlier promotion to its end. An exit where that is all that is to be done.
async fn end_open_promotion(
    open: OpenPromotion,
    console: &Console<'_>,
) -> Result<Option<Exit>, CommandError> {
    let OpenPromotion { recovery, goal } = open;
    let report = console.recover(recovery).await?;
    if !goal.leads_on(report.outcome) || console.channels.signals.is_interrupted() {
        return Ok(Some(console.finish(report, goal.command())));
    }

    // Not the end: the promotion that was asked for follows in the same stream.
    console.channels.events.emit(Event::Note {
        object: None,
        message: format!("earlier run: {}", report.message),
    });
    Ok(None)
}
