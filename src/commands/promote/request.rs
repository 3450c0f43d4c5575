//! From the command line to what is asked for.

use super::{AfterFailure, Args, LimitArgs};
use crate::commands::inputs::WaitMode;
use crate::execute;
use crate::model::plan::{OnFailure, PlanLimits};
use crate::model::rehearsal::RehearsalRequest;
use crate::monitor::WatchingOptions;
use crate::plan::{PlanPolicy, Repair};
use crate::usecase::CommandError;
use crate::usecase::promote::{ReleaseSource, Request, ResumeRequest, RunOptions};
use crate::usecase::releases::ReleaseLocation;
use std::time::Duration;

impl Args {
    /// A promotion.
    pub(super) fn request(&self) -> Result<Request, CommandError> {
        let mut run = self.run_options();
        run.settings.on_failure = match self.on_failure {
            AfterFailure::Rollback => OnFailure::Rollback,
            AfterFailure::Stop => OnFailure::Stop,
        };
        Ok(Request {
            source: self.source()?,
            environment: self.inputs.environment.clone(),
            manifests: self.inputs.manifests.sources(),
            connection: self.connection.options(),
            policy: PlanPolicy {
                repair: self.promoted.then(|| Repair {
                    only: self.only.clone(),
                }),
                ..self.allow.policy()
            },
            mode: self.mode,
            rehearsal: self.rehearse.map(|scope| RehearsalRequest {
                scope,
                runs_init: self.rehearse_init,
            }),
            dry_run: self.dry_run,
            approved_plan: self.plan.clone(),
            on_open: self.on_open_journal,
            discard_state: self.discard_state,
            state_key: self.state.key()?,
            confirmed: self.allow.consent.confirmed(),
            run,
        })
    }

    fn source(&self) -> Result<ReleaseSource, CommandError> {
        let given = self.release.to_string_lossy();
        if self.promoted {
            return Ok(ReleaseSource::Recorded {
                name: Some(given.into_owned()),
                revision: None,
            });
        }
        Ok(ReleaseLocation::parse(&given)?.into())
    }

    /// The end of an unfinished one.
    pub(super) fn resume_request(&self) -> Result<ResumeRequest, CommandError> {
        Ok(ResumeRequest {
            release: self.release.clone(),
            connection: self.connection.options(),
            state_key: self.state.key()?,
            confirmed: self.allow.consent.confirmed(),
            run: self.run_options(),
        })
    }

    fn run_options(&self) -> RunOptions {
        RunOptions {
            insecure_registries: self.inputs.registry.insecure_registry.clone(),
            ..self.limits.run_options()
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
            insecure_registries: Vec::new(),
        }
    }

    /// A server that is silent for longer than the whole may take is not waited for.
    fn run_limits(&self) -> execute::RunLimits {
        let limits = execute::RunLimits::default();
        let patience = self
            .timeout
            .map_or(limits.patience, |timeout| timeout.min(limits.patience));
        execute::RunLimits {
            lock_timeout: self.lock.lock_timeout,
            patience,
            ..limits
        }
    }
}
