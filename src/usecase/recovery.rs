//! Runs that rest on what the cluster keeps of a release alone: the end of an unfinished promotion, and a revert.
//!
//! Whoever may write the state says what such a run does. So it stops before its first write and names what nothing else
//! confirms; its caller asks a user, and attempts it again with the answers. It ends when everything is confirmed, or when
//! the caller gives up: nothing has been changed by then.

use super::CommandError;
use super::run_context::{RunContext, run_error};
use crate::execute::{
    self, Confirmed, ExecuteError, OpenJournalAction, RevertOptions, RunReport, Services, Unconfirmed,
};
use crate::model::moves::ReleaseRef;
use std::collections::BTreeSet;

/// What is done with the state of a release.
pub(super) enum RecoveryAction {
    /// Its unfinished promotion goes on, whichever way it was going.
    Resume,
    /// The promotion of this journal goes on, or is put back; nothing happens where another one took its place.
    Resolve {
        journal: String,
        action: OpenJournalAction,
    },
    /// Its last promotion is put back.
    Revert {
        keep_foreign: bool,
        allow_data_loss: BTreeSet<String>,
    },
}

/// A run on the state of a release, which may have to be confirmed.
pub struct Recovery {
    release: ReleaseRef,
    action: RecoveryAction,
    confirmed: Confirmed,
    services: Services,
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
        Ok(Self {
            release,
            action,
            confirmed,
            services: context.into_services()?,
        })
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
            Err(error) => Err(run_error(&error)),
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
            RecoveryAction::Revert {
                keep_foreign,
                allow_data_loss,
            } => {
                let options = RevertOptions {
                    keep_foreign: *keep_foreign,
                    allow_data_loss: allow_data_loss.clone(),
                    confirmed,
                };
                execute::revert(namespace, name, options, services).await
            }
        }
    }
}
