//! Performs one effect of the state machine.
//!
//! Each effect is a future of its own, with a copy of the machine's state as it was when the effect was asked
//! for: what comes later does not reach it, and it decides nothing beyond its own objects. What it finds goes
//! back as one input. No answer and a lost lock are `CutOff`, whatever was being done; a refusal is told in
//! the terms of the effect.

use super::machine::{Effect, Input};
use super::moving;
use super::own_namespace::OwnNamespace;
use super::packing::Packed;
use super::requests::{may_catch_up, refusal};
use super::reread::{Remain, Rereading};
use super::run::Now;
use super::services::Services;
use super::standing::with_known_uid;
use super::steps::{Outcome, Steps};
use super::store::{Store, StoreError};
use super::undo::Undoing;
use super::undo_job::UndoJob;
use super::well::{has_rollout, is_well};
use crate::cluster::ApiError;
use crate::model::event::Event;
use crate::model::journal::{Failure, Journal, StepPart, StepProgress, StepState, UndoState};
use crate::model::moves::ReleaseRef;
use crate::model::plan::{PlanStep, Undo};
use crate::model::verdict::CauseKind;
use crate::model::{Object, ObjectId, StepId, StepVerb};
use crate::monitor::Problem;
use crate::monitor::{Stopped, Watched};
use crate::observe::home::{Bodies, Stored};
use crate::plan::allowance;
use crate::rollout::{is_watched, runs_pods};
use futures::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Steps that must not be undone: nothing confirms what their objects were.
    not_undone: BTreeSet<StepId>,
    fresh: bool,
    /// Steps that an earlier run may have sent.
    in_doubt: BTreeSet<StepId>,
    answers: Mutex<BTreeMap<StepId, Object>>,
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
        not_undone: BTreeSet<StepId>,
        fresh: bool,
        in_doubt: BTreeSet<StepId>,
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
            not_undone,
            fresh,
            in_doubt,
            answers: Mutex::default(),
            fence,
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
                let written = moving::write(
                    moving,
                    now,
                    &self.bodies,
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
            Effect::FollowPutBack(steps) => self.follow_put_back(&steps).await,
            Effect::Prove => judged(self.services.rollout.prove(&self.steps).await),
            Effect::Soak(steps) => self.soak(&steps).await,
            Effect::RereadPruned => reread(self.rereading(now).after_prune(&now.head.current).await),
            Effect::RereadReverted => reread(self.rereading(now).after_revert(&now.head.current).await),
            Effect::DeleteHome => Input::HomeLeft(self.delete_home().await),
            // The loop's own.
            Effect::Emit(_) | Effect::StopJudging | Effect::Finish(..) => Input::Written,
        }
    }

    /// Deletes the namespace that the promotion created for itself; else why it stays.
    async fn delete_home(&self) -> Result<(), String> {
        let own = OwnNamespace::from_parts(self.bodies.steps.values(), &self.bodies.promotion.plan);
        match own {
            Some(own) => own.delete(&self.services).await.map_or(Ok(()), Err),
            None => Ok(()),
        }
    }

    async fn send(&self, id: StepId, journal: &Journal) -> Input {
        let Some(part) = self.bodies.steps.get(&id) else {
            return Input::CutOff(format!(
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
        let seen = part.before.as_ref().filter(|_| self.fresh);
        let in_doubt = self.in_doubt.contains(&id);
        let outcome = match with_known_uid(part, journal) {
            // What this plan has made itself has no pre-image.
            Some(known) => self.steps.perform(&known, None, in_doubt).await,
            None => self.steps.perform(part, seen, in_doubt).await,
        };
        // The rollout is judged by this answer: by its generation this change is told from any before it.
        if let Outcome::Done(Some(answer)) | Outcome::Otherwise(answer, _) = &outcome
            && is_watched(&part.step.target)
        {
            self.answers.lock().await.insert(id, answer.as_ref().clone());
        }

        let ok = matches!(outcome, Outcome::Done(_));
        let result = match &outcome {
            Outcome::Done(_) => "done".to_owned(),
            Outcome::Otherwise(_, why) | Outcome::Conflict(why) | Outcome::Partly(_, why) => why.clone(),
            Outcome::Refused(error) => refusal(error),
            Outcome::Unknown(problem) => problem.said(),
        };
        self.services.events.emit(Event::StepEnded {
            step: id,
            object,
            result,
            ok,
        });
        Input::Answered(id, outcome)
    }

    async fn undo(&self, id: StepId, now: &Now) -> Input {
        let journal = &now.head.current;
        let (Some(part), Some(progress)) = (self.bodies.steps.get(&id), journal.step(id)) else {
            return Input::CutOff(format!(
                "expected step {id} in the journal's parts, found nothing"
            ));
        };
        let Ok(_room) = self.room.acquire().await else {
            return Input::Written;
        };

        let object = part.step.target.id();
        // What was refused was never made: nothing of it is deleted, and nobody is told so.
        let was_made = part.before.is_some()
            || matches!(progress.state, StepState::Done { .. })
            || !matches!(self.steps.cluster.get(&part.step.target).await, Ok(None));
        if was_made {
            self.emit_started(
                id,
                &object,
                if part.before.is_some() {
                    StepVerb::Restore
                } else {
                    StepVerb::Delete
                },
            );
        }

        let undoing = Undoing {
            steps: &self.steps,
            keep_foreign: journal
                .reverting
                .as_ref()
                .is_some_and(|reverting| reverting.keep_foreign),
            fence: self.fence,
            was_promoted: journal
                .reverting
                .as_ref()
                .is_some_and(|reverting| reverting.was_promoted),
            release: &self.store.writer.release,
            inventory: &now.inventory,
            by_hand: by_hand(journal, part),
        };

        let undone = match &part.step.undo {
            // Nothing is sent for it: what it was is what somebody wrote down.
            _ if self.not_undone.contains(&id) => Ok(unconfirmed(&self.store.writer.release, &object)),
            Undo::Run { job } => {
                self.undo_by_job(&undoing, part, progress, UndoJob::new(job, part, &journal.id))
                    .await
            }
            _ => undoing.undo(part, progress).await,
        };

        let state = match undone {
            Ok(state) => state,
            Err(problem) => return Input::CutOff(problem.said()),
        };

        let result = match &state {
            UndoState::Left { why, .. } => why.clone(),
            UndoState::Done { notes, content } => {
                for note in notes {
                    let message = note.clone();
                    self.services.events.emit(Event::Note {
                        object: Some(object.clone()),
                        message,
                    });
                }
                match (part.before.is_some(), content.is_empty()) {
                    (true, true) => "gone".into(),
                    (false, false) => "kept".into(),
                    _ => "as before".into(),
                }
            }
            UndoState::Pending => "not undone".into(),
        };

        let ok = matches!(state, UndoState::Done { .. });
        if was_made || !ok {
            self.services.events.emit(Event::StepEnded {
                step: id,
                object,
                result,
                ok,
            });
        }
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
        // Only now: once this Job is gone, the suspended one alone says that it had run.
        let state = undoing.undo(part, progress).await?;
        if !needed || matches!(state, UndoState::Left { .. }) {
            return Ok(state);
        }

        let answer = match undoing.start_job(&job).await? {
            Ok(answer) => answer,
            Err(left) => return Ok(left),
        };

        let watched = Watched {
            step: part.step.id,
            target: job.target.clone(),
            answer,
            before: None,
            changes: Vec::new(),
        };

        match self.services.rollout.follow(&[watched], &self.steps).await {
            Ok(()) => Ok(job.has_undone()),
            Err(Stopped::Failed(failure)) => Ok(job.failed(&failure.cause.message)),
            Err(Stopped::CutOff(problem)) => Err(problem),
        }
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
            bodies: &self.bodies,
            undoing,
        }
    }

    fn emit_started(&self, step: StepId, object: &ObjectId, action: StepVerb) {
        let object = object.clone();
        self.services
            .events
            .emit(Event::StepStarted { step, object, action });
    }

    /// The objects of steps as they were answered, or as they are now; the steps whose objects are not there.
    async fn watched(&self, steps: &[StepId]) -> Result<(Vec<Watched>, Vec<StepId>), Unread> {
        let mut parts: Vec<&StepPart> = steps.iter().filter_map(|id| self.bodies.steps.get(id)).collect();
        // Other kinds are done once they are written.
        parts.retain(|part| is_watched(&part.step.target));

        let answers = try_join_all(parts.iter().map(|part| self.now(part))).await?;
        let (mut watched, mut absent) = (Vec::new(), Vec::new());
        for (part, answer) in parts.into_iter().zip(answers) {
            let PlanStep {
                id, target, changes, ..
            } = &part.step;
            match answer {
                Some(answer) => watched.push(Watched {
                    step: *id,
                    target: target.clone(),
                    answer,
                    before: part.before.clone().filter(|_| !runs_pods(target)),
                    changes: changes.clone(),
                }),
                None => absent.push(*id),
            }
        }
        Ok((watched, absent))
    }

    /// The object of a step as it was answered, or as it is now.
    async fn now(&self, part: &StepPart) -> Result<Option<Object>, Unread> {
        if let Some(known) = self.answers.lock().await.get(&part.step.id) {
            return Ok(Some(known.clone()));
        }

        let mut clock = self.steps.patience.start();
        loop {
            match self.services.cluster.get(&part.step.target).await {
                Ok(found) => return Ok(found),
                Err(ApiError::NotServed { .. }) => return Ok(None),
                Err(error) if may_catch_up(&error, &clock) => clock.catch_up().await,
                Err(error) if error.is_passing() => clock.wait().await.map_err(Unread::Never)?,
                Err(error) => return Err(Unread::Refused(part.step.target.id(), error)),
            }
        }
    }

    async fn follow(&self, steps: &[StepId]) -> Input {
        match self.watched(steps).await {
            // One that is missing decides alone: the rollouts of the others need not be waited for.
            Ok((watched, absent)) if absent.is_empty() => {
                judged(self.services.rollout.follow(&watched, &self.steps).await)
            }
            Ok((_, absent)) => Input::Absent(absent),
            Err(unread) => unread.into(),
        }
    }

    /// What was put back is waited for where it was well before: a state that was broken stays as it was, and a Job that
    /// had run is not there again.
    async fn follow_put_back(&self, steps: &[StepId]) -> Input {
        let mut well = Vec::new();
        for part in steps.iter().filter_map(|id| self.bodies.steps.get(id)) {
            let comes_back = matches!(part.step.undo, Undo::Restore | Undo::CreateAgain | Undo::Replace);
            match part.before.as_ref().filter(|_| comes_back) {
                Some(before) if is_well(before) => well.push(part.step.id),
                // As broken as before is a success, and nobody should be surprised by it.
                Some(before) if has_rollout(before) => {
                    let message = "was not ready before the promotion, and is not waited for".to_owned();
                    let object = Some(part.step.target.id());
                    self.services.events.emit(Event::Note { object, message });
                }
                _ => {}
            }
        }
        // These answers are of the promotion's own writes: what is judged now is what was put back.
        self.answers.lock().await.clear();

        if well.is_empty() {
            return Input::Judged(Ok(()));
        }
        self.follow(&well).await
    }

    async fn soak(&self, steps: &[StepId]) -> Input {
        let seconds = self.bodies.promotion.plan.settings.soak_seconds;
        match self.watched(steps).await {
            Ok((watched, absent)) if absent.is_empty() => {
                let time = Duration::from_secs(seconds.into());
                judged(self.services.rollout.soak(&watched, time, &self.steps).await)
            }
            Ok((_, absent)) => Input::Absent(absent),
            Err(unread) => unread.into(),
        }
    }
}

/// An object that is to be judged cannot be read: that is never taken for "not there".
enum Unread {
    /// There was no answer.
    Never(Problem),
    /// The server refuses.
    Refused(ObjectId, ApiError),
}

impl From<Unread> for Input {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Never(problem) => Input::CutOff(problem.said()),
            Unread::Refused(object, error) => {
                // It is neither there nor not there: waiting would not help, and nothing can be judged.
                let message = format!("{object}: expected to read it, found: {error}");
                Input::Judged(Err(Box::new(Failure::of(
                    Some(object),
                    CauseKind::Conflict,
                    message,
                ))))
            }
        }
    }
}

fn reread(remains: Result<Vec<Remain>, Problem>) -> Input {
    remains.map_or_else(|problem| Input::CutOff(problem.said()), Input::Reread)
}

fn judged(judged: Result<(), Stopped>) -> Input {
    match judged {
        Ok(()) => Input::Judged(Ok(())),
        Err(Stopped::Failed(failure)) => Input::Judged(Err(failure)),
        Err(Stopped::CutOff(problem)) => Input::CutOff(problem.said()),
    }
}

fn not_written(error: StoreError) -> Input {
    match error {
        StoreError::LockLost => Input::CutOff(Problem::LockLost.said()),
        // Another run writes, or nobody answers: that is no
        // refusal, after which everything would be put back.
        StoreError::Unreachable { .. } | StoreError::Moved { .. } | StoreError::Altered { .. } => {
            Input::CutOff(error.to_string())
        }
        error => {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
            Input::NotWritten(format!("{error}{}", source.unwrap_or_default()))
        }
    }
}

/// What is left where nothing but the journal says what an object was.
fn unconfirmed(release: &ReleaseRef, object: &ObjectId) -> UndoState {
    let ReleaseRef { namespace, name } = release;
    let allow = allowance(object);
    UndoState::Left {
        why: "nothing confirms what it was: another run wrote that down".into(),
        by_hand: vec![format!(
            "kubectl delivery revert {name} -n {namespace} --allow-unconfirmed {allow}"
        )],
    }
}

/// How to finish by hand: to delete what was created, or to see what an object was.
fn by_hand(journal: &Journal, part: &StepPart) -> Vec<String> {
    let object = &part.step.target.id();
    let flag = object
        .namespace
        .as_ref()
        .map(|namespace| format!(" -n {namespace}"))
        .unwrap_or_default();

    // Nothing was there before: to delete it is all that is left.
    if part.before.is_none() && !matches!(part.step.undo, Undo::Impossible { .. }) {
        return vec![format!("kubectl delete {}{flag}", object.kubectl_name())];
    }
    // Pre-images lie beside their objects, and those of what is cluster-wide at home.
    let home = &journal.namespace;
    let namespace = object.namespace.as_ref().unwrap_or(home);
    let bundle = journal
        .parts
        .iter()
        .find(|bundle| bundle.namespace == *namespace)
        .or_else(|| journal.parts.first());
    let read = |name: &String| {
        let namespace = bundle.map(|bundle| bundle.namespace.as_str()).unwrap_or_default();
        format!("kubectl get secret {name} -n {namespace} -o jsonpath='{{.data.part}}' | base64 -d")
    };

    let parts: Vec<String> = bundle
        .iter()
        .flat_map(|bundle| bundle.names.iter())
        .map(read)
        .collect();

    // The parts are one gzip in pieces: they are joined before it is unpacked.
    let show = match parts.len() {
        0 => return Vec::new(),
        1 => format!("{} | gunzip", parts[0]),
        _ => format!("({}) | gunzip", parts.join("; ")),
    };

    vec![
        format!("{show}   # what the objects were, as JSON"),
        format!("kubectl edit {}{flag}", object.kubectl_name()),
    ]
}
