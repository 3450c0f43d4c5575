//! `kubectl delivery promote`: brings a cluster to a release, all of it or none of it.

mod confirm;
mod request;
mod show;
mod values;

use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat, parse_duration};
use crate::commands::console::{Console, OutputMode};
use crate::commands::inputs::{InputArgs, UnknownHealthMode, WaitMode};
use crate::commands::state_args::StateArgs;
use crate::commands::unconfirmed;
use crate::execute::Confirmed;
use crate::model::check::Check;
use crate::usecase::CommandError;
use crate::usecase::comparing::Mode;
use crate::usecase::promote::{DryRun, OnOpen, OpenPromotion, Request, Session, parse_adopt, resume};
use clap::{Args as ClapArgs, ValueEnum};
use confirm::confirm;
use std::collections::BTreeSet;
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
  2    the preflight refused, and nothing was touched
  3    failed, and everything is as before
  4    failed, and not everything could be put back, or --on-failure=stop left it standing
  5    another promotion holds the lock
  130  interrupted, and everything is as before"
)]
pub struct Args {
    /// The release's file; with --resume, its name does
    #[arg(value_name = "RELEASE")]
    release: PathBuf,
    /// Finish what an earlier run began, forward or back
    #[arg(long, conflicts_with_all = ["dry_run", "plan"])]
    resume: bool,
    /// What to do with an earlier run that is not finished; without it, one of the same release is resumed and any
    /// other stops this one
    #[arg(long, value_enum, value_name = "WHAT")]
    on_open_journal: Option<OnOpen>,
    /// Start from the release's file: forget what the cluster keeps of the release, so that nothing is pruned and no earlier
    /// promotion can be put back
    #[arg(long, conflicts_with_all = ["resume", "on_open_journal"])]
    discard_state: bool,
    /// What a failure leads to: `rollback` puts everything back, `stop` leaves the failure standing to be looked at, and the
    /// promotion unfinished
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value_t,
        conflicts_with = "resume"
    )]
    on_failure: AfterFailure,
    /// Go on without asking
    #[arg(short, long)]
    yes: bool,
    /// Where the truth comes from: `auto` asks the server but for what provably does not change or takes any text,
    /// `server` asks it for every object
    #[arg(long, value_name = "MODE", default_value = "auto", value_parser = values::mode)]
    mode: Mode,
    /// Stop after the plan: `client` shows it, `server` has the server try every step without doing it
    #[arg(long, value_enum, value_name = "WHERE")]
    dry_run: Option<DryRun>,
    /// Format of the plan and of what happens
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    /// Run exactly this plan, as `--dry-run=server -o json` wrote it, and refuse if the cluster has moved since
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
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

/// What a promotion may do that it does not do by itself.
#[derive(ClapArgs, Debug)]
#[command(next_help_heading = "What it may do")]
pub(super) struct Allow {
    /// Replace what people changed by hand
    #[arg(long)]
    overwrite: bool,
    /// Take over the fields of this field manager; `kubectl`, `helm`, `argocd` and `flux` stand for those tools.
    /// `release:[NAMESPACE/]NAME` moves the objects of this release here that are members of another one
    #[arg(long, value_name = "MANAGER", value_parser = parse_adopt)]
    adopt: Vec<String>,
    /// Prune more than a third of the set at once
    #[arg(long)]
    allow_prune: bool,
    /// Prune this namespace, volume claim, CRD or object with a keep mark all the same
    #[arg(long, value_name = "KIND/NAME")]
    prune_kept: Vec<String>,
    /// Delete the data of this claim or volume, which no revert brings back; the plan names what it would delete
    #[arg(long, value_name = "KIND/NAMESPACE/NAME")]
    allow_data_loss: Vec<String>,
    /// Do this, too, though only what the cluster keeps of the release says it: what lies outside of the release namespace,
    /// is cluster-wide, or is a right or a quota
    #[arg(long, value_name = "KIND/[NAMESPACE/]NAME")]
    allow_unconfirmed: Vec<String>,
    /// Promote in spite of this finding, named by its object, `Kind/[namespace/]name[/path]`, or its image; the history
    /// keeps it. `quarantine` and `signature` stand alone
    #[arg(long, value_name = "CHECK=ITEM", value_parser = Check::parse_waiver)]
    waive: Vec<(Check, Option<String>)>,
    /// Why it is waived
    #[arg(long, value_name = "TEXT", requires = "waive")]
    reason: Option<String>,
}

impl Allow {
    /// Claims and volumes whose data may be deleted.
    pub(super) fn data_loss(&self) -> BTreeSet<String> {
        self.allow_data_loss.iter().cloned().collect()
    }

    /// What confirms what the cluster keeps.
    pub(super) fn confirmed(&self) -> Confirmed {
        Confirmed {
            allowed: self.allow_unconfirmed.iter().cloned().collect(),
            ..Confirmed::default()
        }
    }

    /// Whether anything else is allowed.
    pub(super) fn is_given_besides_data_loss(&self) -> bool {
        let lists = [&self.adopt, &self.prune_kept];
        let is_waived = !self.waive.is_empty();
        self.overwrite || self.allow_prune || is_waived || lists.iter().any(|list| !list.is_empty())
    }
}

/// Limits of time.
#[derive(ClapArgs, Debug)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Give up when the whole has taken this long; else each object's own deadline counts
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
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
    /// How long to wait for another promotion's lock
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0s")]
    lock_timeout: Duration,
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
    /// Everything is put back
    #[default]
    Rollback,
    /// The failure is left standing
    Stop,
}

/// Plans, checks, asks and promotes; or finishes what an earlier run began.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let mode = OutputMode::json_if(args.output == Some(JsonFormat::Json));
    let console = Console::new(mode, args.yes, context);
    if args.resume {
        let channels = &console.channels;
        let recovery = console
            .until_interrupted(async { resume(args.resume_request()?, channels).await })
            .await?;
        return Ok(console.finish(console.recover(recovery).await?, false));
    }
    promote(args.request()?, &console).await
}

/// Promotes what is asked for, as far as its user agrees.
pub(super) async fn promote(request: Request, console: &Console<'_>) -> Result<Exit, CommandError> {
    let mut session = console.until_interrupted(Session::open(request)).await?;
    let open = session.open_promotion(&console.channels);
    if let Some(open) = console.until_interrupted(open).await? {
        if let Some(exit) = end_open_promotion(open, console).await? {
            return Ok(exit);
        }
        console.until_interrupted(session.read_target_again()).await?;
    }

    let prepared = console.until_interrupted(session.prepare()).await?;
    show::show_plan(&prepared, &session, console)?;
    prepared.check_refusals()?;
    show::show_nothing_to_do(&prepared, &session, console)?;
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
        .until_interrupted(confirm(&prepared, &unconfirmed, console))
        .await?;
    let report = session.execute(prepared, &console.channels).await?;
    Ok(console.finish(report, false))
}

/// Brings an earlier promotion to its end. An exit where that is all that is to be done.
async fn end_open_promotion(
    open: OpenPromotion,
    console: &Console<'_>,
) -> Result<Option<Exit>, CommandError> {
    let OpenPromotion { recovery, goal } = open;
    let report = console.recover(recovery).await?;
    let leads_on = goal.leads_on(report.outcome) && !console.channels.signals.is_interrupted();

    let exit = console.finish(report, goal.reverts());
    Ok((!leads_on).then_some(exit))
}
