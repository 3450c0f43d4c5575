//! In which order steps are done, and in which they are undone.
//!
//! Forward the plan's waves say it. Back it is no mere reverse: what is put back is needed by what runs, so
//! it comes first, in the order of its kinds; what was created is taken away after it, from the last wave to
//! the first.

use crate::model::journal::{Journal, StepPart, StepProgress, StepState, UndoState};
use crate::model::plan::{Action, Undo};
use crate::model::{StepId, WaveIndex};
use crate::observe::release_state::Bodies;
use crate::plan::{is_aggregated, rank};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Steps that are undone side by side, or put-back ones that are waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub steps: Vec<StepId>,
    /// Whether they are waited for, not undone.
    pub follow: bool,
}

/// The steps of each wave, in order: the promotion's, or the deletions' after the commit.
pub(super) fn waves(journal: &Journal, prune: bool) -> BTreeMap<WaveIndex, Vec<StepId>> {
    let mut waves: BTreeMap<WaveIndex, Vec<StepId>> = BTreeMap::new();
    for step in journal.steps.iter().filter(|step| step.prune == prune) {
        waves.entry(step.wave).or_default().push(step.id);
    }
    waves
}

/// First what was changed or deleted is put back, in forward order, so that a workload never runs with a new value
/// nor a custom resource loses fields to an old schema; then what was created is deleted, in reverse.
pub(super) fn restore_then_delete(journal: &Journal, bodies: &Bodies) -> Vec<Group> {
    let mut back: BTreeMap<(u32, WaveIndex), Vec<StepId>> = BTreeMap::new();
    let mut delete: BTreeMap<Reverse<WaveIndex>, Vec<StepId>> = BTreeMap::new();

    for (progress, part) in touched(journal, bodies) {
        // A Job with another that undoes it stands by what was put back before.
        match part
            .before
            .as_ref()
            .filter(|_| !matches!(part.step.undo, Undo::Run { .. }))
        {
            None => delete
                .entry(Reverse(progress.wave))
                .or_default()
                .push(progress.id),
            Some(before) => {
                // Its old schema would drop the fields of what is still to be put back: it comes last of all.
                let changed_crd = before.kind() == "CustomResourceDefinition"
                    && matches!(part.step.action, Action::Apply { .. });

                let rank = if changed_crd { u32::MAX } else { rank(before) };
                // Deletions count their waves in reverse, or anew after
                // the commit: by these they come back in no order.
                let wave = if progress.is_deletion() {
                    WaveIndex::default()
                } else {
                    progress.wave
                };
                back.entry((rank, wave)).or_default().push(progress.id);
            }
        }
    }

    let all: Vec<StepId> = back.values().flatten().copied().collect();
    let undo = |steps| Group { steps, follow: false };
    let mut groups: Vec<Group> = back.into_values().map(undo).collect();
    if !all.is_empty() {
        groups.push(Group {
            steps: all,
            follow: true,
        });
    }

    let delete = roles_before_their_parts(delete.into_values().collect(), bodies);
    groups.extend(delete.into_iter().map(undo));
    groups
}

/// Aggregated ClusterRoles go in a group of their own, right before the first one that holds other ClusterRoles.
fn roles_before_their_parts(mut groups: Vec<Vec<StepId>>, bodies: &Bodies) -> Vec<Vec<StepId>> {
    let sent = |id: &StepId| bodies.steps.get(id).and_then(|part| part.step.action.object());
    let is_role = |id: &StepId| sent(id).is_some_and(|object| object.kind() == "ClusterRole");
    let Some(first) = groups.iter().position(|group| group.iter().any(is_role)) else {
        return groups;
    };

    let mut alone = Vec::new();
    // The controller brings a role back whose parts go while it is still there.
    for group in &mut groups {
        alone.extend(group.extract_if(.., |id| sent(id).is_some_and(is_aggregated)));
    }

    groups.insert(first, alone);
    groups.retain(|group| !group.is_empty());
    groups
}

/// Steps that were done, or may have been, and that are not undone yet.
fn touched<'a>(
    journal: &'a Journal,
    bodies: &'a Bodies,
) -> impl Iterator<Item = (&'a StepProgress, &'a StepPart)> {
    journal
        .steps
        .iter()
        .filter(|step| matches!(step.state, StepState::Intended | StepState::Done { .. }))
        // What was left behind is tried again.
        .filter(|step| !matches!(step.undo, UndoState::Done { .. }))
        .filter_map(|step| Some((step, bodies.steps.get(&step.id)?)))
}
