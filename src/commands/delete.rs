//! `kubectl delivery delete`: deletes the objects of a release, and keeps what a revert needs.

mod show;

use super::consent_args::ConsentArgs;
use super::console::{self, Console, OutputMode};
use super::state_args::{LockArgs, StateArgs};
use super::unconfirmed;
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat, parse_duration};
use crate::execute::{RunLimits, RunReport, Unconfirmed};
use crate::model::event::{RunCommand, RunOutcome};
use crate::model::inventory::MAX_HISTORY;
use crate::model::plan::PlanLimits;
use crate::monitor::WatchingOptions;
use crate::usecase::CommandError;
use crate::usecase::delete::{Deletion, Prepared, Request};
use crate::usecase::promote::{DryRun, OpenPromotion, RunOptions};
use clap::Args as ClapArgs;
use std::time::Duration;

/// Arguments of `delete`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery delete shop -n shop --dry-run=server
  kubectl delivery delete shop -n shop
  kubectl delivery delete shop -n shop -y --prune-kept persistentvolumeclaim/data",
    after_help = "Exit codes:
  0    deleted, nothing to delete, or shown with --dry-run
  1    wrong usage, no such release, or the cluster cannot be reached
  2    refused or not confirmed; nothing was changed
  3    failed and rolled back
  4    failed, rollback incomplete
  5    another run holds the lock
  130  interrupted: rolled back, or unfinished"
)]
pub struct Args {
    /// Name of the release
    #[arg(value_name = "NAME")]
    name: String,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    /// Stop after the plan: `client` only shows it, `server` also dry-runs every deletion
    #[arg(long, value_enum, value_name = "WHERE")]
    dry_run: Option<DryRun>,
    /// Output format of the plan and the events
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    #[command(flatten)]
    consent: ConsentArgs,
    /// Time limit of each object to be gone, with its finalizers; after it the deletion fails and is rolled back
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "2m")]
    timeout: Duration,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl Args {
    fn request(&self) -> Result<Request, CommandError> {
        Ok(Request {
            name: self.name.clone(),
            connection: self.connection.options(),
            policy: self.consent.policy(),
            dry_run: self.dry_run,
            state_key: self.state.key()?,
            confirmed: self.consent.confirmed(),
            run: self.run_options(),
        })
    }

    fn run_options(&self) -> RunOptions {
        let limits = RunLimits::default();
        RunOptions {
            settings: PlanLimits::default(),
            limits: RunLimits {
                lock_timeout: self.lock.lock_timeout,
                gone: self.timeout,
                ..limits
            },
            insecure_registries: Vec::new(),
            // What a promotion was told to keep is not known here.
            keep_history: MAX_HISTORY,
            log_lines: WatchingOptions::default().log_lines,
        }
    }
}

/// Plans, checks, asks and deletes; an unfinished deletion is resumed first.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let mode = OutputMode::json_if(args.output.is_some());
    let console = Console::new(mode, args.yes, context);
    let result = delete(&args, &console).await;
    // A dry run writes its plan, one document.
    if args.dry_run.is_none() {
        console.end_stream(&result);
    }
    result
}

async fn delete(args: &Args, console: &Console<'_>) -> Result<Exit, CommandError> {
    let request = args.request()?;
    let mut deletion = console.until_interrupted(Deletion::open(request)).await?;
    console.set_current(deletion.current_release());
    show::announce(&deletion, console);
    if let Some(exit) = end_open_run(&mut deletion, console).await? {
        return Ok(exit);
    }
    if deletion.is_done() {
        return Ok(finish_idle(&deletion, console).await);
    }

    let prepared = console.until_interrupted(deletion.prepare()).await?;
    show::plan(&prepared, &deletion, console)?;
    prepared.check_refusals()?;
    let found = deletion.unconfirmed(&prepared);
    if deletion.is_dry_run() {
        unconfirmed::show_needed(&found, console.context)?;
        return Ok(Exit::OK);
    }

    let confirmed = confirm(&prepared, &found, &deletion, console);
    console.until_interrupted(confirmed).await?;
    let report = deletion.execute(prepared, &console.channels).await?;
    Ok(console.finish(report, RunCommand::Delete))
}

/// Brings an earlier deletion to its end. An exit where that is all that is to be done.
async fn end_open_run(deletion: &mut Deletion, console: &Console<'_>) -> Result<Option<Exit>, CommandError> {
    let open = deletion.open_run(&console.channels);
    let Some(OpenPromotion { recovery, goal }) = console.until_interrupted(open).await? else {
        return Ok(None);
    };
    let report = console.recover(recovery).await?;
    if !goal.leads_on(report.outcome) || console.channels.signals.is_interrupted() {
        return Ok(Some(console.finish(report, RunCommand::Delete)));
    }
    console.until_interrupted(deletion.read_again()).await?;
    console.set_current(deletion.current_release());
    Ok(None)
}

/// Asks about what nothing else confirms, and then about the plan.
async fn confirm(
    prepared: &Prepared,
    found: &[Unconfirmed],
    deletion: &Deletion,
    console: &Console<'_>,
) -> Result<(), CommandError> {
    if !found.is_empty() {
        unconfirmed::confirm(found, console.context).await?;
    }
    if console.yes {
        return Ok(());
    }
    let question = format!("{}?", show::summary(prepared, deletion));
    console::confirm(
        &question,
        "add --yes to delete without confirmation",
        console.context,
    )
    .await
}

/// The end where there is nothing to delete.
async fn finish_idle(deletion: &Deletion, console: &Console<'_>) -> Exit {
    if !deletion.is_dry_run() {
        deletion.remove_abandoned_lock().await;
    }
    let name = deletion.name();
    let namespace = deletion.identity().namespace;
    let message = format!("nothing to delete: no release {name} is promoted in namespace {namespace}");
    let report = RunReport::new(RunOutcome::NothingToDo, message, Vec::new());
    console.finish(report, RunCommand::Delete)
}
