//! What a user reads at the end of a run: how it ended, in one sentence, and what to type next.
//!
//! Pure. It says no more than the journal, and what was read last. What is promoted afterwards is data, for whoever shows it.

use super::services::RunReport;
use super::state_after::{RolledBackState, after_promotion, while_open};
use crate::model::event::RunOutcome;
use crate::model::inventory::Inventory;
use crate::model::journal::{Failure, Journal, JournalPhase, RollbackReason, StepProgress, UndoState};
use crate::model::release::PublicRelease;
use crate::model::run_end::CurrentRelease;
use crate::model::verification::VerificationSummary;

/// What could not be restored or deleted, one sentence each.
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
    let verified = verification.map(|summary| format!(": {}", summary.message));
    let (outcome, unpruned) = if unpruned.is_empty() {
        (RunOutcome::Promoted, String::new())
    } else {
        let unpruned = format!("; prune incomplete: {}", unpruned.join("; "));
        (RunOutcome::PromotedPruneIncomplete, unpruned)
    };

    RunReport {
        outcome,
        message: format!(
            "promoted {} as revision {}{}{unpruned}",
            named(journal),
            journal.revision,
            verified.unwrap_or_default()
        ),
        after: after_promotion(journal),
        hints: vec![format!("to revert it: {}", in_namespace(journal, "revert"))],
    }
}

pub(super) fn repaired(journal: &Journal, verification: Option<&VerificationSummary>) -> RunReport {
    let verified = verification.map(|summary| format!(": {}", summary.message));
    RunReport {
        outcome: RunOutcome::Repaired,
        message: format!(
            "repaired {} (revision {}){}",
            named(journal),
            journal.revision,
            verified.unwrap_or_default()
        ),
        after: after_promotion(journal),
        hints: vec![format!(
            "to see what is running: {}",
            in_namespace(journal, "status")
        )],
    }
}

pub(super) fn deleted(journal: &Journal) -> RunReport {
    let forget = in_namespace(journal, "forget");
    RunReport {
        outcome: RunOutcome::Deleted,
        message: format!("deleted {}; no release is promoted", named(journal)),
        after: after_promotion(journal),
        hints: vec![
            format!("to revert it: {}", in_namespace(journal, "revert")),
            format!("to delete its history and what a revert restores, too: {forget} --manager kubectl"),
        ],
    }
}

pub(super) fn rolled_back(state: &RolledBackState<'_>) -> RunReport {
    let journal = state.journal;
    let after = state.state_after();
    let not_ready = after.rollback.as_ref().and_then(|one| one.not_ready.clone());

    let reason = rollback_reason(journal);
    let incomplete = if is_revert(journal) {
        RunOutcome::RevertIncomplete
    } else {
        RunOutcome::RollbackIncomplete
    };

    let left = left_behind(journal);
    // Ahead of all else: as long as something is left, nothing else of the end matters.
    if !left.is_empty() {
        return RunReport {
            outcome: incomplete,
            message: format!(
                "{} of {} incomplete: {}",
                rollback_noun(journal),
                named(journal),
                left.join("; ")
            ),
            after,
            hints: ways_to_finish(state),
        };
    }

    let mut hints: Vec<String> = state.remains.iter().filter_map(|one| one.hint.clone()).collect();
    // Without a promoted release nothing of it runs: what was tried is in the history.
    hints.push(if not_ready.is_some() || after.current != CurrentRelease::None {
        format!("to see what is running: {}", in_namespace(journal, "status"))
    } else {
        format!("to see past promotions: {}", in_namespace(journal, "history"))
    });
    let outcome = match reason {
        // Every object is restored; but what was ready and is not any more was not brought back.
        _ if not_ready.is_some() => incomplete,
        RollbackReason::Asked => RunOutcome::Reverted,
        RollbackReason::Interrupted => RunOutcome::InterruptedRolledBack,
        RollbackReason::Failed => RunOutcome::RolledBack,
    };
    RunReport {
        outcome,
        message: rolled_back_message(journal, not_ready.as_deref()),
        after,
        hints,
    }
}

/// Why a promotion ended; of a revert, that it is done.
fn rolled_back_message(journal: &Journal, not_ready: Option<&str>) -> String {
    let (name, run) = (named(journal), journal.operation.noun());
    match (rollback_reason(journal), &journal.failure, not_ready) {
        (RollbackReason::Asked, _, None) => format!("reverted {name}"),
        (RollbackReason::Asked, _, Some(what)) => format!("reverted {name}, but {what}"),
        (RollbackReason::Interrupted, ..) => format!("{run} of {name} interrupted"),
        (RollbackReason::Failed, Some(failure), _) => {
            format!("{run} of {name} failed: {}", cause(failure))
        }
        // Its parts may be missing, so that no later run can go on with it.
        (RollbackReason::Failed, None, _) => {
            format!("{run} of {name} failed: the run that began it ended before its journal was complete")
        }
    }
}

/// What failed, the object first.
fn cause(failure: &Failure) -> String {
    let message = &failure.cause.message;
    match &failure.object {
        Some(object) if !message.starts_with(&object.to_string()) => format!("{object}: {message}"),
        _ => message.clone(),
    }
}

fn rollback_reason(journal: &Journal) -> RollbackReason {
    let reverting = journal.reverting.as_ref();
    reverting.map_or(RollbackReason::Failed, |reverting| reverting.why)
}

/// Whether a user has asked for it: what they asked for is a revert, anything else a rollback.
pub(super) fn is_revert(journal: &Journal) -> bool {
    rollback_reason(journal) == RollbackReason::Asked
}

fn rollback_noun(journal: &Journal) -> &'static str {
    if is_revert(journal) { "revert" } else { "rollback" }
}

/// What to type where something is left: by hand, or once more.
fn ways_to_finish(state: &RolledBackState<'_>) -> Vec<String> {
    let journal = state.journal;
    let by_hand = journal.steps.iter().filter_map(|step| match &step.undo {
        UndoState::Left { by_hand, .. } => Some(by_hand.clone()),
        _ => None,
    });

    let mut hints: Vec<String> = by_hand.flatten().collect();
    hints.dedup();
    hints.extend(state.remains.iter().filter_map(|remain| remain.hint.clone()));
    hints.push(format!("to try again: {}", in_namespace(journal, "revert")));
    hints
}

/// The end of a promotion that failed after a step that cannot be undone.
pub(super) fn after_irreversible_step(journal: &Journal, inventory: &Inventory, step: &str) -> RunReport {
    let (name, run) = (named(journal), journal.operation.noun());
    let message = match &journal.failure {
        Some(failure) => format!(
            "{run} of {name} failed after an irreversible step ({step}) and was not rolled back: {}",
            cause(failure)
        ),
        None => {
            format!("{run} of {name} interrupted after an irreversible step ({step}) and was not rolled back")
        }
    };
    RunReport {
        outcome: RunOutcome::RollbackIncomplete,
        message,
        after: while_open(journal, inventory),
        hints: ways_on_after_failure(journal),
    }
}

/// The end of a promotion that leaves its failure standing, as it was asked to.
pub(super) fn stopped(journal: &Journal, inventory: &Inventory) -> RunReport {
    let cause = journal.failure.as_ref().map(cause).unwrap_or_default();
    let status = format!("to look at the failure: {}", in_namespace(journal, "status"));
    let mut hints = vec![status];
    hints.extend(ways_on_after_failure(journal));

    RunReport {
        outcome: RunOutcome::RollbackIncomplete,
        message: format!(
            "{} of {} failed and was not rolled back (--on-failure=stop): {cause}",
            journal.operation.noun(),
            named(journal)
        ),
        after: while_open(journal, inventory),
        hints,
    }
}

/// What to type about an unfinished promotion.
pub fn ways_on(journal: &Journal) -> Vec<String> {
    let revert = in_namespace(journal, "revert");
    // A rollback that has begun is ended, and never turned forward again.
    if journal.phase == JournalPhase::Reverting {
        return vec![format!("to resume it: {revert}")];
    }
    let PublicRelease { name, .. } = &journal.release;
    let resume = journal.operation.resume_command(name, &journal.namespace);
    vec![
        format!("to resume it: {resume}"),
        format!("to revert it: {revert}"),
    ]
}

/// That a promotion is unfinished, by whom, and how far it came.
pub fn describe_unfinished(journal: &Journal) -> String {
    format!(
        "the {} of {} by {} is unfinished ({})",
        journal.operation.noun(),
        named(journal),
        journal.actor,
        journal.message
    )
}

fn ways_on_after_failure(journal: &Journal) -> Vec<String> {
    let failed = journal
        .failure
        .as_ref()
        .and_then(|failure| failure.object.as_ref());

    let mut hints = Vec::new();
    // A Job that failed does not run again by itself: it has to be gone first.
    if let Some(job) = failed.filter(|object| object.kind == "Job" && object.group == "batch") {
        let namespace = job
            .namespace
            .as_ref()
            .map(|name| format!(" -n {name}"))
            .unwrap_or_default();
        let name = job.kubectl_name();
        hints.push(format!("kubectl logs {name}{namespace}"));
        hints.push(format!(
            "kubectl delete {name}{namespace}   # --resume runs it again"
        ));
    }
    hints.extend(ways_on(journal));
    hints
}

/// The end of a run that cannot go on: its journal stays open.
pub(super) fn unfinished(journal: &Journal, inventory: &Inventory, why: &str) -> RunReport {
    let noun = match journal.phase {
        JournalPhase::Reverting => rollback_noun(journal),
        _ => journal.operation.noun(),
    };
    RunReport {
        outcome: RunOutcome::Unfinished,
        message: format!("{why}; the {noun} of {} is unfinished", named(journal)),
        after: while_open(journal, inventory),
        hints: ways_on(journal),
    }
}
