//! From the command line to what is asked for.

use super::{AfterFailure, Allow, Args, LimitArgs};
use crate::cli::Context;
use crate::commands::inputs::{self, WaitMode};
use crate::execute;
use crate::model::check::Check;
use crate::model::moves::RELEASE_PREFIX;
use crate::model::plan::{OnFailure, Settings, Waiver};
use crate::monitor::WatchingOptions;
use crate::plan::Policy;
use crate::usecase::promote::{Request, RunOptions, read_plan, with_environment};
use crate::usecase::{CommandError, gates};
use std::time::Duration;

/// Reads what a command line names.
pub(super) async fn read(args: &Args, context: &Context) -> Result<Request, CommandError> {
    let inputs = args.inputs.read(&args.release.to_string_lossy()).await?;
    let mut run = args.limits.run_options();
    run.settings.on_failure = match args.on_failure {
        AfterFailure::Rollback => OnFailure::Rollback,
        AfterFailure::Stop => OnFailure::Stop,
    };

    let mut policy = args.allow.policy();
    policy.settings = run.settings.clone();
    Ok(Request {
        judging: gates::judging(&inputs.environment)?,
        policy: with_environment(policy, &inputs),
        mode: args.mode,
        dry_run: args.dry_run,
        written: args.plan.as_deref().map(read_plan).transpose()?,
        on_open: args.on_open_journal,
        leaves_moved: false,
        state_key: args.state.key()?,
        confirmed: args.allow.confirmed(),
        is_kept: false,
        discard_state: args.discard_state,
        run,
        // Files first: what is wrong in them needs no cluster to be told.
        scope: context
            .scope(&inputs::connection(&inputs, &args.connection))
            .await?,
        inputs,
    })
}

/// The release that a value of `--adopt` names, where it names one and no field manager.
fn release_of(name: &str) -> Option<&str> {
    name.strip_prefix(RELEASE_PREFIX)
}

impl Allow {
    /// What the flags allow.
    pub(in crate::commands) fn policy(&self) -> Policy {
        let waiver = |(check, item): &(Check, Option<String>)| Waiver {
            check: check.name().into(),
            item: item.clone(),
            reason: self.reason.clone(),
            gave_up: Vec::new(),
        };
        Policy {
            overwrite: self.overwrite,
            adopt: self
                .adopt
                .iter()
                .filter(|name| release_of(name).is_none())
                .cloned()
                .collect(),
            adopt_releases: self
                .adopt
                .iter()
                .filter_map(|name| release_of(name))
                .map(str::to_owned)
                .collect(),
            allow_prune: self.allow_prune,
            prune_kept: self.prune_kept.iter().cloned().collect(),
            allow_data_loss: self.data_loss(),
            waivers: self.waive.iter().map(waiver).collect(),
            ..Policy::default()
        }
    }
}

impl LimitArgs {
    /// How a run goes about its work.
    pub(super) fn run_options(&self) -> RunOptions {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        RunOptions {
            settings: Settings {
                timeout_seconds: self.timeout.map(seconds),
                soak_seconds: self.soak.map(seconds).unwrap_or_default(),
                settle_seconds: seconds(self.settle),
                strict_wait: self.wait == WaitMode::Strict,
                on_failure: OnFailure::default(),
            },
            limits: self.of_execution(),
            keep_history: self.history,
            log_lines: if self.no_logs {
                0
            } else {
                WatchingOptions::default().log_lines
            },
        }
    }

    /// A server that is silent for longer than the whole may take is not waited for.
    fn of_execution(&self) -> execute::Limits {
        let limits = execute::Limits::default();
        let patience = self
            .timeout
            .map_or(limits.patience, |timeout| timeout.min(limits.patience));
        execute::Limits {
            lock_timeout: self.lock_timeout,
            patience,
            ..limits
        }
    }
}
