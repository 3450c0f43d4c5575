//! Why a run does not begin: an error, where something cannot be read or written; or an end of its own, where
//! somebody else is at work or what was looked at speaks against it.
//!
//! Nothing of the release was touched in any of these.

use super::acquisition::LockError;
use super::ending::{describe_unfinished, ways_on};
use super::own_namespace::OwnNamespaceError;
use super::services::RunReport;
use super::unconfirmed::Unconfirmed;
use super::writer::StoreError;
use crate::model::event::RunOutcome;
use crate::model::journal::Journal;
use crate::observe::release_state::ReleaseStateError;

/// A run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The lock cannot be read or written.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What the release keeps here cannot be read.
    #[error(transparent)]
    ReleaseState(#[from] ReleaseStateError),
    /// The journal cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The namespace that the release brings cannot be created.
    #[error(transparent)]
    OwnNamespace(#[from] OwnNamespaceError),
    /// State alone would do that, and nothing confirms it.
    #[error("the stored state of the release asks for changes that nothing else confirms")]
    Unconfirmed(Vec<Unconfirmed>),
    /// There is nothing to do it with.
    #[error("{message}")]
    Nothing {
        /// Why not.
        message: String,
        /// What to type.
        hint: String,
    },
    /// What was asked to be reverted is not what a revert would undo.
    #[error("{message}")]
    NothingToRevert {
        /// One sentence, with what is promoted.
        message: String,
        /// What to type.
        hints: Vec<String>,
    },
    /// A plan could not be made.
    #[error("cannot plan the revert: {0}; nothing was changed")]
    NotPlanned(String),
}

/// The end that stands for a refusal before anything was touched.
pub(super) fn refused(message: String, hints: Vec<String>) -> RunReport {
    RunReport::new(RunOutcome::Refused, message, hints)
}

pub(super) fn locked(error: LockError) -> Result<RunReport, ExecuteError> {
    match &error {
        LockError::Held { .. } => {
            let hint = "add --lock-timeout 10m to wait for the lock".to_owned();
            let message = format!("{error}; nothing was changed");
            Ok(RunReport::new(RunOutcome::Locked, message, vec![hint]))
        }
        // Nothing was changed, which is how an interrupted run ends that has rolled back.
        LockError::Interrupted => Ok(RunReport::new(
            RunOutcome::InterruptedRolledBack,
            error.to_string(),
            Vec::new(),
        )),
        LockError::Api { .. } => Err(error.into()),
    }
}

/// What is said where another run's journal is open.
pub(super) fn open_journal(open: &Journal) -> RunReport {
    let message = format!("{}; nothing was changed", describe_unfinished(open));
    refused(message, ways_on(open))
}
