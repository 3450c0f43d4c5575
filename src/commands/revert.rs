//! `kubectl delivery revert`: undoes the last promotion, or promotes an earlier revision. Needs nothing but the cluster.

mod show;

use super::console::{self, Console, OutputMode};
use super::promote::{self, Allow, PlanArgs};
use super::state_args::{LockArgs, StateArgs};
use super::unconfirmed;
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat};
use crate::model::event::RunCommand;
use crate::model::rollback_plan::RollbackPlan;
use crate::usecase::CommandError;
use crate::usecase::promote::DryRun;
use crate::usecase::revert::{
    self, LastPromotion, LastRequest, NextStep, PlannedRevert, RevertRequest, RevertTarget,
};
use clap::Args as ClapArgs;

/// Arguments of `revert`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery revert -n shop
  kubectl delivery revert shop -n shop --dry-run=server
  kubectl delivery revert shop -n shop --to-revision 3",
    after_help = "Exit codes:
  0    reverted, or the plan was shown
  1    wrong usage, nothing to revert, or the cluster cannot be reached
  2    not confirmed, the cluster changed since the plan was made, or data would be deleted that --allow-data-loss
       does not name; nothing was changed
  4    revert incomplete
  5    another run holds the lock
  130  aborted, or interrupted before anything was changed"
)]
pub struct Args {
    /// Name of the release; optional if the namespace has only one
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Promote the release of this revision of the history again, instead
    #[arg(long, value_name = "REVISION", conflicts_with_all = ["keep_foreign", "undo_revision"])]
    to_revision: Option<u32>,
    /// Revert the current revision, which must have this number, although the last promotion was already rolled back
    #[arg(long, value_name = "REVISION")]
    undo_revision: Option<u32>,
    /// Keep later changes by others to fields that the promotion changed
    #[arg(long)]
    keep_foreign: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    /// Stop after the plan: `client` only shows it, `server` also dry-runs every step
    #[arg(long, value_enum, value_name = "WHERE")]
    dry_run: Option<DryRun>,
    #[command(flatten)]
    lock: LockArgs,
    /// Output format of the plan and the events
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    #[command(flatten)]
    shown: PlanArgs,
    #[command(flatten)]
    allow: Allow,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl Args {
    fn request(&self) -> Result<RevertRequest, CommandError> {
        if let Some(revision) = self.to_revision {
            let policy = Box::new(self.allow.policy());
            return Ok(RevertRequest::ToRevision { revision, policy });
        }
        if self.allow.is_given_besides_data_loss() {
            let message = "--overwrite, --adopt, --allow-prune, --prune-kept and --waive need --to-revision";
            return Err(CommandError::usage(message));
        }
        Ok(RevertRequest::Last(LastRequest {
            keep_foreign: self.keep_foreign,
            allow_data_loss: self.allow.consent.data_loss(),
            undo_revision: self.undo_revision,
        }))
    }

    fn target(&self) -> Result<RevertTarget, CommandError> {
        Ok(RevertTarget {
            name: self.name.clone(),
            connection: self.connection.options(),
            lock_timeout: self.lock.lock_timeout,
            confirmed: self.allow.consent.confirmed(),
            state_key: self.state.key()?,
        })
    }
}

/// Plans, asks and undoes the last promotion; or promotes an earlier revision.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let mode = OutputMode::json_if(args.output.is_some());
    let console = Console::new(mode, args.yes, context);
    let result = revert(&args, &console).await;
    // A dry run is no stream of events.
    if args.dry_run.is_none() {
        console.end_stream(&result);
    }
    result
}

async fn revert(args: &Args, console: &Console<'_>) -> Result<Exit, CommandError> {
    let (request, target) = (args.request()?, args.target()?);
    match request {
        RevertRequest::ToRevision { revision, policy } => {
            let request = revert::promote_revision(target, revision, *policy, args.dry_run);
            Box::pin(promote::promote(request, &args.shown, console)).await
        }
        RevertRequest::Last(request) => {
            let last = LastPromotion::find(target, request, args.dry_run, console.channels.clone());
            let last = console.until_interrupted(last).await?;
            // A user reads the same above the plan.
            if console.mode == OutputMode::Json && args.dry_run.is_none() {
                console.channels.events.emit(last.started());
            }
            revert_last(&last, args.dry_run.is_some(), console).await
        }
    }
}

async fn revert_last(
    last: &LastPromotion,
    is_dry_run: bool,
    console: &Console<'_>,
) -> Result<Exit, CommandError> {
    loop {
        let report = match console.until_interrupted(last.next_step()).await? {
            NextStep::Ended(report) => *report,
            NextStep::GoesOn(recovery) => {
                if console.mode == OutputMode::Text {
                    console.channels.events.emit(recovery.started());
                }
                let report = console.recover(*recovery).await?;
                if revert::leads_on(report.outcome) {
                    continue;
                }
                report
            }
            NextStep::Planned(planned) => {
                console.set_current(planned.current.clone());
                show::show_plan(&planned.plan, is_dry_run, console)?;
                planned.check_refusal()?;
                if is_dry_run {
                    unconfirmed::show_needed(&planned.unconfirmed, console.context)?;
                    return Ok(Exit::OK);
                }
                console.until_interrupted(confirm(&planned, console)).await?;
                let PlannedRevert {
                    mut recovery,
                    unconfirmed,
                    ..
                } = *planned;
                recovery.confirm(unconfirmed);
                console.recover(recovery).await?
            }
        };
        return Ok(console.finish(report, RunCommand::Revert));
    }
}

/// Asks about what nothing else confirms, and then about the plan.
async fn confirm(planned: &PlannedRevert, console: &Console<'_>) -> Result<(), CommandError> {
    if !planned.unconfirmed.is_empty() {
        unconfirmed::confirm(&planned.unconfirmed, console.context).await?;
    }
    if console.yes {
        return Ok(());
    }
    let hint = "add --yes to revert without confirmation";
    console::confirm(&question(&planned.plan), hint, console.context).await
}

fn question(plan: &RollbackPlan) -> String {
    format!("{}: {}?", plan.title(), plan.totals())
}
