//! What is to become of a journal that another run left, or that was finished: it goes forward, or it is put
//! back.

use super::unconfirmed::Confirmed;
use std::collections::BTreeSet;

/// How something is put back.
#[derive(Clone, Debug, Default)]
pub struct RevertOptions {
    /// Whether edits by others win on fields that the promotion changed.
    pub keep_foreign: bool,
    /// Claims and volumes whose data may be deleted: `KIND/NAMESPACE/NAME`.
    pub allow_data_loss: BTreeSet<String>,
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
    pub(super) fn confirmed(&self) -> &Confirmed {
        match self {
            JournalGoal::Resume(confirmed) => confirmed,
            JournalGoal::RollBack(options) => &options.confirmed,
        }
    }
}
