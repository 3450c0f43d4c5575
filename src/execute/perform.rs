//! Performs one effect of the state machine.
//!
//! Each effect is a future of its own, with a copy of the machine's state as it was when the effect was asked
//! for: what comes later does not reach it, and it decides nothing beyond its own objects. What it finds goes
//! back as one input. No answer and a lost lock are `CannotContinue`, whatever was being done; a refusal is told in
//! the terms of the effect.

mod undoing;
mod watching;

use super::machine::{Effect, Input, Now};
use super::outcome::StepOutcome;
use super::own_namespace::OwnNamespace;
use super::packing::Packed;
use super::requests::refusal;
use super::reread::Rereading;
use super::services::Services;
use super::source_inventories;
use super::state_after::Remain;
use super::step_status::with_known_uid;
use super::steps::Steps;
use super::store::StateStore;
use super::undo::Undoing;
use super::writer::StoreError;
use crate::model::event::Event;
use crate::model::journal::Journal;
use crate::model::verification::VerificationSummary;
use crate::model::{Object, ObjectId};
use crate::model::{StepId, StepVerb};
use crate::monitor::{StopReason, Stopped};
use crate::observe::release_state::{Bodies, Stored};
use crate::rollout::is_watched;
use futures::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};

/// Requests of steps in flight at once.
const CONCURRENT: usize = 16;

/// What a run's steps are performed with: fixed before the first effect.
pub(super) struct StepInputs {
    pub bodies: Arc<Bodies>,
    /// Bundles that the head names and that are to be written.
    pub bundles: Vec<Packed>,
    /// Steps that must not be undone: nothing confirms what their objects were.
    pub not_undone: BTreeSet<StepId>,
    /// Whether the pre-images are fresh enough to write over.
    pub fresh: bool,
    /// Whether another run's requests can still be on their way.
    pub fence: bool,
}

/// Performs effects; each is independent of the state machine's later states.
pub(super) struct Performer {
    services: Services,
    store: StateStore,
    steps: Steps,
    inputs: StepInputs,
    /// Steps that an earlier run may have sent.
    in_doubt: BTreeSet<StepId>,
    head: Mutex<Option<Stored<()>>>,
    inventory: Mutex<Option<Stored<()>>>,
    answers: Mutex<BTreeMap<StepId, Object>>,
    room: Semaphore,
}

impl Performer {
    /// `stored` are the versions of head and inventory that were read; the first writes of both are over these.
    pub(super) fn new(
        services: Services,
        store: StateStore,
        steps: Steps,
        inputs: StepInputs,
        in_doubt: BTreeSet<StepId>,
        stored: (Option<Stored<()>>, Option<Stored<()>>),
    ) -> Self {
        let (head, inventory) = stored;
        Self {
            services,
            store,
            steps,
            inputs,
            in_doubt,
            head: Mutex::new(head),
            inventory: Mutex::new(inventory),
            answers: Mutex::default(),
            room: Semaphore::new(CONCURRENT),
        }
    }

    /// Performs an effect; what has happened then.
    pub(super) async fn perform(&self, effect: Effect, now: &Now) -> Input {
        match effect {
            Effect::WriteHead => {
                // Held over the write: the next one names the version that this one makes.
                let mut stored = self.head.lock().await;
                let written = self.store.write_head(&now.head, stored.as_ref()).await;
                written
                    .map(|new| *stored = Some(new))
                    .map_or_else(not_written, |()| Input::Written)
            }
            Effect::WriteInventory => {
                let mut stored = self.inventory.lock().await;
                let written = self.store.write_inventory(&now.inventory, stored.as_ref()).await;
                written
                    .map(|new| *stored = Some(new))
                    .map_or_else(not_written, |()| Input::Written)
            }
            Effect::WriteSources(moving) => {
                let written = source_inventories::write(
                    moving,
                    now,
                    &self.inputs.bodies,
                    &self.store.writer,
                    self.services.state_key.as_ref(),
                )
                .await;
                written.map_or_else(not_written, |()| Input::Written)
            }
            Effect::WriteParts => {
                // The head names them already: what a run that dies
                // here leaves of them, a later one finds and deletes.
                let writes = self
                    .inputs
                    .bundles
                    .iter()
                    .map(|(bundle, parts)| self.store.writer.write_bundle(bundle, parts));
                let written = try_join_all(writes).await;
                written.map_or_else(not_written, |_| Input::Written)
            }
            Effect::Forget(bundles) => {
                let deleted = self.store.delete_bundles(&bundles).await;
                deleted.map_or_else(not_written, |()| Input::Written)
            }
            Effect::Send(step) => self.send(step, &now.head.current).await,
            Effect::Undo(step) => self.undo(step, now).await,
            Effect::Follow(steps) => self.follow(&steps).await,
            Effect::FollowRestored(steps) => self.follow_restored(&steps).await,
            Effect::Prove => verified(self.services.rollout.prove(&self.steps).await),
            Effect::Soak(steps) => self.soak(&steps).await,
            Effect::RereadDeleted => reread(self.rereading(now).after_deletions(&now.head.current).await),
            Effect::RereadReverted => reread(self.rereading(now).after_revert(&now.head.current).await),
            Effect::DeleteHome => Input::HomeLeft(self.delete_home().await),
            // The loop's own.
            Effect::Emit(_) | Effect::StopWatching | Effect::Finish(..) => Input::Written,
        }
    }

    /// Deletes the namespace that the promotion created for itself; else why it stays.
    async fn delete_home(&self) -> Result<(), String> {
        let own = OwnNamespace::from_parts(
            self.inputs.bodies.steps.values(),
            &self.inputs.bodies.promotion.plan,
        );
        match own {
            Some(own) => own.delete(&self.services).await.map_or(Ok(()), Err),
            None => Ok(()),
        }
    }

    async fn send(&self, id: StepId, journal: &Journal) -> Input {
        let Some(part) = self.inputs.bodies.steps.get(&id) else {
            return Input::CannotContinue(format!(
                "expected step {id} in the journal's parts, found nothing"
            ));
        };
        // The semaphore is never closed.
        let Ok(_room) = self.room.acquire().await else {
            return Input::Written;
        };

        let object = part.step.target.id();
        self.emit_started(id, &object, part.step.action.verb());
        // A run that takes another one's work up has pre-images of any age.
        let seen = part.before.as_ref().filter(|_| self.inputs.fresh);
        let in_doubt = self.in_doubt.contains(&id);
        let outcome = match with_known_uid(part, journal) {
            // What this plan has made itself has no pre-image.
            Some(known) => self.steps.perform(&known, None, in_doubt).await,
            None => self.steps.perform(part, seen, in_doubt).await,
        };
        // The rollout is judged by this answer: by its generation this change is told from any before it.
        if let StepOutcome::Done(Some(answer)) | StepOutcome::Otherwise(answer, _) = &outcome
            && is_watched(&part.step.target)
        {
            self.answers.lock().await.insert(id, answer.as_ref().clone());
        }

        let ok = matches!(outcome, StepOutcome::Done(_));
        let result = match &outcome {
            StepOutcome::Done(_) => "done".to_owned(),
            StepOutcome::Otherwise(_, why) | StepOutcome::Conflict(why) | StepOutcome::Partly(_, why) => {
                why.clone()
            }
            StepOutcome::Refused(error) => refusal(error),
            StepOutcome::Unknown(problem) => problem.message(),
        };
        self.services.events.emit(Event::StepEnded {
            step: id,
            object,
            result,
            ok,
        });
        Input::Answered(id, outcome)
    }

    fn rereading<'a>(&'a self, now: &'a Now) -> Rereading<'a> {
        // It deletes what aggregation brings back, and nothing else: no merge, no marks, no fence.
        let undoing = Undoing {
            steps: &self.steps,
            keep_foreign: false,
            fence: false,
            was_promoted: false,
            release: &self.store.writer.release,
            inventory: &now.inventory,
            by_hand: Vec::new(),
        };
        Rereading {
            steps: &self.steps,
            bodies: &self.inputs.bodies,
            undoing,
        }
    }

    fn emit_started(&self, step: StepId, object: &ObjectId, action: StepVerb) {
        let object = object.clone();
        self.services
            .events
            .emit(Event::StepStarted { step, object, action });
    }
}

fn reread(remains: Result<Vec<Remain>, StopReason>) -> Input {
    remains.map_or_else(|problem| Input::CannotContinue(problem.message()), Input::Reread)
}

fn judged(judged: Result<(), Stopped>) -> Input {
    judged.map_or_else(stopped, |()| Input::Judged(Ok(())))
}

fn verified(verified: Result<Option<VerificationSummary>, Stopped>) -> Input {
    verified.map_or_else(stopped, Input::Verified)
}

fn stopped(stopped: Stopped) -> Input {
    match stopped {
        Stopped::Failed(failure) => Input::Judged(Err(failure)),
        Stopped::CannotContinue(problem) => Input::CannotContinue(problem.message()),
    }
}

fn not_written(error: StoreError) -> Input {
    match error {
        StoreError::LockLost => Input::CannotContinue(StopReason::LockLost.message()),
        // Another run writes, or nobody answers: that is no
        // refusal, after which everything would be put back.
        StoreError::Unreachable { .. } | StoreError::Moved { .. } | StoreError::Altered { .. } => {
            Input::CannotContinue(error.to_string())
        }
        error => {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
            Input::NotWritten(format!("{error}{}", source.unwrap_or_default()))
        }
    }
}
