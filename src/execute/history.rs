//! What a run makes of its inventory: the set of members, and the history.
//!
//! Pure. The set is widened before anything is made and narrowed after it is gone, so that a run that dies at
//! any point leaves no object that nobody would prune. The history's entry is the commit.

use super::ending::left_behind;
use crate::model::bundle::PartBundle;
use crate::model::format::{FormatVersion, Rest};
use crate::model::inventory::{HistoryEntry, Inventory};
use crate::model::journal::{
    Failure, HistoryOutcome, Journal, RollbackReason, StepProgress, StepState, UndoState,
};
use crate::model::phrase::{shorten, utc};
use crate::model::plan::{Plan, Waiver};
use crate::model::verification::VerificationSummary;
use crate::model::{Operation, Target};
use crate::observe::release_state::Bodies;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Characters of a cause in the history.
const CAUSE: usize = 1000;

/// Adds what a promotion may make members, before it does.
pub(super) fn add_members(inventory: &mut Inventory, members: &[Target]) {
    let known: BTreeSet<_> = inventory.members.iter().map(Target::id).collect();
    let new = members
        .iter()
        .filter(|member| !known.contains(&member.id()))
        .cloned();
    inventory.members.extend(new);
}

fn entry(journal: &Journal, plan: &Plan, ending: HistoryOutcome, now: Timestamp) -> HistoryEntry {
    HistoryEntry {
        format_version: FormatVersion::default(),
        rest: Rest::new(),
        revision: journal.revision,
        id: journal.id.clone(),
        release: journal.release.clone(),
        operation: journal.operation,
        cluster: plan.cluster.clone(),
        actor: journal.actor.clone(),
        started_at: journal.started_at,
        ended_at: now,
        ending,
        rollback: reason(journal),
        failure: journal.failure.clone().map(truncate_cause),
        message: String::new(),
        verification: None,
        // Their names are enough in what is kept for long.
        waivers: plan
            .waivers
            .iter()
            .map(|one| Waiver {
                gave_up: Vec::new(),
                ..one.clone()
            })
            .collect(),
        // A record is there to be promoted again, and that of a failed promotion never is.
        record: if ending.is_promoted() {
            journal.record.clone()
        } else {
            Vec::new()
        },
    }
}

fn reason(journal: &Journal) -> Option<RollbackReason> {
    journal.reverting.as_ref().map(|reverting| reverting.why)
}

/// The history is kept for long, in one object: a cause is told there in so many characters.
fn truncate_cause(mut failure: Failure) -> Failure {
    failure.cause.message = shorten(failure.cause.message, CAUSE);
    failure
}

/// How a run ends in the history that comes to its commit.
pub(super) fn committed_outcome(journal: &Journal, plan: &Plan) -> HistoryOutcome {
    match journal.operation {
        Operation::Promote if plan.repair => HistoryOutcome::Repaired,
        Operation::Promote => HistoryOutcome::Promoted,
        Operation::Delete => HistoryOutcome::Deleted,
    }
}

/// The history says that the release is promoted, or deleted: from here on only forward.
pub(super) fn commit(
    inventory: &mut Inventory,
    journal: &Journal,
    plan: &Plan,
    verification: Option<VerificationSummary>,
    now: Timestamp,
) {
    // However often it was tried, it has one entry.
    inventory.history.retain(|entry| entry.id != journal.id);
    inventory.history.push(HistoryEntry {
        verification,
        ..entry(journal, plan, committed_outcome(journal, plan), now)
    });
    // Without deletions nothing of before stays a member.
    if journal.steps.iter().all(|step| !step.prune) {
        inventory.members = plan.members.clone();
    }
}

/// Takes out of the set what was pruned.
pub(super) fn drop_pruned_members(
    inventory: &mut Inventory,
    journal: &Journal,
    plan: &Plan,
    ending: HistoryOutcome,
) {
    // It is still there: a later promotion tries again, as long as it is a member.
    let stays = |step: &&StepProgress| step.prune && !matches!(step.state, StepState::Done { .. });
    inventory.members = plan.members.clone();
    let left: Vec<Target> = journal
        .steps
        .iter()
        .filter(stays)
        .map(|step| step.target.clone())
        .collect();
    add_members(inventory, &left);

    if let Some(entry) = inventory.history.iter_mut().find(|entry| entry.id == journal.id) {
        entry.ending = ending;
    }
}

/// Drops the oldest entries, but never what was promoted last; the records that go with them.
pub(super) fn trim(inventory: &mut Inventory, keep: usize) -> Vec<PartBundle> {
    let too_many = inventory.history.len().saturating_sub(keep.max(1));
    // However old it is, what runs is never forgotten, nor what runs again once its deletion is reverted.
    let promoted = inventory.last_promoted().map(|entry| entry.id.clone());
    let goes = |entry: &HistoryEntry| Some(&entry.id) != promoted.as_ref();
    let (old, stays): (Vec<_>, Vec<_>) = inventory.history.drain(..too_many).partition(goes);

    inventory.history.splice(..0, stays);
    // What has moved is told for as long as the history reaches back.
    inventory.trim_moved();
    old.into_iter().flat_map(|entry| entry.record).collect()
}

/// The history says that the promotion was put back.
pub(super) fn record_rollback(inventory: &mut Inventory, journal: &Journal, bodies: &Bodies, now: Timestamp) {
    let complete = left_behind(journal).is_empty();
    let ending = if complete {
        HistoryOutcome::RolledBack
    } else {
        HistoryOutcome::RollbackIncomplete
    };

    let before = bodies.promotion.members_before.iter();
    // What another release has taken since is not a member again.
    let members = before
        .filter(|member| inventory.moved_to(&member.id()).is_none())
        .cloned()
        .collect();
    inventory.members = members;
    let left = journal
        .steps
        .iter()
        .filter(|step| matches!(step.undo, UndoState::Left { .. }));
    // What was created and stays has to be a member: nothing else would ever prune it.
    let left: Vec<Target> = left
        .filter(|step| !step.prune)
        .map(|step| step.target.clone())
        .collect();
    add_members(inventory, &left);

    let nothing_sent = journal.steps.iter().all(|step| step.state == StepState::Pending);
    match inventory.history.iter_mut().find(|entry| entry.id == journal.id) {
        Some(entry) => {
            entry.ending = ending;
            entry.rollback = reason(journal);
            entry.message = format!("reverted at {}", utc(now));
        }
        // A promotion that never got to touch anything is no promotion, unless there is a cause to remember.
        None if nothing_sent && journal.failure.is_none() => {}
        // Of a repair that failed the release is promoted as before, and is not held to have failed.
        None if bodies.promotion.plan.repair => {}
        None => inventory
            .history
            .push(entry(journal, &bodies.promotion.plan, ending, now)),
    }
}

#[cfg(test)]
mod tests;
