//! One step undone: whatever the object's state is, it is brought back to what it was before the promotion.

use super::own_namespace::creates_home;
use super::patience::{Clock, Problem};
use super::requests::{deletion, is_failed_test, refusal, write_options};
use super::standing::{Standing, is_made_by, standing};
use super::steps::{Outcome, Steps, expected_uid};
use super::store::is_passing;
use super::{fence, foreigners, pristine};
use crate::cluster::ApiError;
use crate::model::journal::{StepPart, StepProgress, StepState, UndoState};
use crate::model::keep::keep_mark;
use crate::model::plan::{Action, Propagation, Undo};
use crate::model::{FieldPath, Object, Target};
use crate::plan::{
    content_hash, data_lost_by_undo, is_immutable, merge, merged_ownership, same_content, same_ownership,
};
use std::time::Duration;

/// How often an undo is tried again after a conflict.
const CONFLICTS: u32 = 12;

/// How steps are undone.
pub(super) struct Undoing<'a> {
    pub steps: &'a Steps,
    /// Whether edits by others win on fields that the promotion changed.
    pub keep_foreign: bool,
    /// Whether a run that may still be alive can have requests on their way.
    pub fence: bool,
    /// Whether the promotion had been finished: what it created may hold data by now.
    pub was_promoted: bool,
    /// Namespace and name of the release.
    pub release: (&'a str, &'a str),
    /// Where the pre-image can be read by hand.
    pub by_hand: Vec<String>,
}

/// How long the address of a deleted Service may take to be free again.
const ADDRESS: Duration = Duration::from_secs(10);

/// A try's end.
pub(super) enum Next {
    /// Look again at once.
    Look,
    /// Wait a little.
    Wait,
    /// The step has ended.
    End(UndoState),
    /// Nothing more can be done now.
    Stop(Problem),
}

impl From<Problem> for Next {
    fn from(problem: Problem) -> Self {
        Next::Stop(problem)
    }
}

pub(super) fn done(live: Option<&Object>, notes: Vec<String>) -> UndoState {
    UndoState::done(&live.map(content_hash).unwrap_or_default(), notes)
}

impl Undoing<'_> {
    /// Undoes a step that was done, wholly or in part, or perhaps not at all.
    pub(super) async fn undo(&self, part: &StepPart, progress: &StepProgress) -> Result<UndoState, Problem> {
        let mut clock = self.steps.patience.start();
        let mut conflicts = 0;
        loop {
            let next = match self.attempt(part, progress, &clock).await {
                Ok(state) => return Ok(state),
                Err(next) => next,
            };
            match next {
                Next::End(state) => return Ok(state),
                Next::Stop(problem) => return Err(problem),
                Next::Look if conflicts < CONFLICTS => {
                    clock.hear();
                    conflicts += 1;
                }
                Next::Look => {
                    return Ok(self.left("found it changed again and again while it was put back".into()));
                }
                Next::Wait => clock.wait().await?,
            }
        }
    }

    fn left(&self, why: String) -> UndoState {
        UndoState::Left { why, by_hand: self.by_hand.clone() }
    }

    async fn attempt(
        &self,
        part: &StepPart,
        progress: &StepProgress,
        clock: &Clock<'_>,
    ) -> Result<UndoState, Next> {
        let target = &part.step.target;
        let live = match self.steps.cluster.get(target).await {
            Ok(live) => live,
            // Its kind went with its CRD, and it went with its kind.
            Err(ApiError::NotServed { .. }) if part.before.is_none() => None,
            Err(ApiError::NotServed { .. }) => {
                if clock.elapsed() > Duration::from_secs(30) {
                    return Ok(self.left("expected its kind to be served, found it is not".into()));
                }
                return Err(Next::Wait);
            }
            Err(error) => return Err(self.after(error)),
        };
        match (&part.before, live) {
            (None, None) => Ok(done(None, Vec::new())),
            (None, Some(live)) => self.remove(part, progress, live, clock).await,
            (Some(before), None) => self.bring_back(part, before, clock).await,
            (Some(before), Some(live)) => self.put_back(part, progress, before, live, clock).await,
        }
    }

    /// Deletes what the promotion created.
    async fn remove(
        &self,
        part: &StepPart,
        progress: &StepProgress,
        live: Object,
        clock: &Clock<'_>,
    ) -> Result<UndoState, Next> {
        let target = &part.step.target;
        let sent = part.step.action.object();
        let ours = match &progress.state {
            StepState::Done { uid, .. } => uid == live.uid(),
            _ => sent.is_some_and(|sent| is_made_by(sent, &live)),
        };
        if !ours {
            let note = match &progress.state {
                StepState::Done { .. } => vec!["somebody made a new one, which stays".to_owned()],
                _ => Vec::new(),
            };
            return Ok(done(Some(&live), note));
        }
        let id = target.id();
        // What was promoted is in use, and the mark is a promise to whoever uses it.
        if let Some(mark) = keep_mark(&live).filter(|_| self.was_promoted) {
            return Ok(done(Some(&live), vec![format!("was created, and stays: {mark}")]));
        }
        if let Some(why) = foreigners::in_it(self.steps.cluster.as_ref(), &id, &live, self.release.1)
            .await
            .map_err(|e| self.after(e))?
        {
            return Ok(self.left(format!("it was created, and stays: {why}")));
        }
        if let Undo::Impossible { why } = &part.step.undo {
            return Ok(self.left(why.clone()));
        }
        // The journal lies in it: it goes once that is closed.
        if !creates_home(&part.step, self.release.0) {
            self.delete(target, &live, clock).await?;
        }
        Ok(done(None, self.data_lost(None, &live)))
    }

    fn data_lost(&self, before: Option<&Object>, live: &Object) -> Vec<String> {
        data_lost_by_undo(before, live).filter(|_| self.was_promoted).into_iter().collect()
    }

    pub(super) async fn delete(&self, target: &Target, live: &Object, clock: &Clock<'_>) -> Result<(), Next> {
        // The owner goes after what it owns: nothing of it runs on unseen.
        let owns = matches!(&*target.resource.group, "apps" | "batch");
        let propagation = if owns { Propagation::Foreground } else { Propagation::Background };
        let options = deletion(live, propagation, clock.before_write().await?);
        if let Err(error) = self.steps.cluster.delete(target, &options).await
            && !error.is_not_found()
        {
            return Err(self.after(error));
        }
        self.gone(target, live.uid()).await
    }

    /// Waits until it is gone.
    async fn gone(&self, target: &Target, uid: &str) -> Result<(), Next> {
        match self.steps.wait_gone(target, uid).await {
            Ok(()) => Ok(()),
            Err(Outcome::Unknown(problem)) => Err(Next::Stop(problem)),
            Err(Outcome::Conflict(why)) => Err(Next::End(self.left(why))),
            Err(_) => Err(Next::End(self.left("expected to see it go, found that it cannot be read".into()))),
        }
    }

    /// Creates again what was deleted, with its ownership.
    async fn bring_back(
        &self,
        part: &StepPart,
        before: &Object,
        clock: &Clock<'_>,
    ) -> Result<UndoState, Next> {
        match &part.step.undo {
            Undo::Delete | Undo::Run { .. } => {
                return Ok(done(None, vec!["a Job that had run is not run again".into()]));
            }
            Undo::Impossible { why } => return Ok(self.left(why.clone())),
            Undo::Restore | Undo::CreateAgain | Undo::Replace => {}
        }
        let target = &part.step.target;
        let mut last = None;
        for body in pristine::bodies(before) {
            // The old address is given back a little after the Service that had it has gone.
            if last.as_ref().is_some_and(is_taken) && clock.elapsed() < ADDRESS {
                return Err(Next::Wait);
            }
            let options = write_options(clock.before_write().await?);
            match self.steps.cluster.create(target, &body, &options).await {
                Ok(made) => return self.own_again(part, before, made.object).await,
                Err(error) if is_passing(&error) || error.is_conflict() => return Err(self.after(error)),
                Err(error) => last = Some(error),
            }
        }
        let why = last.map(|error| error.to_string()).unwrap_or_default();
        Ok(self.left(format!("expected to create it again, found: {why}")))
    }

    async fn own_again(&self, part: &StepPart, before: &Object, made: Object) -> Result<UndoState, Next> {
        let entries = merged_ownership(before, &made, &made);
        let owned = self.write_ownership(&part.step.target, &made, &entries).await?;
        let mut notes = vec!["it has a new uid".to_owned()];
        if made.kind() == "ServiceAccount" {
            notes.push("tokens of its running pods have ended: restart them".into());
        }
        if made.at("/spec/clusterIP") != before.at("/spec/clusterIP") {
            notes.push("its cluster IP is another one: the old one was given to another Service".into());
        }
        Ok(done(Some(&owned), notes))
    }

    /// Puts a changed object back.
    async fn put_back(
        &self,
        part: &StepPart,
        progress: &StepProgress,
        before: &Object,
        live: Object,
        clock: &Clock<'_>,
    ) -> Result<UndoState, Next> {
        let target = &part.step.target;
        if live.at("/metadata/deletionTimestamp").is_some() {
            self.gone(target, live.uid()).await?;
            return Err(Next::Look);
        }
        if expected_uid(part) != Some(live.uid()) {
            return self.replaced(part, progress, before, live, clock).await;
        }
        let is_to_go = matches!(part.step.action, Action::Recreate { .. } | Action::Delete { .. });
        // It was not deleted yet, and nothing else was done to it.
        if is_to_go && !self.fence && !fence::is_touched(&live) {
            return Ok(done(Some(&live), Vec::new()));
        }
        let in_doubt = progress.state == StepState::Intended;
        if in_doubt && !is_to_go && holds_nothing_of(part, before, &live) {
            let note = "somebody changed it before this promotion could, and it stays as it is";
            return Ok(done(Some(&live), vec![note.into()]));
        }
        if is_to_go || in_doubt && standing(part, Some(&live)) == Standing::NotDone {
            if self.fence || fence::is_touched(&live) {
                let deadline = clock.before_write().await?;
                let touched = fence::touch(self.steps, target, before, &live, deadline).await;
                touched.map_err(|error| self.after(error))?;
            }
            return Ok(done(Some(&live), Vec::new()));
        }
        self.restore(part, progress, before, live, clock).await
    }

    /// Another object stands where ours stood: the promotion's own new Job, or somebody's.
    async fn replaced(
        &self,
        part: &StepPart,
        progress: &StepProgress,
        before: &Object,
        live: Object,
        clock: &Clock<'_>,
    ) -> Result<UndoState, Next> {
        let ours = match (&part.step.action, &progress.state) {
            (Action::Recreate { .. }, StepState::Done { uid, .. }) => uid == live.uid(),
            (Action::Recreate { object }, _) => is_made_by(object, &live),
            _ => false,
        };
        if let (true, Undo::Impossible { why }) = (ours, &part.step.undo) {
            return Ok(self.left(why.clone()));
        }
        if ours {
            self.delete(&part.step.target, &live, clock).await?;
            return Err(Next::Look);
        }
        // What an earlier try of this undo created again.
        if same_content(&live, before) || pristine::is_brought_back(before, &live) {
            return self.own_again(part, before, live).await;
        }
        Ok(self.left("somebody deleted it and made a new one".into()))
    }

    async fn restore(
        &self,
        part: &StepPart,
        progress: &StepProgress,
        before: &Object,
        live: Object,
        clock: &Clock<'_>,
    ) -> Result<UndoState, Next> {
        let target = &part.step.target;
        let untouched = progress.state.is_left_as(&content_hash(&live));
        let Action::Apply { expected, .. } = &part.step.action else {
            return Ok(done(Some(&live), Vec::new()));
        };
        let mut merged = merge(before, expected, &live, self.keep_foreign && !untouched);
        if untouched {
            // Where live is not what the dry run showed, the server chose: a port, an address.
            merged.foreign.clear();
        }
        let notes = merged.foreign.iter().map(|path| {
            let wins = if self.keep_foreign { "was kept" } else { "was put back all the same" };
            format!("{path}, which somebody changed since, {wins}")
        });
        let notes = notes.chain(self.data_lost(Some(&merged.object), &live)).collect();
        let mut now = live.clone();
        if part.step.undo == Undo::Replace && is_immutable(&live) {
            self.delete(target, &live, clock).await?;
            return Err(Next::Look);
        }
        if !same_content(&merged.object, &live) {
            let mut body = merged.object.value().clone();
            if let Some(metadata) = body.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
                metadata.shift_remove("managedFields");
            }
            let options = write_options(clock.before_write().await?);
            let answer = self.steps.cluster.replace(target, &body, &options).await;
            now = answer.map_err(|error| self.after(error))?.object;
        }
        let entries = merged_ownership(before, &live, &merged.object);
        let owned = self.write_ownership(target, &now, &entries).await?;
        let mut paths = crate::plan::differing(&owned, &merged.object);
        paths.retain(|path| !part.step.stamps.contains(path));
        if !same_content(&owned, &merged.object) && !paths.is_empty() {
            let paths: Vec<_> = paths.iter().map(ToString::to_string).collect();
            return Ok(self.left(format!("expected what it was, found other values at {}", paths.join(", "))));
        }
        Ok(done(Some(&owned), notes))
    }

    /// Writes managedFields where they are not those already; status entries are live's.
    async fn write_ownership(
        &self,
        target: &Target,
        live: &Object,
        entries: &[serde_json::Value],
    ) -> Result<Object, Next> {
        let mut live = live.clone();
        for _ in 0..CONFLICTS {
            if same_ownership(live.managed_fields(), entries) {
                return Ok(live);
            }
            let mut wanted: Vec<_> =
                entries.iter().filter(|entry| entry["subresource"] != "status").cloned().collect();
            wanted.extend(
                live.managed_fields().iter().filter(|entry| entry["subresource"] == "status").cloned(),
            );
            if wanted.len() > 1 {
                wanted.retain(|entry| entry.get("manager").is_some());
            }
            let deadline = self.steps.patience.start().before_write().await?;
            match self.steps.write_ownership(target, &live, &wanted, deadline).await {
                Ok(answer) if same_ownership(answer.object.managed_fields(), entries) => {
                    return Ok(answer.object);
                }
                Ok(_) => {
                    let why = "expected its field ownership as it was, found that the server keeps another";
                    return Err(Next::End(self.left(why.into())));
                }
                Err(error) if error.is_conflict() || is_test(&error) => {
                    let read = self.steps.cluster.get(target).await.map_err(|error| self.after(error))?;
                    let read = read.ok_or(Next::Look)?;
                    if !same_content(&read, &live) || read.uid() != live.uid() {
                        return Err(Next::Look);
                    }
                    live = read;
                }
                Err(error) => return Err(self.after(error)),
            }
        }
        Err(Next::Look)
    }

    pub(super) fn after(&self, error: ApiError) -> Next {
        match &error {
            error if error.is_conflict() || is_test(error) => Next::Look,
            error if is_passing(error) => Next::Wait,
            _ => Next::End(self.left(refusal(&error))),
        }
    }
}

/// Whether somebody else has changed an object that an apply in doubt has certainly not changed: none of its fields is
/// what the apply would have made of it.
fn holds_nothing_of(part: &StepPart, before: &Object, live: &Object) -> bool {
    let Action::Apply { expected, take_over: None, .. } = &part.step.action else { return false };
    let at = |path: &FieldPath, object: &Object| path.get(object.value()).cloned();
    let told = part.step.changes.iter().filter(|path| at(path, expected) != at(path, before));
    let mut told = told.peekable();
    let is_foreign = matches!(standing(part, Some(live)), Standing::Foreign(_));
    is_foreign && told.peek().is_some() && told.all(|path| at(path, live) != at(path, expected))
}

/// Whether an address or a port that is asked for is still another's.
fn is_taken(error: &ApiError) -> bool {
    error.to_string().contains("already allocated")
}

fn is_test(error: &ApiError) -> bool {
    matches!(error, ApiError::Status { code: 422, message, .. } if is_failed_test(message))
}
