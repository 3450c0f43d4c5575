//! A revert: the last promotion is undone, as it was planned and agreed to, or an earlier revision is promoted again.

use super::promote::{DryRun, ReleaseSource, Request, RunOptions};
use super::recovery::{self, Recovery, RecoveryAction};
use super::run_context::{Channels, RunContext};
use super::{CommandError, ErrorKind, Scope, release_state};
use crate::cluster::ConnectionOptions;
use crate::execute::{
    self, Confirmed, NextRevert, RevertMode, RevertOptions, RevertPlan, RunLimits, RunReport, Services,
    Unconfirmed,
};
use crate::model::event::{Event, RunOutcome};
use crate::model::inventory::MAX_HISTORY;
use crate::model::moves::ReleaseRef;
use crate::model::plan::PlanLimits;
use crate::model::rollback_plan::RollbackPlan;
use crate::model::run_end::CurrentRelease;
use crate::model::state_key::StateKey;
use crate::monitor::WatchingOptions;
use crate::plan::PlanPolicy;
use crate::usecase::comparing::Mode;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What is reverted to.
pub enum RevertRequest {
    /// What was there before the last promotion.
    Last(LastRequest),
    /// The release of an earlier revision.
    ToRevision {
        /// Its number in the history.
        revision: u32,
        /// What its promotion may do.
        policy: Box<PlanPolicy>,
    },
}

/// How the last promotion is undone.
pub struct LastRequest {
    /// Whether later changes by others stay where the promotion had changed something, too.
    pub keep_foreign: bool,
    /// Claims and volumes whose data may be deleted.
    pub allow_data_loss: BTreeSet<String>,
    /// The current revision, where its promotion is meant although the last one was already rolled back.
    pub undo_revision: Option<u32>,
}

/// Whose revert it is, whatever it goes back to.
pub struct RevertTarget {
    /// The release's name; the only one of the namespace where none is given.
    pub name: Option<String>,
    /// How the cluster is reached.
    pub connection: ConnectionOptions,
    /// How long to wait for a promotion or revert that is running.
    pub lock_timeout: Duration,
    /// What confirms what the cluster keeps.
    pub confirmed: Confirmed,
    /// The key to that, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
}

/// The revert of a release's last promotion, found and not planned yet.
pub struct LastPromotion {
    release: ReleaseRef,
    options: RevertOptions,
    mode: RevertMode,
    services: Services,
}

/// What a revert comes to next.
pub enum NextStep {
    /// An unfinished promotion goes on.
    GoesOn(Box<Recovery>),
    /// A promotion is undone, where its user agrees.
    Planned(Box<PlannedRevert>),
    /// It must not begin.
    Ended(Box<RunReport>),
}

/// What a revert would do, and the run that does it.
pub struct PlannedRevert {
    /// What it would do.
    pub plan: Arc<RollbackPlan>,
    /// What nothing but the state in the cluster says.
    pub unconfirmed: Vec<Unconfirmed>,
    /// The run.
    pub recovery: Recovery,
    /// What is promoted.
    pub current: CurrentRelease,
    refusal: Option<RunReport>,
}

impl PlannedRevert {
    /// An error where it must not begin.
    ///
    /// # Errors
    ///
    /// Where data would be deleted that was not named, or another release is in the way.
    pub fn check_refusal(&self) -> Result<(), CommandError> {
        let Some(report) = &self.refusal else {
            return Ok(());
        };
        let error = CommandError::new(ErrorKind::Refused, &report.message);
        Err(report.hints.iter().fold(error, CommandError::with_hint))
    }
}

impl LastPromotion {
    /// Finds the release. Nothing is changed yet.
    ///
    /// # Errors
    ///
    /// Where the release is not named and cannot be found, or the cluster cannot be reached.
    pub async fn find(
        target: RevertTarget,
        request: LastRequest,
        dry_run: Option<DryRun>,
        channels: Channels,
    ) -> Result<Self, CommandError> {
        let Scope { cluster, home } = Scope::connect(&target.connection).await?;
        let name = release_state::release_name(cluster.as_ref(), &home, target.name.as_deref()).await?;
        let context =
            RunContext::without_promotion(channels, cluster, target.lock_timeout, target.state_key).await?;
        Ok(Self {
            release: ReleaseRef::new(&home, &name),
            options: RevertOptions {
                keep_foreign: request.keep_foreign,
                allow_data_loss: request.allow_data_loss,
                undo_revision: request.undo_revision,
                agreed: None,
                confirmed: target.confirmed,
            },
            mode: match dry_run {
                None => RevertMode::Run,
                Some(DryRun::Client) => RevertMode::Predict,
                Some(DryRun::Server) => RevertMode::DryRun,
            },
            services: context.into_services()?,
        })
    }

    /// The first event of the run.
    pub fn started(&self) -> Event {
        self.recovery(None, None).started()
    }

    /// What it comes to next. Nothing is changed yet.
    ///
    /// # Errors
    ///
    /// Where there is nothing to revert, or the cluster cannot be read.
    pub async fn next_step(&self) -> Result<NextStep, CommandError> {
        let Self {
            release,
            options,
            mode,
            services,
        } = self;
        let next = match execute::plan_revert(release, options, *mode, services).await {
            Ok(next) => next,
            Err(error) => return Err(recovery::explain(services.cluster.as_ref(), release, &error).await),
        };
        Ok(match next {
            NextRevert::Ended(report) => NextStep::Ended(Box::new(report)),
            NextRevert::Unfinished(journal) => NextStep::GoesOn(Box::new(self.recovery(Some(journal), None))),
            NextRevert::Planned(planned) => {
                let RevertPlan {
                    plan,
                    unconfirmed,
                    current,
                    refusal,
                } = *planned;
                let plan = Arc::new(plan);
                NextStep::Planned(Box::new(PlannedRevert {
                    recovery: self.recovery(None, Some(plan.clone())),
                    plan,
                    unconfirmed,
                    current,
                    refusal,
                }))
            }
        })
    }

    fn recovery(&self, unfinished: Option<String>, agreed: Option<Arc<RollbackPlan>>) -> Recovery {
        let options = Box::new(RevertOptions {
            agreed,
            ..self.options.clone()
        });
        Recovery::with_services(
            self.release.clone(),
            RecoveryAction::Revert { unfinished, options },
            self.options.confirmed.clone(),
            self.services.clone(),
        )
    }
}

/// Whether the end of an unfinished promotion leaves a finished one, which is planned and asked about as any other.
pub fn leads_on(outcome: RunOutcome) -> bool {
    // Past its commit it goes forward first. With nothing to do, another run has ended it meanwhile.
    matches!(
        outcome,
        RunOutcome::Promoted
            | RunOutcome::PromotedPruneIncomplete
            | RunOutcome::Repaired
            | RunOutcome::Deleted
            | RunOutcome::NothingToDo
    )
}

/// The promotion of an earlier revision, through the same plan and journal as any other.
pub fn promote_revision(
    target: RevertTarget,
    revision: u32,
    policy: PlanPolicy,
    dry_run: Option<DryRun>,
) -> Request {
    Request {
        source: ReleaseSource::Recorded {
            name: target.name,
            revision: Some(revision),
        },
        environment: None,
        manifests: Vec::new(),
        connection: target.connection,
        policy,
        mode: Mode::Auto,
        rehearsal: None,
        dry_run,
        approved_plan: None,
        on_open: None,
        discard_state: false,
        state_key: target.state_key,
        confirmed: target.confirmed,
        run: RunOptions {
            // Those of then are in the record.
            settings: PlanLimits::default(),
            limits: RunLimits {
                lock_timeout: target.lock_timeout,
                ..RunLimits::default()
            },
            // What a promotion was told to keep is not known here.
            keep_history: MAX_HISTORY,
            log_lines: WatchingOptions::default().log_lines,
            insecure_registries: Vec::new(),
        },
    }
}
