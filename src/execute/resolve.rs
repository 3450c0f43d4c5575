//! Taking up what another run began: finishing it, or putting it back. And putting back what was finished.
//!
//! Everything comes out of the cluster, so it is looked at in this order: what its seal vouches for, then
//! what nothing but the state itself confirms. The journal is read under its lock; which other locks it needs
//! is known only then, so that all of them may have to be given back and taken anew, and everything is read
//! again. Nothing but locks is written before the run begins.

use super::api_versions;
use super::earlier_run::take_up;
use super::goal::{JournalGoal, OpenJournalAction, RevertOptions};
use super::left_rehearsal::end_left_rehearsal;
use super::locks::Locks;
use super::losing;
use super::moving;
use super::not_begun::{ExecuteError, locked};
use super::rollback_plan::{changed_since, plan_rollback};
use super::run::{Start, run};
use super::sealing;
use super::services::{RunReport, Services};
use super::unconfirmed::{Confirmed, Doubts, find_doubts};
use crate::model::event::RunOutcome;
use crate::model::journal::JournalPhase;
use crate::model::moves::ReleaseRef;
use crate::observe::release_state::read_release_state;
use std::sync::Arc;

/// Settles exactly the journal of this id, where it is still open once the lock is there: whoever held the lock may have
/// finished it meanwhile, and what is finished is not touched.
pub async fn resolve_open_journal(
    namespace: &str,
    name: &str,
    id: &str,
    action: OpenJournalAction,
    confirmed: Confirmed,
    services: &Services,
) -> Result<RunReport, ExecuteError> {
    let goal = match action {
        OpenJournalAction::Resume => JournalGoal::Resume(confirmed),
        OpenJournalAction::RollBack => JournalGoal::RollBack(RevertOptions {
            confirmed,
            ..RevertOptions::default()
        }),
    };
    act(&ReleaseRef::new(namespace, name), Some(id), &goal, services).await
}

/// Finishes what another run began: a promotion goes forward, a revert goes on putting back.
pub async fn resume(
    namespace: &str,
    name: &str,
    confirmed: Confirmed,
    services: &Services,
) -> Result<RunReport, ExecuteError> {
    act(
        &ReleaseRef::new(namespace, name),
        None,
        &JournalGoal::Resume(confirmed),
        services,
    )
    .await
}

/// Whether it is a finished promotion, nothing of which was put back yet.
fn begins_to_revert_what_was_promoted(start: &Start) -> bool {
    let journal = &start.head.current;
    journal.is_committed()
        && journal
            .reverting
            .as_ref()
            .is_some_and(|reverting| reverting.was_promoted)
}

/// Takes the locks, then the journal up. Which locks a journal needs is known once it is read under its own; another one may
/// be there when all of them are held.
pub(super) async fn act(
    release: &ReleaseRef,
    only: Option<&str>,
    goal: &JournalGoal,
    services: &Services,
) -> Result<RunReport, ExecuteError> {
    let mut others = Vec::new();
    loop {
        let locks = match Locks::take(services, release, &others).await {
            Ok(locks) => Arc::new(locks),
            Err(error) => return locked(error),
        };
        match under_locks(release, only, goal, &locks, services).await {
            Ok(Next::Run(start)) => return Ok(run(*start, locks, services).await),
            Ok(Next::MoreLocks(needed)) => {
                // The journal may be another one by the time these are held: nothing that was read is kept.
                locks.release().await;
                others = needed;
            }
            Ok(Next::End(report)) => {
                locks.release().await;
                return Ok(report);
            }
            Err(error) => {
                locks.release().await;
                return Err(error);
            }
        }
    }
}

/// What follows once the locks are held.
enum Next {
    Run(Box<Start>),
    /// Of the releases whose members the journal takes.
    MoreLocks(Vec<ReleaseRef>),
    End(RunReport),
}

async fn under_locks(
    release: &ReleaseRef,
    only: Option<&str>,
    goal: &JournalGoal,
    locks: &Arc<Locks>,
    services: &Services,
) -> Result<Next, ExecuteError> {
    let (cluster, name) = (services.cluster.as_ref(), &release.name);
    let home = read_release_state(cluster, &release.namespace, name, services.state_key.as_ref()).await?;
    if let Some(report) = sealing::stopped_by(&home.sealing, release) {
        return Ok(Next::End(report));
    }
    // Ahead of all else, whatever is wanted. What was to be resolved may have been just that; a revert goes on.
    if let Some(ended) = end_left_rehearsal(release, &home, services, locks).await?
        && (only.is_some() || matches!(goal, JournalGoal::Resume(_)))
    {
        return Ok(Next::End(ended));
    }
    // Whoever held the lock may have finished it while this run waited.
    if let Some(id) = only {
        let journal = home.head.map(|head| head.value.current);
        if !journal.is_some_and(|journal| journal.id == id && journal.is_open()) {
            let message = format!("the unfinished promotion of {name} was ended by another run");
            let report = RunReport::new(RunOutcome::NothingToDo, message, Vec::new());
            return Ok(Next::End(report));
        }
    }

    let mut start = match take_up(release, services, goal).await? {
        Ok(start) => start,
        Err(report) => return Ok(Next::End(report)),
    };

    let others = sources(&start, release);
    if !locks.hold(&others) {
        // Not even a lock of another release is touched before all of it is confirmed.
        confirmed_or_refused(&start, release, goal, services).await?;
        return Ok(Next::MoreLocks(others));
    }

    if let Some(report) = stopped(&start, release, goal, services).await? {
        return Ok(Next::End(report));
    }
    let doubts = confirmed_or_refused(&start, release, goal, services).await?;
    doubts.narrow(Arc::make_mut(&mut start.inputs.bodies));
    start.inputs.not_undone = doubts.not_undone;

    // Last of all, right before the run: what was agreed to is done, or nothing is.
    if let (Some(agreed), JournalGoal::RollBack(options)) = (goal.agreed(), goal) {
        let now = plan_rollback(&start, release, true, services).await?;
        if let Some(report) = changed_since(agreed, &now, options) {
            return Ok(Next::End(report));
        }
    }
    Ok(Next::Run(Box::new(start)))
}

/// The end where another release is in the way, an object cannot be reached, or data would go that nobody has allowed to
/// go.
pub(super) async fn stopped(
    start: &Start,
    release: &ReleaseRef,
    goal: &JournalGoal,
    services: &Services,
) -> Result<Option<RunReport>, ExecuteError> {
    if let Some(report) = moving::stopped_by(release, &start.inventory, services).await? {
        return Ok(Some(report));
    }
    if let Some(report) = api_versions::stopped_by(start, services).await {
        return Ok(Some(report));
    }
    if let Some(report) = moving::unfinished(&sources(start, release), services).await? {
        return Ok(Some(report));
    }
    Ok(match goal {
        // What was never finished was never in use: its undo takes away what it has made, and asks nobody.
        JournalGoal::RollBack(options) if begins_to_revert_what_was_promoted(start) => {
            losing::refusal(start, release, &options.allow_data_loss, services).await
        }
        _ => None,
    })
}

/// The releases whose members the journal takes, and whose locks it needs.
fn sources(start: &Start, release: &ReleaseRef) -> Vec<ReleaseRef> {
    // A promotion that is still being written down has told no other release of anything: of another namespace not even the
    // lock is touched on the word of its journal, and one that a killed run has left there expires.
    let journal = &start.head.current;
    let is_prepared = journal.phase != JournalPhase::Preparing;
    let mut others = journal.moves_from.clone();
    others.retain(|other| is_prepared || other.namespace == release.namespace);
    others
}

/// Refuses what state alone would do and nothing confirms; else what the run must take care of.
async fn confirmed_or_refused(
    start: &Start,
    release: &ReleaseRef,
    goal: &JournalGoal,
    services: &Services,
) -> Result<Doubts, ExecuteError> {
    let doubts = find_doubts(start, release, goal.confirmed(), services).await;
    if doubts.found.is_empty() {
        Ok(doubts)
    } else {
        Err(ExecuteError::Unconfirmed(doubts.found))
    }
}
