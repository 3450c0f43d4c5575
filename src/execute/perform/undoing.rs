//! Effects that undo: one step put back, with what is said of it, and the way on by hand where it is not.

use super::Performer;
use crate::execute::machine::{Input, Now};
use crate::execute::undo::Undoing;
use crate::execute::undo_job::UndoJob;
use crate::model::event::Event;
use crate::model::journal::{Journal, StepPart, StepProgress, StepState, UndoState};
use crate::model::moves::ReleaseRef;
use crate::model::plan::Undo;
use crate::model::{ObjectId, StepId, StepVerb};
use crate::monitor::{StopReason, Stopped, Watched};
use crate::plan::allowance;

impl Performer {
    pub(super) async fn undo(&self, id: StepId, now: &Now) -> Input {
        let journal = &now.head.current;
        let (Some(part), Some(progress)) = (self.inputs.bodies.steps.get(&id), journal.step(id)) else {
            return Input::CannotContinue(format!(
                "expected step {id} in the journal's parts, found nothing"
            ));
        };
        let Ok(_room) = self.room.acquire().await else {
            return Input::Written;
        };

        let object = part.step.target.id();
        // Asked before anything is told: what was never made begins and ends no step.
        let may_be_there = self.may_be_there(part, progress).await;
        if may_be_there {
            let verb = if part.before.is_some() {
                StepVerb::Restore
            } else {
                StepVerb::Delete
            };
            self.emit_started(id, &object, verb);
        }

        let state = match self.undo_part(part, progress, now).await {
            Ok(state) => state,
            Err(problem) => return Input::CannotContinue(problem.message()),
        };

        // Notes first: the event that ends the step closes what is said of it.
        let result = self.emit_notes(part, &state);
        let ok = matches!(state, UndoState::Done { .. });
        if may_be_there || !ok {
            self.services.events.emit(Event::StepEnded {
                step: id,
                object,
                result,
                ok,
            });
        }
        Input::Undone(id, state)
    }

    /// What was refused was never made: nothing of it is deleted, and nobody is told so.
    async fn may_be_there(&self, part: &StepPart, progress: &StepProgress) -> bool {
        part.before.is_some()
            || matches!(progress.state, StepState::Done { .. })
            || !matches!(self.steps.cluster.get(&part.step.target).await, Ok(None))
    }

    async fn undo_part(
        &self,
        part: &StepPart,
        progress: &StepProgress,
        now: &Now,
    ) -> Result<UndoState, StopReason> {
        let journal = &now.head.current;
        let release = &self.store.writer.release;
        // Nothing is sent for it: what it was is what somebody wrote down.
        if self.inputs.not_undone.contains(&part.step.id) {
            return Ok(unconfirmed(release, &part.step.target.id()));
        }

        let undoing = Undoing {
            fence: self.inputs.fence,
            by_hand: by_hand(journal, part),
            ..Undoing::from_journal(&self.steps, journal, release, &now.inventory)
        };

        match &part.step.undo {
            Undo::Run { job } => {
                self.undo_by_job(&undoing, part, progress, UndoJob::new(job, part, &journal.id))
                    .await
            }
            _ => undoing.undo(part, progress).await,
        }
    }

    /// Says what has to be known of an undo; its result in a few words.
    fn emit_notes(&self, part: &StepPart, state: &UndoState) -> String {
        match state {
            UndoState::Left { why, .. } => why.clone(),
            UndoState::Done { notes, content } => {
                for message in notes {
                    self.services.events.emit(Event::Note {
                        object: Some(part.step.target.id()),
                        message: message.clone(),
                    });
                }
                // Where every field of the step keeps a later value, nothing was restored.
                let untouched = notes.iter().filter(|note| note.ends_with(": kept")).count();
                let keeps_all = untouched > 0 && untouched >= part.step.changes.len();
                match (part.before.is_some(), content.is_empty()) {
                    (true, true) => "gone".into(),
                    (true, false) if keeps_all => "kept".into(),
                    (true, false) => "restored".into(),
                    (false, false) => "kept".into(),
                    (false, true) => "deleted".into(),
                }
            }
            UndoState::Pending => "not undone".into(),
        }
    }

    /// Takes the irreversible Job away and runs the one that undoes it, to its end.
    async fn undo_by_job(
        &self,
        undoing: &Undoing<'_>,
        part: &StepPart,
        progress: &StepProgress,
        job: UndoJob<'_>,
    ) -> Result<UndoState, StopReason> {
        let (state, is_needed) = undoing.undo_ahead_of_job(&job, part, progress).await?;
        if !is_needed {
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
            // Without a baseline: a Job that is new is judged by itself alone.
            before: None,
            changes: Vec::new(),
        };

        match self.services.rollout.follow(&[watched], &self.steps).await {
            Ok(()) => Ok(job.undone_by_job()),
            Err(Stopped::Failed(failure)) => Ok(job.failed(&failure.cause.message)),
            Err(Stopped::CannotContinue(problem)) => Err(problem),
        }
    }
}

/// What is left where nothing but the journal says what an object was.
fn unconfirmed(release: &ReleaseRef, object: &ObjectId) -> UndoState {
    let ReleaseRef { namespace, name } = release;
    let allow = allowance(object);
    UndoState::Left {
        why: "its pre-image is not confirmed: only the stored state of another run has it".into(),
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
