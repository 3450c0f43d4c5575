//! What is asked for, as data: made of a command line by `promote`, and of what the cluster keeps by
//! `revert --to-revision`.

use super::{AfterFailure, Allow, Args, DryRun, Limits, OnOpen, preparing};
use crate::cli::{CommandError, ConnectionArgs};
use crate::commands::acting::Show;
use crate::commands::comparing::Mode;
use crate::commands::gating;
use crate::commands::inputs::{Inputs, WaitMode};
use crate::execute;
use crate::execute::Confirmed;
use crate::model::check::Check;
use crate::model::journal::Judging;
use crate::model::moves::RELEASE_PREFIX;
use crate::model::plan::{OnFailure, Plan, Settings, Waiver};
use crate::model::state_key::StateKey;
use crate::monitor::WatchingOptions;
use crate::plan::Policy;
use std::time::Duration;

/// One promotion, as it is asked for.
pub(in crate::commands) struct Request {
    /// Release and environment.
    pub inputs: Inputs,
    /// What its end is judged by.
    pub judging: Judging,
    /// Where it goes: flags, and what the environment names.
    pub connection: ConnectionArgs,
    /// What it may do.
    pub policy: Policy,
    /// Where the truth comes from.
    pub mode: Mode,
    /// Whether nobody is asked.
    pub yes: bool,
    /// Where it ends, where it is no promotion.
    pub dry_run: Option<DryRun>,
    /// How it is shown.
    pub show: Show,
    /// The plan that was approved.
    pub written: Option<Plan>,
    /// What is done with an earlier run that is not finished.
    pub on_open: Option<OnOpen>,
    /// Whether former members that belong to other releases now are left alone.
    pub leaves_moved: bool,
    /// The key to what releases keep, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
    /// What confirms what the cluster keeps.
    pub confirmed: Confirmed,
    /// Whether what the cluster keeps is forgotten.
    pub discard_state: bool,
    /// Whether the cluster alone keeps what is promoted: nobody gave a file of it.
    pub is_kept: bool,
    /// How it runs.
    pub run: RunOptions,
}

/// How a run goes about its work, whatever it does.
#[derive(Clone, Debug)]
pub(in crate::commands) struct RunOptions {
    /// Limits of time that the plan keeps.
    pub settings: Settings,
    /// Limits of time of this run.
    pub limits: execute::Limits,
    /// How many promotions the history keeps.
    pub keep_history: usize,
    /// How many log lines of a failing container are shown.
    pub log_lines: u32,
}

impl Request {
    /// Reads what a command line names.
    pub(super) async fn read(args: &Args) -> Result<Self, CommandError> {
        let inputs = args.inputs.read(&args.release.to_string_lossy()).await?;
        let mut run = args.limits.run_options();
        run.settings.on_failure = match args.on_failure {
            AfterFailure::Rollback => OnFailure::Rollback,
            AfterFailure::Stop => OnFailure::Stop,
        };
        let mut policy = args.allow.policy();
        policy.settings = run.settings.clone();
        Ok(Self {
            judging: gating::judging(&inputs.environment)?,
            connection: inputs.connection(&args.connection),
            policy: with_environment(policy, &inputs),
            mode: args.mode,
            yes: args.yes,
            dry_run: args.dry_run,
            show: args.show(),
            written: args.plan.as_deref().map(preparing::read_plan).transpose()?,
            on_open: args.on_open_journal,
            leaves_moved: false,
            state_key: args.state.key()?,
            confirmed: args.allow.confirmed(),
            is_kept: false,
            discard_state: args.discard_state,
            run,
            inputs,
        })
    }
}

/// A policy with what the environment says.
pub(in crate::commands) fn with_environment(mut policy: Policy, inputs: &Inputs) -> Policy {
    let spec = &inputs.environment.environment.spec;
    policy.untested = spec.untested;
    policy.external = spec.external.clone();
    policy
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

impl Limits {
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
