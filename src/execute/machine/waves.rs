//! What both kinds of waves share, the promotion's and the deletions' after the commit: which steps a wave has,
//! what of it is sent, and what an answer means for the journal.
//!
//! A step is `Intended` in the journal before it is sent, so that a later run knows what was meant to be sent,
//! and no more. What an earlier run may have sent is sent again: a step finds out by itself what was done of
//! it.

use super::Machine;
use super::messages::Halt;
use crate::execute::order::waves;
use crate::execute::outcome::StepOutcome;
use crate::execute::requests::refusal;
use crate::model::hook::{is_hook, runs};
use crate::model::journal::{Failure, StepProgress, StepState};
use crate::model::verdict::CauseKind;
use crate::model::{Object, StepId, WaveIndex};
use crate::objects::content_hash;
use std::collections::{BTreeMap, BTreeSet};

/// The steps of each wave, in order.
type Waves = BTreeMap<WaveIndex, Vec<StepId>>;

impl Machine {
    pub(super) fn waves(&self, prune: bool) -> Waves {
        waves(&self.head.current, prune)
    }

    pub(super) fn wave_steps(&self, prune: bool, wave: WaveIndex) -> Vec<StepId> {
        self.waves(prune).remove(&wave).unwrap_or_default()
    }

    /// Marks what is still to be done of the next wave that has any, after `done`; none where nothing is left.
    pub(super) fn intend_wave(&mut self, prune: bool, done: Option<WaveIndex>) -> Option<WaveIndex> {
        let journal = &mut self.head.current;
        let is_open = |state: &StepState| matches!(state, StepState::Pending | StepState::Intended);

        let is_next = |(wave, _): &(WaveIndex, Vec<StepId>)| done.is_none_or(|done| *wave > done);

        // From the journal each time: what an earlier run has done of a wave is not intended again.
        for (wave, steps) in waves(journal, prune).into_iter().filter(is_next) {
            let mut has_open = false;
            for id in steps {
                if let Some(step) = journal.step_mut(id).filter(|step| is_open(&step.state)) {
                    step.state = StepState::Intended;
                    has_open = true;
                }
            }
            if has_open {
                return Some(wave);
            }
        }
        None
    }

    /// The steps of a wave that are to be sent.
    pub(super) fn intended_steps(&self, prune: bool, wave: WaveIndex) -> BTreeSet<StepId> {
        let journal = &self.head.current;
        let is_intended = |id: &StepId| {
            journal
                .step(*id)
                .is_some_and(|step| step.state == StepState::Intended)
        };
        self.wave_steps(prune, wave)
            .into_iter()
            .filter(is_intended)
            .collect()
    }

    /// The steps whose objects have to be there: not what was deleted, and not what runs once and has run.
    pub(super) fn step_status(&self) -> Vec<StepId> {
        let is_done =
            |step: &&StepProgress| !step.is_deletion() && matches!(step.state, StepState::Done { .. });
        // One that has run may be gone by now: by its TTL, or by a hook's policy.
        let stands = |step: &&StepProgress| !(step.ready && self.runs_once(step.id));
        self.head
            .current
            .steps
            .iter()
            .filter(is_done)
            .filter(stands)
            .map(|step| step.id)
            .collect()
    }

    /// Whether the object of a step does its work once: a Job, or a Pod that is a hook.
    fn runs_once(&self, id: StepId) -> bool {
        let sent = self
            .bodies
            .steps
            .get(&id)
            .and_then(|part| part.step.action.object());
        sent.is_some_and(|sent| runs(sent) && (sent.kind() == "Job" || is_hook(sent)))
    }

    /// These were judged well.
    pub(super) fn mark_ready(&mut self, is_meant: impl Fn(&StepProgress) -> bool) {
        let done = |step: &&mut StepProgress| matches!(step.state, StepState::Done { .. }) && is_meant(step);
        self.head
            .current
            .steps
            .iter_mut()
            .filter(done)
            .for_each(|step| step.ready = true);
    }

    /// Marks what runs once to be sent again; a failure where anything else is gone.
    pub(super) fn intend_absent(&mut self, ids: &[StepId]) -> Option<Failure> {
        // A Deployment that is gone was deleted by somebody; a Job that is gone may have had its TTL.
        let (again, gone): (Vec<StepId>, Vec<StepId>) = ids.iter().partition(|id| self.runs_once(**id));
        for id in again {
            if let Some(step) = self.head.current.step_mut(id) {
                // It may have run all the same: so it stays a barrier, and is undone with the rest.
                step.state = StepState::Intended;
            }
        }

        let step = self.head.current.step(*gone.first()?)?;
        let object = step.target.id();
        let message = format!("{object} was deleted by another client");
        Some(Failure::new(Some(object), CauseKind::Disappeared, message))
    }

    /// Writes an outcome into the journal; the failure where it is one.
    pub(super) fn record_outcome(
        &mut self,
        in_flight: &mut BTreeSet<StepId>,
        id: StepId,
        outcome: StepOutcome,
    ) -> Result<Option<Failure>, Halt> {
        if !in_flight.remove(&id) {
            return Err(Halt::Misfit {
                awaited: "the outcome of a step in flight",
                found: "that of another",
            });
        }

        let (state, failed) = match outcome {
            StepOutcome::Done(object) => (self.done_state(id, object.as_deref()), None),
            StepOutcome::Otherwise(object, why) => {
                let state = self.done_state(id, Some(&object));
                (state, Some((CauseKind::Refused, why)))
            }
            // What it has left behind is undone with the rest.
            StepOutcome::Partly(kind, why) => (StepState::Intended, Some((kind, why))),
            StepOutcome::Conflict(why) => not_done(CauseKind::Conflict, why),
            StepOutcome::Refused(error) => not_done(CauseKind::Refused, refusal(&error)),
            // Whether it was done is for a later run to find out: nothing true can be written down now.
            StepOutcome::Unknown(problem) => return Err(Halt::Unknown(problem.message())),
        };

        let Some(step) = self.head.current.step_mut(id) else {
            return Ok(None);
        };
        step.state = state;
        let object = step.target.id();
        Ok(failed.map(|(kind, why)| {
            let message = format!("{object}: {why}");
            Failure::new(Some(object), kind, message)
        }))
    }

    fn done_state(&self, id: StepId, object: Option<&Object>) -> StepState {
        let before = self.bodies.steps.get(&id).and_then(|part| part.before.as_ref());
        // The uid is kept of what is new alone: an undo deletes what has exactly this one.
        let uid = object
            .and_then(Object::known_uid)
            .filter(|uid| before.is_none_or(|before| !before.has_uid(Some(uid))));
        let hash = object.map(|object| content_hash(object, &self.content));
        StepState::done(uid, &hash.unwrap_or_default())
    }
}

fn not_done(kind: CauseKind, why: String) -> (StepState, Option<(CauseKind, String)>) {
    (StepState::NotDone { why: why.clone() }, Some((kind, why)))
}
