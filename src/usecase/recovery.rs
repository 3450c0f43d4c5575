//! Runs that rest on what the cluster keeps of a release alone: the end of an unfinished promotion, and a revert.
//!
//! Whoever may write the state says what such a run does. So it stops before its first write and names what nothing else
//! confirms; its caller asks a user, and attempts it again with the answers. It ends when everything is confirmed, or when
//! the caller gives up: nothing has been changed by then.

use super::run_context::{RunContext, run_error};
use super::{CommandError, release_state};
use crate::cluster::Cluster;
use crate::execute::{
    self, Confirmed, ExecuteError, OpenJournalAction, RevertOptions, RunReport, Services, Unconfirmed,
};
use crate::model::event::{Event, RunCommand, StartedRelease};
use crate::model::moves::ReleaseRef;
use crate::model::release::{PublicDigest, PublicRelease};
use crate::observe::release_state::list_homes;

/// What is done with the state of a release.
pub(super) enum RecoveryAction {
    /// Its unfinished promotion goes on, whichever way it was going.
    Resume,
    /// The promotion of this journal goes on, or is put back; nothing happens where another one took its place.
    Resolve {
        journal: String,
        action: OpenJournalAction,
    },
    /// A promotion is undone: the unfinished one of this journal, or what was agreed to.
    Revert {
        unfinished: Option<String>,
        options: Box<RevertOptions>,
    },
}

/// A run on the state of a release, which may have to be confirmed.
pub struct Recovery {
    release: ReleaseRef,
    action: RecoveryAction,
    confirmed: Confirmed,
    services: Services,
    /// The promotion that it goes on with, where that is known already.
    promotion: Option<PublicRelease>,
}

/// How far an attempt came.
pub enum Attempt {
    /// To the end of the run.
    Ended(RunReport),
    /// Nowhere: state alone would do this.
    Unconfirmed(Vec<Unconfirmed>),
}

impl Recovery {
    /// Of a release; nothing is sent yet.
    pub(super) fn new(
        release: ReleaseRef,
        action: RecoveryAction,
        confirmed: Confirmed,
        context: RunContext,
    ) -> Result<Self, CommandError> {
        let services = context.into_services()?;
        Ok(Self::with_services(release, action, confirmed, services))
    }

    /// The same, on what an execution was given already.
    pub(super) fn with_services(
        release: ReleaseRef,
        action: RecoveryAction,
        confirmed: Confirmed,
        services: Services,
    ) -> Self {
        Self {
            release,
            action,
            confirmed,
            services,
            promotion: None,
        }
    }

    /// Of a promotion that is known.
    pub(super) fn with_promotion(self, promotion: Option<PublicRelease>) -> Self {
        Self { promotion, ..self }
    }

    /// The first event of its run.
    pub fn started(&self) -> Event {
        let ReleaseRef { namespace, name } = &self.release;
        let named = StartedRelease {
            name: name.clone(),
            version: None,
            digest: PublicDigest::Withheld,
        };
        Event::Started {
            command: match self.action {
                RecoveryAction::Revert { .. } => RunCommand::Revert,
                RecoveryAction::Resume | RecoveryAction::Resolve { .. } => RunCommand::Resume,
            },
            release: self.promotion.clone().map_or(named, StartedRelease::from),
            cluster: self.services.cluster.identity(namespace),
        }
    }

    /// Runs it, as far as it is confirmed.
    ///
    /// # Errors
    ///
    /// Where another run holds the lock, there is nothing to resume or revert, or the run could not begin.
    pub async fn attempt(&self) -> Result<Attempt, CommandError> {
        match Box::pin(self.execute()).await {
            Ok(report) => Ok(Attempt::Ended(report)),
            Err(ExecuteError::Unconfirmed(found)) => Ok(Attempt::Unconfirmed(found)),
            Err(error) => Err(explain(self.services.cluster.as_ref(), &self.release, &error).await),
        }
    }

    /// Takes what a user was shown and agreed to.
    pub fn confirm(&mut self, answered: Vec<Unconfirmed>) {
        self.confirmed.answered.extend(answered);
    }

    async fn execute(&self) -> Result<RunReport, ExecuteError> {
        let ReleaseRef { namespace, name } = &self.release;
        let confirmed = self.confirmed.clone();
        let services = &self.services;
        match &self.action {
            RecoveryAction::Resume => execute::resume(namespace, name, confirmed, services).await,
            RecoveryAction::Resolve { journal, action } => {
                execute::resolve_open_journal(namespace, name, journal, *action, confirmed, services).await
            }
            RecoveryAction::Revert { unfinished, options } => {
                let options = RevertOptions {
                    confirmed,
                    ..options.as_ref().clone()
                };
                execute::revert(&self.release, unfinished.as_deref(), options, services).await
            }
        }
    }
}

/// Why a run could not begin; where there is nothing to act on, the name may be a slip.
pub(super) async fn explain(
    cluster: &dyn Cluster,
    release: &ReleaseRef,
    error: &ExecuteError,
) -> CommandError {
    let ReleaseRef { namespace, name } = release;
    if matches!(error, ExecuteError::Nothing { .. })
        && let Ok(homes) = list_homes(cluster, Some(namespace)).await
        && homes.iter().all(|(_, known)| known != name)
    {
        return release_state::no_release(cluster, namespace, name, "status").await;
    }
    run_error(error)
}
