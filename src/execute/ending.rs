//! What a person is told at the end of a run: how it ended, in one sentence, and what to type next.
//!
//! Pure. It says no more than the journal, and what was read last.

use super::services::RunReport;
use crate::model::ObjectId;
use crate::model::event::RunOutcome;
use crate::model::journal::{Failure, Journal, JournalPhase, RollbackReason, StepProgress, UndoState};
use crate::model::phrase::list_first;
use crate::model::verification::VerificationSummary;

/// Something that is not as it was: what stays, and what is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remain {
    pub object: ObjectId,
    /// What follows the object's name in a sentence.
    pub message: String,
    /// What to type.
    pub hint: Option<String>,
}

impl Remain {
    pub(super) fn new(object: ObjectId, message: impl Into<String>) -> Self {
        Self {
            object,
            message: message.into(),
            hint: None,
        }
    }
}

/// What could not be put back, one sentence each.
pub(super) fn left_behind(journal: &Journal) -> Vec<String> {
    let left = |step: &StepProgress| match &step.undo {
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

pub(super) fn promoted(
    journal: &Journal,
    verification: Option<&VerificationSummary>,
    unpruned: &[String],
) -> RunReport {
    let undo = in_namespace(journal, "revert");
    let verified = verification.map(|summary| format!(": {}", summary.message));
    let verified = verified.unwrap_or_default();

    if unpruned.is_empty() {
        let message = format!(
            "promoted {} as revision {}{verified}",
            named(journal),
            journal.revision
        );
        return RunReport {
            outcome: RunOutcome::Promoted,
            message,
            next: vec![undo],
        };
    }

    let message = format!(
        "promoted {}{verified}; not everything could be pruned: {}",
        named(journal),
        unpruned.join("; ")
    );
    RunReport {
        outcome: RunOutcome::PromotedPruneIncomplete,
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
    (!all.is_empty()).then(|| list_first(all.iter(), NAMED, "; "))
}

pub(super) fn reverted(
    journal: &Journal,
    not_ready_again: Option<&Failure>,
    remains: &[Remain],
) -> RunReport {
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
        return RunReport {
            outcome: RunOutcome::NotFullyReverted,
            message,
            next: ways_to_finish(journal, remains),
        };
    }
    // Every object is what it was; but what was well and is not any more was not put back.
    if let Some(failure) = not_ready_again {
        let message = format!(
            "every object of {} is what it was{why}, and something is not as well as it was: {}",
            named(journal),
            failure.cause.message
        );
        return RunReport {
            outcome: RunOutcome::NotFullyReverted,
            message,
            next: vec![in_namespace(journal, "status")],
        };
    }

    let interrupted = journal
        .reverting
        .as_ref()
        .is_some_and(|r| r.why == RollbackReason::Interrupted);
    let outcome = if interrupted {
        RunOutcome::InterruptedReverted
    } else {
        RunOutcome::Reverted
    };

    let message = match not_as_before(journal, remains) {
        None => format!("put back {}: everything is as before{why}", named(journal)),
        Some(what) => format!("put back {}{why}; not as before: {what}", named(journal)),
    };
    RunReport {
        outcome,
        message,
        next: remains.iter().filter_map(|remain| remain.hint.clone()).collect(),
    }
}

/// What to type where something is left: by hand, or once more.
fn ways_to_finish(journal: &Journal, remains: &[Remain]) -> Vec<String> {
    let by_hand = journal.steps.iter().filter_map(|step| match &step.undo {
        UndoState::Left { by_hand, .. } => Some(by_hand.clone()),
        _ => None,
    });

    let mut next: Vec<String> = by_hand.flatten().collect();
    next.dedup();
    next.extend(remains.iter().filter_map(|remain| remain.hint.clone()));
    next.push(in_namespace(journal, "revert"));
    next
}

pub(super) fn past_barrier(journal: &Journal, barrier: &str) -> RunReport {
    let why = journal
        .failure
        .as_ref()
        .map(|failure| failure.cause.message.clone());
    let message = format!(
        "{} failed past a step that cannot be undone ({barrier}): {}",
        named(journal),
        why.unwrap_or_else(|| "interrupted".into())
    );
    RunReport {
        outcome: RunOutcome::NotFullyReverted,
        message,
        next: ways_on(journal),
    }
}

/// The end of a promotion that was told to leave its failure standing.
pub(super) fn stopped(journal: &Journal) -> RunReport {
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
    RunReport {
        outcome: RunOutcome::NotFullyReverted,
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

pub(super) fn left(journal: &Journal, why: &str) -> RunReport {
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
    RunReport {
        outcome: RunOutcome::Left,
        message,
        next,
    }
}
