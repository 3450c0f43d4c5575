//! What is to become of a journal that another run left, or that was finished: it goes forward, or it is put
//! back.

use super::unconfirmed::Confirmed;
use crate::model::rollback_plan::RollbackPlan;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How something is put back.
#[derive(Clone, Debug, Default)]
pub struct RevertOptions {
    /// Whether edits by others win on fields that the promotion changed.
    pub keep_foreign: bool,
    /// Claims and volumes whose data may be deleted: `KIND/NAMESPACE/NAME`.
    pub allow_data_loss: BTreeSet<String>,
    /// The current revision, where its promotion is to be undone although the last one was already rolled back.
    pub undo_revision: Option<u32>,
    /// The plan that a user agreed to; none for an unfinished promotion, which goes on unasked.
    pub agreed: Option<Arc<RollbackPlan>>,
    /// What confirms what the cluster keeps.
    pub confirmed: Confirmed,
}

/// What is done with the journal of another run that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenJournalAction {
    /// It is finished.
    Resume,
    /// It is put back.
    RollBack,
}

/// What is to become of a journal.
pub(super) enum JournalGoal {
    Resume(Confirmed),
    RollBack(RevertOptions),
}

impl JournalGoal {
    /// The plan that a user agreed to.
    pub(super) fn agreed(&self) -> Option<&RollbackPlan> {
        match self {
            JournalGoal::Resume(_) => None,
            JournalGoal::RollBack(options) => options.agreed.as_deref(),
        }
    }

    pub(super) fn confirmed(&self) -> &Confirmed {
        match self {
            JournalGoal::Resume(confirmed) => confirmed,
            JournalGoal::RollBack(options) => &options.confirmed,
        }
    }
}
