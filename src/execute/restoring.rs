//! A changed object put back: three versions merged, and its field ownership as it was.
//!
//! `before` is the pre-image, `expected` what the dry run of the step came to, `live` what is there now:
//! where the promotion changed nothing, live stays. The object is replaced over exactly the version that was
//! merged, then managedFields are written, which are read again and compared: what the server made otherwise
//! of either is not called put back.

use super::requests::write_options;
use super::retry_budget::Attempts;
use super::step_status::{StepStatus, is_made_by, step_status};
use super::steps::expected_uid;
use super::undo::{CONFLICTS, Next, Undoing, is_test};
use super::{fence, recreate};
use crate::model::journal::{StepPart, StepProgress, StepState, UndoState};
use crate::model::plan::{Action, Undo};
use crate::model::{FieldPath, Object, Target};
use crate::objects::{content_hash, differing, merge, merged_ownership, same_content, same_ownership};
use crate::plan::is_immutable;

impl Undoing<'_> {
    /// Puts a changed object back.
    pub(super) async fn restore_object(
        &self,
        part: &StepPart,
        progress: &StepProgress,
        before: &Object,
        live: Object,
        clock: &Attempts<'_>,
    ) -> Result<UndoState, Next> {
        let target = &part.step.target;

        if live.at("/metadata/deletionTimestamp").is_some() {
            // It cannot be kept any more: once its name is free it is created again.
            self.gone(target, live.uid()).await?;
            return Err(Next::Look);
        }

        if expected_uid(part) != Some(live.uid()) {
            return self.replaced(part, progress, before, live, clock).await;
        }

        let is_to_go = matches!(part.step.action, Action::Recreate { .. } | Action::Delete { .. });
        // It was not deleted yet, and nothing else was done to it.
        if is_to_go && !self.fence && !fence::is_touched(&live) {
            return Ok(self.done(Some(&live), Vec::new()));
        }

        let in_doubt = progress.state == StepState::Intended;
        if in_doubt && !is_to_go && holds_nothing_of(part, before, &live) {
            // The version has moved, so that a request of an
            // earlier run which is still on its way is a conflict.
            let note = "changed by another client before this promotion; left in place";
            return Ok(self.done(Some(&live), vec![note.into()]));
        }

        if is_to_go || in_doubt && step_status(part, Some(&live)) == StepStatus::NotDone {
            if self.fence || fence::is_touched(&live) {
                // A request that is still on its way names this
                // version: it has to move, and nothing else with it.
                let deadline = clock.before_write().await?;
                let touched = fence::touch(self.steps, target, before, &live, deadline).await;
                touched.map_err(|error| self.after(&error, clock))?;
            }
            return Ok(self.done(Some(&live), Vec::new()));
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
        clock: &Attempts<'_>,
    ) -> Result<UndoState, Next> {
        let ours = match (&part.step.action, &progress.state) {
            (Action::Recreate { .. }, StepState::Done { uid, .. }) => live.has_uid(uid.as_ref()),
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
        // Deleted by another client, and made anew by a repair.
        if let Action::Apply { object, .. } = &part.step.action
            && is_made_by(object, &live)
        {
            return self.restore(part, progress, before, live, clock).await;
        }
        // What an earlier try of this undo created again.
        if same_content(&live, before) || recreate::is_recreation_of(before, &live) {
            return self.own_again(part, before, live, clock).await;
        }

        Ok(self.left("recreated by another client; left in place".into()))
    }

    async fn restore(
        &self,
        part: &StepPart,
        progress: &StepProgress,
        before: &Object,
        live: Object,
        clock: &Attempts<'_>,
    ) -> Result<UndoState, Next> {
        let target = &part.step.target;
        let untouched = progress
            .state
            .is_left_as(&content_hash(&live, &self.steps.content));
        // Nothing else comes here: what was to go is dealt with, and what was created has no pre-image.
        let Action::Apply { expected, .. } = &part.step.action else {
            return Ok(self.done(Some(&live), Vec::new()));
        };

        let mut merged = merge(before, expected, &live, self.keep_foreign && !untouched);
        if untouched {
            // Where live is not what the dry run showed, the server chose: a port, an address.
            merged.foreign.clear();
        }

        let foreign = merged.foreign.iter().map(|path| self.note_foreign(path));
        let notes = foreign
            .chain(self.data_lost(Some(&merged.object), &live))
            .collect();

        // The server lets nobody change it back. The next look
        // finds it gone, and creates it from its pre-image.
        if part.step.undo == Undo::Replace && is_immutable(&live) {
            self.delete(target, &live, clock).await?;
            return Err(Next::Look);
        }

        let now = if same_content(&merged.object, &live) {
            live.clone()
        } else {
            self.write_content(target, &merged.object, clock).await?
        };
        // From live as it was before this write, which itself owns whatever it sends.
        let entries = merged_ownership(before, &live, &merged.object);
        let owned = self.write_ownership(target, &now, &entries, clock).await?;

        // Of the answer, and not of what was sent: defaulting and admission have the last word.
        let mut paths = differing(&owned, &merged.object);
        // Admission writes these anew at each request: they can never be what they were.
        paths.retain(|path| !part.step.stamps.contains(path));
        if !same_content(&owned, &merged.object) && !paths.is_empty() {
            let paths: Vec<_> = paths.iter().map(ToString::to_string).collect();
            return Ok(self.left(format!(
                "not restored: the API server keeps other values at {}",
                paths.join(", ")
            )));
        }

        Ok(self.done(Some(&owned), notes))
    }

    /// What is said of a field that somebody changed since.
    fn note_foreign(&self, path: &FieldPath) -> String {
        // Without a tense: a plan says it before, a run after it is done.
        let wins = if self.keep_foreign { "kept" } else { "overwritten" };
        format!("{path} was changed after the promotion: {wins}")
    }

    /// Replaces an object over exactly the version that was merged; as it is then.
    async fn write_content(
        &self,
        target: &Target,
        merged: &Object,
        clock: &Attempts<'_>,
    ) -> Result<Object, Next> {
        let mut body = merged.value().clone();
        if let Some(metadata) = body
            .get_mut("metadata")
            .and_then(serde_json::Value::as_object_mut)
        {
            // Ownership is written after it, over whatever this write itself comes to own.
            metadata.shift_remove("managedFields");
        }

        let options = write_options(clock.before_write().await?);
        let answer = self.steps.cluster.replace(target, &body, &options).await;
        Ok(answer.map_err(|error| self.after(&error, clock))?.object)
    }

    /// Writes managedFields where they are not those already; status entries are live's.
    pub(super) async fn write_ownership(
        &self,
        target: &Target,
        live: &Object,
        entries: &[serde_json::Value],
        clock: &Attempts<'_>,
    ) -> Result<Object, Next> {
        let mut live = live.clone();
        for _ in 0..CONFLICTS {
            // First of all: an undo that is repeated must not move a version for nothing.
            if same_ownership(live.managed_fields(), entries) {
                return Ok(live);
            }

            let mut wanted: Vec<_> = entries
                .iter()
                .filter(|entry| entry["subresource"] != "status")
                .cloned()
                .collect();
            wanted.extend(
                live.managed_fields()
                    .iter()
                    .filter(|entry| entry["subresource"] == "status")
                    .cloned(),
            );
            // The empty entry stands for nobody, and only while it is alone.
            if wanted.len() > 1 {
                wanted.retain(|entry| entry.get("manager").is_some());
            }

            let deadline = clock.before_write().await?;
            match self.steps.write_ownership(target, &live, &wanted, deadline).await {
                Ok(answer) if same_ownership(answer.object.managed_fields(), entries) => {
                    return Ok(answer.object);
                }
                Ok(_) => {
                    let why = "its field managers were not restored: the API server keeps others";
                    return Err(Next::End(self.left(why.into())));
                }

                Err(error) if error.is_conflict() || is_test(&error) => {
                    // Each write of a status moves the version, too:
                    // only another content has to be merged anew.
                    let read = self
                        .steps
                        .cluster
                        .get(target)
                        .await
                        .map_err(|error| self.after(&error, clock))?;
                    let read = read.ok_or(Next::Look)?;
                    if !same_content(&read, &live) || read.uid() != live.uid() {
                        return Err(Next::Look);
                    }
                    live = read;
                }
                Err(error) => return Err(self.after(&error, clock)),
            }
        }
        Err(Next::Look)
    }
}

/// Whether somebody else has changed an object that an apply in doubt has certainly not changed: none of its fields is
/// what the apply would have made of it.
fn holds_nothing_of(part: &StepPart, before: &Object, live: &Object) -> bool {
    // A take-over writes ownership before any field: that the fields are untouched proves nothing then.
    let Action::Apply {
        expected,
        take_over: None,
        ..
    } = &part.step.action
    else {
        return false;
    };

    let at = |path: &FieldPath, object: &Object| path.get(object.value()).cloned();
    let changes = part
        .step
        .changes
        .iter()
        .filter(|path| at(path, expected) != at(path, before));
    let mut changes = changes.peekable();

    let is_foreign = matches!(step_status(part, Some(live)), StepStatus::Foreign(_));
    is_foreign && changes.peek().is_some() && changes.all(|path| at(path, live) != at(path, expected))
}
