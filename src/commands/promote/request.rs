//! From the command line to what is asked for.

use super::{AfterFailure, Allow, Args, LimitArgs};
use crate::commands::inputs::WaitMode;
use crate::execute;
use crate::model::check::Check;
use crate::model::moves::RELEASE_PREFIX;
use crate::model::plan::{OnFailure, PlanLimits, Waiver};
use crate::monitor::WatchingOptions;
use crate::plan::PlanPolicy;
use crate::usecase::CommandError;
use crate::usecase::promote::{Request, ResumeRequest, RunOptions};
use crate::usecase::releases::ReleaseLocation;
use std::time::Duration;

impl Args {
    /// A promotion.
    pub(super) fn request(&self) -> Result<Request, CommandError> {
        let mut run = self.limits.run_options();
        run.settings.on_failure = match self.on_failure {
            AfterFailure::Rollback => OnFailure::Rollback,
            AfterFailure::Stop => OnFailure::Stop,
        };
        Ok(Request {
            source: ReleaseLocation::parse(&self.release.to_string_lossy())?.into(),
            environment: self.inputs.environment.clone(),
            manifests: self.inputs.manifests.sources(),
            connection: self.connection.options(),
            policy: self.allow.policy(),
            mode: self.mode,
            dry_run: self.dry_run,
            approved_plan: self.plan.clone(),
            on_open: self.on_open_journal,
            discard_state: self.discard_state,
            state_key: self.state.key()?,
            confirmed: self.allow.confirmed(),
            run,
        })
    }

    /// The end of an unfinished one.
    pub(super) fn resume_request(&self) -> Result<ResumeRequest, CommandError> {
        Ok(ResumeRequest {
            release: self.release.clone(),
            connection: self.connection.options(),
            state_key: self.state.key()?,
            confirmed: self.allow.confirmed(),
            run: self.limits.run_options(),
        })
    }
}

/// The release that a value of `--adopt` names, where it names one and no field manager.
fn release_of(name: &str) -> Option<&str> {
    name.strip_prefix(RELEASE_PREFIX)
}

impl Allow {
    /// What the flags allow.
    pub(in crate::commands) fn policy(&self) -> PlanPolicy {
        let waiver = |(check, item): &(Check, Option<String>)| Waiver {
            check: check.name().into(),
            item: item.clone(),
            reason: self.reason.clone(),
            gave_up: Vec::new(),
        };
        PlanPolicy {
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
            ..PlanPolicy::default()
        }
    }
}

impl LimitArgs {
    /// How a run goes about its work.
    pub(super) fn run_options(&self) -> RunOptions {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        RunOptions {
            settings: PlanLimits {
                timeout_seconds: self.timeout.map(seconds),
                soak_seconds: self.soak.map(seconds).unwrap_or_default(),
                settle_seconds: seconds(self.settle),
                strict_wait: self.wait == WaitMode::Strict,
                unknown_health: self.unknown_health.into(),
                on_failure: OnFailure::default(),
            },
            limits: self.run_limits(),
            keep_history: self.history,
            log_lines: if self.no_logs {
                0
            } else {
                WatchingOptions::default().log_lines
            },
        }
    }

    /// A server that is silent for longer than the whole may take is not waited for.
    fn run_limits(&self) -> execute::RunLimits {
        let limits = execute::RunLimits::default();
        let patience = self
            .timeout
            .map_or(limits.patience, |timeout| timeout.min(limits.patience));
        execute::RunLimits {
            lock_timeout: self.lock_timeout,
            patience,
            ..limits
        }
    }
}
