//! What there is after a run: which release is promoted, and what was undone. Pure: from the journal, the inventory, and
//! what was read last.

use super::readiness::is_ready;
use crate::model::ObjectId;
use crate::model::inventory::Inventory;
use crate::model::journal::{Failure, Journal, JournalPhase, StepPart, StepProgress, StepState, UndoState};
use crate::model::run_end::{CurrentRelease, RollbackResult, StateAfter};
use crate::observe::release_state::Bodies;
use crate::rollout::runs_pods;

/// Something that is not as it was: what stays, and what is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remain {
    pub object: ObjectId,
    /// What follows the object's name in a sentence.
    pub message: String,
    /// What to type.
    pub hint: Option<String>,
}

impl Remain {
    pub(super) fn new(object: ObjectId, message: impl Into<String>) -> Self {
        Self {
            object,
            message: message.into(),
            hint: None,
        }
    }
}

/// A rollback at its end.
pub(super) struct RolledBackState<'a> {
    pub journal: &'a Journal,
    pub inventory: &'a Inventory,
    pub bodies: &'a Bodies,
    /// What was ready before and is not now.
    pub not_ready: Option<&'a Failure>,
    pub remains: &'a [Remain],
    /// Whether what was restored and ready before was waited for, and is ready.
    pub found_ready: bool,
}

impl RolledBackState<'_> {
    pub(super) fn state_after(&self) -> StateAfter {
        StateAfter {
            current: promoted_before(self.journal, self.inventory),
            rollback: Some(self.result()),
            ..StateAfter::default()
        }
    }

    fn result(&self) -> RollbackResult {
        let not_restored = |step: &&StepProgress| matches!(step.undo, UndoState::Left { .. });
        RollbackResult {
            restored: self.restored().count(),
            deleted: self.count_deleted(),
            not_restored: self.journal.steps.iter().filter(not_restored).count(),
            ready: self.is_ready(),
            not_ready: self.not_ready.map(describe_not_ready),
            differences: self.differences(),
        }
    }

    /// What is there again as it was before.
    fn restored(&self) -> impl Iterator<Item = &StepPart> {
        let is_there = |step: &&StepProgress| matches!(&step.undo, UndoState::Done { content, .. } if !content.is_empty());
        let parts = self.journal.steps.iter().filter(is_there);
        parts
            .filter_map(|step| self.bodies.steps.get(&step.id))
            .filter(|part| part.before.is_some())
    }

    fn count_deleted(&self) -> usize {
        // A step that was refused has made nothing that could be deleted.
        let is_sent =
            |step: &&StepProgress| matches!(step.state, StepState::Done { .. } | StepState::Intended);
        let is_gone = |step: &&StepProgress| matches!(&step.undo, UndoState::Done { content, .. } if content.is_empty());
        let is_new = |step: &&StepProgress| {
            let part = self.bodies.steps.get(&step.id);
            part.is_some_and(|part| part.before.is_none())
        };
        let steps = self.journal.steps.iter();
        steps.filter(is_sent).filter(is_gone).filter(is_new).count()
    }

    /// Nobody waits for a workload that was not ready before: of it nothing is known.
    fn is_ready(&self) -> bool {
        let mut workloads = self.restored().filter(|part| runs_pods(&part.step.target));
        let was_ready = |part: &StepPart| part.before.as_ref().is_some_and(is_ready);
        self.found_ready && workloads.next().is_some_and(was_ready) && workloads.all(was_ready)
    }

    /// What its undo said of each object, and what was found when all was read again.
    fn differences(&self) -> Vec<String> {
        let noted = self.journal.steps.iter().flat_map(|step| match &step.undo {
            UndoState::Done { notes, .. } => notes
                .iter()
                .map(|note| format!("{}: {note}", step.target))
                .collect(),
            _ => Vec::new(),
        });
        let remains = self.remains.iter();
        let remains = remains.map(|remain| format!("{} {}", remain.object, remain.message));
        noted.chain(remains).collect()
    }
}

fn describe_not_ready(failure: &Failure) -> String {
    let object = failure.object.as_ref();
    let object = object.map_or_else(|| "what was restored".to_owned(), ToString::to_string);
    format!(
        "{object} was ready before and is not now: {}",
        failure.cause.message
    )
}

/// After a promotion that ended as one.
pub(super) fn after_promotion(journal: &Journal) -> StateAfter {
    StateAfter {
        current: CurrentRelease::from_journal(journal),
        ..StateAfter::default()
    }
}

/// After a run whose journal stays open.
pub(super) fn while_open(journal: &Journal, inventory: &Inventory) -> StateAfter {
    let was_promoted = journal.reverting.as_ref().is_some_and(|one| one.was_promoted);
    // Of a commit or a revert whose write was not answered nobody knows: the journal says what was certainly written.
    let current = if journal.phase == JournalPhase::Committed || was_promoted {
        CurrentRelease::from_journal(journal)
    } else {
        promoted_before(journal, inventory)
    };
    StateAfter {
        current,
        ..StateAfter::default()
    }
}

/// The last promoted release but this one. By id: of a namespace that went with its inventory the history still names what
/// is gone.
fn promoted_before(journal: &Journal, inventory: &Inventory) -> CurrentRelease {
    let history = inventory.history.iter().rev();
    let mut others = history.filter(|entry| entry.id != journal.id);
    let last = others.find(|entry| entry.ending.is_committed());
    CurrentRelease::from_entry(last.filter(|entry| entry.ending.is_promoted()))
}
