//! What a run leaves behind: the inventory, the history, and what a person is told at the end.
//!
//! Pure. The set is widened before anything is made and narrowed after it is gone, so that a run that dies at
//! any point leaves no object that nobody would prune. The history's entry is the commit; what people are
//! told says no more than the journal, and what was read last.

use super::reread::Remain;
use super::services::Ended;
use crate::model::Target;
use crate::model::bundle::Bundle;
use crate::model::event::Outcome;
use crate::model::format::{FormatVersion, Rest};
use crate::model::inventory::{HistoryEntry, Inventory};
use crate::model::journal::{Ending, Failure, Journal, JournalPhase, RevertReason, StepState, UndoState};
use crate::model::plan::{Plan, Waiver};
use crate::observe::home::Bodies;
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

fn entry(journal: &Journal, plan: &Plan, ending: Ending, now: Timestamp) -> HistoryEntry {
    HistoryEntry {
        format_version: FormatVersion::default(),
        rest: Rest::new(),
        revision: journal.revision,
        id: journal.id.clone(),
        release: journal.release.clone(),
        actor: journal.actor.clone(),
        started_at: journal.started_at,
        ended_at: now,
        ending,
        failure: journal.failure.clone().map(in_short),
        message: String::new(),
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

/// The history is kept for long, in one object: a cause is told there in so many characters.
fn in_short(mut failure: Failure) -> Failure {
    if let Some((end, _)) = failure.cause.message.char_indices().nth(CAUSE) {
        failure.cause.message.truncate(end);
        failure.cause.message.push('…');
    }
    failure
}

/// The history says that the release is promoted: from here on only forward.
pub(super) fn commit(inventory: &mut Inventory, journal: &Journal, plan: &Plan, now: Timestamp) {
    // However often it was tried, it has one entry.
    inventory.history.retain(|entry| entry.id != journal.id);
    inventory
        .history
        .push(entry(journal, plan, Ending::Promoted, now));
    // Without deletions nothing of before stays a member.
    if journal.steps.iter().all(|step| !step.prune) {
        inventory.members = plan.members.clone();
    }
}

/// Takes out of the set what was pruned.
pub(super) fn drop_pruned_members(inventory: &mut Inventory, journal: &Journal, plan: &Plan, ending: Ending) {
    // It is still there: a later promotion tries again, as long as it is a member.
    let stays = |step: &&crate::model::journal::StepProgress| {
        step.prune && !matches!(step.state, StepState::Done { .. })
    };
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

/// Drops the oldest entries, but never what is promoted now; the records that go with them.
pub(super) fn trim(inventory: &mut Inventory, keep: usize) -> Vec<Bundle> {
    let too_many = inventory.history.len().saturating_sub(keep.max(1));
    // However old it is, what runs is never forgotten.
    let promoted = inventory.promoted().map(|entry| entry.id.clone());
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
        Ending::Reverted
    } else {
        Ending::NotFullyReverted
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
            entry.message = format!("put back at {now}");
        }
        // A promotion that never got to touch anything is no promotion, unless there is a cause to remember.
        None if nothing_sent && journal.failure.is_none() => {}
        None => inventory
            .history
            .push(entry(journal, &bodies.promotion.plan, ending, now)),
    }
}

/// What could not be put back, one sentence each.
pub(super) fn left_behind(journal: &Journal) -> Vec<String> {
    let left = |step: &crate::model::journal::StepProgress| match &step.undo {
        UndoState::Left { why, .. } => Some(format!("{}: {why}", step.target)),
        _ => None,
    };
    journal.steps.iter().filter_map(left).collect()
}

fn named(journal: &Journal) -> String {
    format!("{} {}", journal.release.name, journal.release.version)
}

fn in_namespace(journal: &Journal, command: &str) -> String {
    format!(
        "kubectl delivery {command} {} -n {}",
        journal.release.name, journal.namespace
    )
}

pub(super) fn promoted(journal: &Journal, unpruned: &[String]) -> Ended {
    let undo = in_namespace(journal, "revert");

    if unpruned.is_empty() {
        let message = format!("promoted {} as revision {}", named(journal), journal.revision);
        return Ended {
            outcome: Outcome::Promoted,
            message,
            next: vec![undo],
        };
    }

    let message = format!(
        "promoted {}; not everything could be pruned: {}",
        named(journal),
        unpruned.join("; ")
    );
    Ended {
        outcome: Outcome::PromotedPruneIncomplete,
        message,
        next: vec![undo],
    }
}

/// Names in one sentence; the rest is counted.
const NAMED: usize = 10;

/// What is not as it was, a sentence each: what its undo said of each object, and what was found when all was read again.
fn not_as_before(journal: &Journal, remains: &[Remain]) -> Option<String> {
    let noted = journal.steps.iter().flat_map(|step| match &step.undo {
        UndoState::Done { notes, .. } => notes
            .iter()
            .map(|note| format!("{}: {note}", step.target))
            .collect(),
        _ => Vec::new(),
    });
    let remains = remains
        .iter()
        .map(|remain| format!("{} {}", remain.object, remain.message));
    let all: Vec<String> = noted.chain(remains).collect();
    match all.len() {
        0 => None,
        1..=NAMED => Some(all.join("; ")),
        count => Some(format!("{}; and {} more", all[..NAMED].join("; "), count - NAMED)),
    }
}

pub(super) fn reverted(journal: &Journal, unwell: Option<&Failure>, remains: &[Remain]) -> Ended {
    let why = journal
        .failure
        .as_ref()
        .map(|failure| format!(" ({})", failure.cause.message));
    let why = why.unwrap_or_default();

    let left = left_behind(journal);
    // Ahead of all else: as long as something is left, nothing else of the end matters.
    if !left.is_empty() {
        let message = format!(
            "not everything of {} could be put back{why}: {}",
            named(journal),
            left.join("; ")
        );
        let by_hand = journal.steps.iter().filter_map(|step| match &step.undo {
            UndoState::Left { by_hand, .. } => Some(by_hand.clone()),
            _ => None,
        });

        let mut next: Vec<String> = by_hand.flatten().collect();
        next.dedup();
        next.extend(remains.iter().filter_map(|remain| remain.hint.clone()));
        next.push(in_namespace(journal, "revert"));
        return Ended {
            outcome: Outcome::NotFullyReverted,
            message,
            next,
        };
    }
    // Every object is what it was; but what was well and is not any more was not put back.
    if let Some(failure) = unwell {
        let message = format!(
            "every object of {} is what it was{why}, and something is not as well as it was: {}",
            named(journal),
            failure.cause.message
        );
        return Ended {
            outcome: Outcome::NotFullyReverted,
            message,
            next: vec![in_namespace(journal, "status")],
        };
    }

    let interrupted = journal
        .reverting
        .as_ref()
        .is_some_and(|r| r.why == RevertReason::Interrupted);
    let outcome = if interrupted {
        Outcome::InterruptedReverted
    } else {
        Outcome::Reverted
    };

    let message = match not_as_before(journal, remains) {
        None => format!("put back {}: everything is as before{why}", named(journal)),
        Some(what) => format!("put back {}{why}; not as before: {what}", named(journal)),
    };
    Ended {
        outcome,
        message,
        next: remains.iter().filter_map(|remain| remain.hint.clone()).collect(),
    }
}

pub(super) fn past_barrier(journal: &Journal, barrier: &str) -> Ended {
    let why = journal
        .failure
        .as_ref()
        .map(|failure| failure.cause.message.clone());
    let message = format!(
        "{} failed past a step that cannot be undone ({barrier}): {}",
        named(journal),
        why.unwrap_or_else(|| "interrupted".into())
    );
    Ended {
        outcome: Outcome::NotFullyReverted,
        message,
        next: ways_on(journal),
    }
}

/// The end of a promotion that was told to leave its failure standing.
pub(super) fn stopped(journal: &Journal) -> Ended {
    let why = journal
        .failure
        .as_ref()
        .map(|failure| failure.cause.message.clone())
        .unwrap_or_default();
    let message = format!(
        "promotion of {} failed: {why}; left standing, and unfinished",
        named(journal)
    );

    let mut next = vec![in_namespace(journal, "status")];
    next.extend(ways_on(journal));
    Ended {
        outcome: Outcome::NotFullyReverted,
        message,
        next,
    }
}

/// What to type about a promotion that stopped half-way.
fn ways_on(journal: &Journal) -> Vec<String> {
    let mut next = vec![
        format!(
            "kubectl delivery promote --resume {} -n {}",
            journal.release.name, journal.namespace
        ),
        in_namespace(journal, "revert"),
    ];

    let failed = journal
        .failure
        .as_ref()
        .and_then(|failure| failure.object.as_ref());
    // A Job that failed does not run again by itself: it has to be gone first.
    if let Some(job) = failed.filter(|object| object.kind == "Job" && object.group == "batch") {
        let namespace = job
            .namespace
            .as_ref()
            .map(|name| format!(" -n {name}"))
            .unwrap_or_default();
        let name = job.kubectl_name();
        next.insert(0, format!("kubectl logs {name}{namespace}"));
        next.insert(
            1,
            format!("kubectl delete {name}{namespace}   # --resume runs it again"),
        );
    }
    next
}

pub(super) fn left(journal: &Journal, why: &str) -> Ended {
    // A revert that was begun is gone on with, and never turned forward again.
    let next = if journal.phase == JournalPhase::Reverting {
        vec![in_namespace(journal, "revert")]
    } else {
        vec![
            format!(
                "kubectl delivery promote --resume {} -n {}",
                journal.release.name, journal.namespace
            ),
            in_namespace(journal, "revert"),
        ]
    };

    let message = format!(
        "{why}; the journal of {} is open, and a later run can finish or undo it",
        named(journal)
    );
    Ended {
        outcome: Outcome::Left,
        message,
        next,
    }
}

#[cfg(test)]
mod tests;
