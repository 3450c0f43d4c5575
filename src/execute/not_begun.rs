//! Why a run does not begin: an error, where something cannot be read or written; or an end of its own, where
//! somebody else is at work or what was looked at speaks against it.
//!
//! Nothing of the release was touched in any of these.

use super::acquisition::LockError;
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
    #[error("what the cluster keeps of the release would do what nothing else confirms")]
    Unconfirmed(Vec<Unconfirmed>),
    /// There is nothing to do it with.
    #[error("{0}")]
    Nothing(String),
}

/// The end that stands for a refusal before anything was touched.
pub(super) fn refused(message: String, next: Vec<String>) -> RunReport {
    RunReport {
        outcome: RunOutcome::Refused,
        message,
        next,
    }
}

pub(super) fn locked(error: LockError) -> Result<RunReport, ExecuteError> {
    match &error {
        LockError::Held { .. } => {
            let next = vec!["--lock-timeout 10m waits for it".to_owned()];
            Ok(RunReport {
                outcome: RunOutcome::Locked,
                message: error.to_string(),
                next,
            })
        }
        // Nothing was changed, which is how an interrupted run ends that has put everything back.
        LockError::Interrupted => Ok(RunReport {
            outcome: RunOutcome::InterruptedReverted,
            message: error.to_string(),
            next: Vec::new(),
        }),
        LockError::Api { .. } => Err(error.into()),
    }
}

/// What is said where another promotion's journal is open.
pub(super) fn open_journal(open: &Journal) -> RunReport {
    let (name, namespace) = (&open.release.name, &open.namespace);
    refused(
        format!(
            "the promotion of {name} {} by {} is not finished ({})",
            open.release.version, open.actor, open.message
        ),
        vec![
            format!("kubectl delivery promote --resume {name} -n {namespace}"),
            format!("kubectl delivery revert {name} -n {namespace}"),
        ],
    )
}
