//! Performs one effect of the state machine.

use super::ending;
use super::machine::{Effect, Input};
use super::patience::Problem;
use super::promote::Packed;
use super::run::Now;
use super::services::{Services, Watched};
use super::standing::with_known_uid;
use super::steps::{Outcome, Steps};
use super::store::{Store, StoreError};
use super::undo::Undoing;
use super::undo_job::UndoJob;
use super::well::is_well;
use crate::model::event::Event;
use crate::model::hook::goes_by_itself;
use crate::model::journal::{Failure, Journal, StepPart, StepProgress, UndoState};
use crate::model::plan::Undo;
use crate::model::{Object, ObjectId, Target};
use crate::observe::home::{Bodies, Stored};
use crate::rollout::is_watched;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};

/// Requests of steps in flight at once.
const CONCURRENT: usize = 16;

/// Performs effects; each is independent of the state machine's later states.
pub(super) struct Performer {
    services: Services,
    store: Store,
    steps: Steps,
    bodies: Arc<Bodies>,
    head: Mutex<Option<Stored<()>>>,
    inventory: Mutex<Option<Stored<()>>>,
    bundles: Vec<Packed>,
    fresh: bool,
    answers: Mutex<BTreeMap<u32, Object>>,
    fence: bool,
    room: Semaphore,
}

impl Performer {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn new(
        services: Services,
        store: Store,
        steps: Steps,
        bodies: Arc<Bodies>,
        (head, inventory): (Option<Stored<()>>, Option<Stored<()>>),
        bundles: Vec<Packed>,
        fresh: bool,
        fence: bool,
    ) -> Self {
        Self {
            services,
            store,
            steps,
            bodies,
            head: Mutex::new(head),
            inventory: Mutex::new(inventory),
            bundles,
            fresh,
            answers: Mutex::default(),
            fence,
            room: Semaphore::new(CONCURRENT),
        }
    }

    /// Performs an effect; what has happened then.
    pub(super) async fn perform(&self, effect: Effect, now: &Now) -> Input {
        match effect {
            Effect::WriteHead => {
                let mut stored = self.head.lock().await;
                let written = self.store.write_head(&now.head, stored.as_ref()).await;
                written.map(|new| *stored = Some(new)).map_or_else(not_written, |()| Input::Written)
            }
            Effect::WriteInventory => {
                let mut stored = self.inventory.lock().await;
                let written = self.store.write_inventory(&now.inventory, stored.as_ref()).await;
                written.map(|new| *stored = Some(new)).map_or_else(not_written, |()| Input::Written)
            }
            Effect::WriteParts => {
                let writes =
                    self.bundles.iter().map(|(bundle, parts)| self.store.write_bundle(bundle, parts));
                let written = futures::future::try_join_all(writes).await;
                written.map_or_else(not_written, |_| Input::Written)
            }
            Effect::Forget(bundles) => {
                let deleted = self.store.delete_bundles(&bundles).await;
                deleted.map_or_else(not_written, |()| Input::Written)
            }
            Effect::Send(step) => self.send(step, &now.head.current).await,
            Effect::Undo(step) => self.undo(step, &now.head.current).await,
            Effect::Follow(steps) => Input::Judged(self.follow(&steps).await),
            Effect::FollowPutBack(steps) => Input::Judged(self.follow_put_back(&steps).await),
            Effect::Prove => Input::Judged(self.services.rollout.prove().await),
            Effect::Soak => Input::Judged(self.soak(&now.head.current).await),
            // The loop's own.
            Effect::Emit(_) | Effect::StopJudging | Effect::Finish(..) => Input::Written,
        }
    }

    async fn send(&self, id: u32, journal: &Journal) -> Input {
        let Some(part) = self.bodies.steps.get(&id) else {
            return Input::CutOff(format!("expected step {id} in the journal's parts, found nothing"));
        };
        let Ok(_room) = self.room.acquire().await else { return Input::Written };
        let object = part.step.target.id();
        self.emit_started(id, &object, part.step.action.verb());
        let seen = part.before.as_ref().filter(|_| self.fresh);
        let outcome = match with_known_uid(part, journal) {
            Some(known) => self.steps.perform(&known, None).await,
            None => self.steps.perform(part, seen).await,
        };
        if let Outcome::Done(Some(answer)) | Outcome::Otherwise(answer, _) = &outcome {
            let kept = kept(&part.step.target, answer);
            self.answers.lock().await.insert(id, kept);
        }
        let ok = matches!(outcome, Outcome::Done(_));
        let result = match &outcome {
            Outcome::Done(_) => "done".to_owned(),
            Outcome::Otherwise(_, why) | Outcome::Conflict(why) => why.clone(),
            Outcome::Refused(error) => format!("the server refuses: {error}"),
            Outcome::Unknown(problem) => ending::problem(*problem),
        };
        self.services.events.emit(Event::StepEnded { step: id, object, result, ok });
        Input::Answered(id, outcome)
    }

    async fn undo(&self, id: u32, journal: &Journal) -> Input {
        let (Some(part), Some(progress)) = (self.bodies.steps.get(&id), journal.step(id)) else {
            return Input::CutOff(format!("expected step {id} in the journal's parts, found nothing"));
        };
        let Ok(_room) = self.room.acquire().await else { return Input::Written };
        let object = part.step.target.id();
        self.emit_started(id, &object, if part.before.is_some() { "restore" } else { "delete" });
        let undoing = Undoing {
            steps: &self.steps,
            keep_foreign: journal.reverting.as_ref().is_some_and(|reverting| reverting.keep_foreign),
            fence: self.fence,
            by_hand: by_hand(journal, &object),
        };
        let undone = match &part.step.undo {
            Undo::Run { job } => {
                self.undo_by_job(&undoing, part, progress, UndoJob::new(job, part, &journal.id)).await
            }
            _ => undoing.undo(part, progress).await,
        };
        let state = match undone {
            Ok(state) => state,
            Err(problem) => return Input::CutOff(ending::problem(problem)),
        };
        let result = match &state {
            UndoState::Left { why, .. } => why.clone(),
            UndoState::Done { notes, .. } => {
                for note in notes {
                    let message = note.clone();
                    self.services.events.emit(Event::Note { object: Some(object.clone()), message });
                }
                "as before".into()
            }
            UndoState::Pending => "not undone".into(),
        };
        let ok = matches!(state, UndoState::Done { .. });
        self.services.events.emit(Event::StepEnded { step: id, object, result, ok });
        Input::Undone(id, state)
    }

    /// Takes the irreversible Job away and runs the one that undoes it, to its end.
    async fn undo_by_job(
        &self,
        undoing: &Undoing<'_>,
        part: &StepPart,
        progress: &StepProgress,
        job: UndoJob<'_>,
    ) -> Result<UndoState, Problem> {
        let needed = match undoing.prepare_job(&job, part, progress).await? {
            Ok(needed) => needed,
            Err(left) => return Ok(left),
        };
        let state = undoing.undo(part, progress).await?;
        if !needed || matches!(state, UndoState::Left { .. }) {
            return Ok(state);
        }
        let answer = match undoing.start_job(&job).await? {
            Ok(answer) => answer,
            Err(left) => return Ok(left),
        };
        let watched = Watched { step: part.step.id, target: job.target.clone(), answer, changes: Vec::new() };
        Ok(match self.services.rollout.follow(&[watched]).await {
            Ok(()) => job.has_undone(),
            Err(failure) => job.failed(&failure.cause.message),
        })
    }

    fn emit_started(&self, step: u32, object: &ObjectId, action: &str) {
        let (object, action) = (object.clone(), action.to_owned());
        self.services.events.emit(Event::StepStarted { step, object, action });
    }

    /// The objects of steps as they were answered, or as they are now.
    async fn watched(&self, steps: &[u32]) -> Vec<Watched> {
        let mut watched = Vec::new();
        for id in steps {
            let Some(part) = self.bodies.steps.get(id) else { continue };
            let known = self.answers.lock().await.get(id).cloned();
            let answer = match known {
                Some(answer) => Some(answer),
                None => self.services.cluster.get(&part.step.target).await.ok().flatten(),
            };
            watched.extend(answer.map(|answer| Watched {
                step: *id,
                target: part.step.target.clone(),
                answer,
                changes: part.step.changes.clone(),
            }));
        }
        watched
    }

    async fn follow(&self, steps: &[u32]) -> Result<(), Box<Failure>> {
        let watched = self.watched(steps).await;
        self.services.rollout.follow(&watched).await
    }

    /// What was put back is waited for where it was well before: a state that was broken stays as it was.
    async fn follow_put_back(&self, steps: &[u32]) -> Result<(), Box<Failure>> {
        let was_well = |id: &&u32| {
            let before = self.bodies.steps.get(*id).and_then(|part| part.before.as_ref());
            before.is_some_and(is_well)
        };
        let well: Vec<u32> = steps.iter().filter(was_well).copied().collect();
        self.answers.lock().await.clear();
        if well.is_empty() {
            return Ok(());
        }
        self.follow(&well).await
    }

    async fn soak(&self, journal: &Journal) -> Result<(), Box<Failure>> {
        // What goes by itself may be gone, and had run to its end before it counted as done.
        let lasts = |id: &u32| {
            let sent = self.bodies.steps.get(id).and_then(|part| part.step.action.object());
            !sent.is_some_and(goes_by_itself)
        };
        let steps = journal.steps.iter().filter(|step| !step.prune).map(|step| step.id);
        let steps: Vec<u32> = steps.filter(lasts).collect();
        let watched = self.watched(&steps).await;
        let seconds = self.bodies.promotion.plan.settings.soak_seconds;
        self.services.rollout.soak(&watched, Duration::from_secs(seconds.into())).await
    }
}

/// What the judging of a rollout needs of an answer: of what is not watched, its identity.
fn kept(target: &Target, answer: &Object) -> Object {
    if is_watched(target) {
        return answer.clone();
    }
    let metadata = answer.at("/metadata").cloned().unwrap_or_default();
    let light = json!({"apiVersion": answer.api_version(), "kind": answer.kind(), "metadata": metadata});
    let Ok(mut light) = Object::new(light) else { return answer.clone() };
    if let Some(metadata) = light.value_mut()["metadata"].as_object_mut() {
        metadata.shift_remove("managedFields");
        metadata.shift_remove("annotations");
    }
    light
}

fn not_written(error: StoreError) -> Input {
    match error {
        StoreError::LockLost => Input::CutOff(ending::problem(super::patience::Problem::LockLost)),
        StoreError::Unreachable { .. } | StoreError::Moved { .. } => Input::CutOff(error.to_string()),
        error => {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
            Input::NotWritten(format!("{error}{}", source.unwrap_or_default()))
        }
    }
}

/// How to see by hand what an object was.
fn by_hand(journal: &Journal, object: &ObjectId) -> Vec<String> {
    let home = &journal.namespace;
    let namespace = object.namespace.as_ref().unwrap_or(home);
    let bundle =
        journal.parts.iter().find(|bundle| bundle.namespace == *namespace).or_else(|| journal.parts.first());
    let read = |name: &String| {
        let namespace = bundle.map(|bundle| bundle.namespace.as_str()).unwrap_or_default();
        format!("kubectl get secret {name} -n {namespace} -o jsonpath='{{.data.part}}' | base64 -d")
    };
    let parts: Vec<String> = bundle.iter().flat_map(|bundle| bundle.names.iter()).map(read).collect();
    let show = match parts.len() {
        0 => return Vec::new(),
        1 => format!("{} | gunzip", parts[0]),
        _ => format!("({}) | gunzip", parts.join("; ")),
    };
    let flag = object.namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
    vec![
        format!("{show}   # what the objects were, as JSON"),
        format!("kubectl edit {}{flag}", object.kubectl_name()),
    ]
}
