//! The end of a rollback in a namespace that the promotion created for itself: it goes, and the journal with it.
//!
//! Until it is gone the journal stays open: whoever comes after a crash sees that something is left to do.
//! From then on nothing can be written any more, so that whatever fails ends as it would have ended.

use super::Machine;
use super::messages::Effect;
use super::stage::Rollback;
use crate::execute::ending;
use crate::execute::own_namespace::creates_home;
use crate::model::StepId;
use crate::model::bundle::PartBundle;
use crate::model::event::Event;
use crate::model::journal::{StepState, UndoState};
use jiff::Timestamp;

impl Machine {
    /// Deletes it where it is this promotion's and may go.
    pub(super) fn delete_own_namespace(&mut self, now: Timestamp) -> Vec<Effect> {
        // What could not be put back needs its pre-image and
        // its journal: they must not go with the namespace.
        match self.find_created_namespace() {
            Some(step) if ending::left_behind(&self.head.current).is_empty() => {
                self.go(Rollback::AwaitNamespaceDeletion { step }, Effect::DeleteHome)
            }
            _ => self.record_rollback(now),
        }
    }

    /// The step that created it, where that is undone.
    fn find_created_namespace(&self) -> Option<StepId> {
        let journal = &self.head.current;
        let is_undone = |id: &StepId| {
            let undo = journal.step(*id).map(|step| (&step.state, &step.undo));
            // One that stays for what the release keeps in it has a content.
            matches!(undo, Some((StepState::Intended | StepState::Done { .. }, UndoState::Done { content, .. }))
                if content.is_empty())
        };

        self.bodies
            .steps
            .iter()
            .find(|(id, part)| creates_home(&part.step, &journal.namespace) && is_undone(id))
            .map(|(id, _)| *id)
    }

    /// Pre-images in other namespaces did not go with it.
    pub(super) fn forget_outside_parts(&mut self) -> Vec<Effect> {
        let journal = &self.head.current;
        // Nothing else names these any more.
        let named = journal.parts.iter().chain(&journal.forget).chain(&journal.record);
        let outside: Vec<PartBundle> = named
            .filter(|bundle| bundle.namespace != journal.namespace)
            .cloned()
            .collect();

        if outside.is_empty() {
            return self.finish_rollback();
        }
        self.go(Rollback::AwaitNamespaceCleanup, Effect::Forget(outside))
    }

    /// It stays, and is told as what could not be undone.
    pub(super) fn leave_namespace(&mut self, step: StepId, why: &str, now: Timestamp) -> Vec<Effect> {
        let by_hand = vec![format!(
            "kubectl delete namespace {}",
            self.head.current.namespace
        )];

        let why = format!("created by this promotion and left in place: {why}");
        let object = self.head.current.step(step).map(|step| step.target.id());
        let mut effects = vec![Effect::Emit(Event::Note {
            object,
            message: why.clone(),
        })];

        if let Some(step) = self.head.current.step_mut(step) {
            step.undo = UndoState::Left { why, by_hand };
        }
        effects.extend(self.record_rollback(now));
        effects
    }
}
