//! A revert: what it would do, and then just that.
//!
//! A finished promotion is planned first, without a lock and without a write; an unfinished one goes on as its journal
//! says, and asks nobody. What holds it up is looked for before it is asked about, and once more under the lock.

use super::earlier_run::take_up;
use super::goal::{JournalGoal, RevertOptions};
use super::lock::Lock;
use super::not_begun::{ExecuteError, locked};
use super::resolve::{act, stopped};
use super::rollback_plan::plan_rollback;
use super::services::{RunReport, Services};
use super::unconfirmed::{Unconfirmed, find_doubts};
use crate::model::journal::Journal;
use crate::model::moves::ReleaseRef;
use crate::model::rollback_plan::RollbackPlan;
use crate::model::run_end::CurrentRelease;
use crate::observe::release_state::read_release_state;

/// What a revert comes to next.
pub enum NextRevert {
    /// The promotion of this journal is unfinished.
    Unfinished(String),
    /// A promotion would be undone.
    Planned(Box<RevertPlan>),
    /// It must not begin.
    Ended(RunReport),
}

/// What a revert would do, and what holds it up.
pub struct RevertPlan {
    /// What it would do.
    pub plan: RollbackPlan,
    /// What nothing but the state in the cluster says.
    pub unconfirmed: Vec<Unconfirmed>,
    /// What is promoted.
    pub current: CurrentRelease,
    /// Why it must not begin.
    pub refusal: Option<RunReport>,
}

/// Whether a revert writes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevertMode {
    /// It does, once its plan is agreed to.
    Run,
    /// It is planned from what is read alone.
    Predict,
    /// It is planned, and the server dry-runs what would be written.
    DryRun,
}

/// What a revert of a release comes to. Nothing of the release is written; a run that holds its lock is waited for.
pub async fn plan_revert(
    release: &ReleaseRef,
    options: &RevertOptions,
    mode: RevertMode,
    services: &Services,
) -> Result<NextRevert, ExecuteError> {
    let ReleaseRef { namespace, name } = release;
    let cluster = services.cluster.as_ref();
    if mode == RevertMode::Run {
        // What another run is doing is what would be reverted, and a killed one has left its lock.
        if let Err(error) = Lock::wait_for_other_run(services, release).await {
            return locked(error).map(NextRevert::Ended);
        }
        let home = read_release_state(cluster, namespace, name, services.state_key.as_ref()).await?;
        // Of both: a rehearsal that was left is ended first, and what it was to lead to never began.
        let current = home.rehearsal.map(|rehearsal| rehearsal.value);
        let current = current.or_else(|| home.head.map(|head| head.value.current));
        let open = current.filter(Journal::is_open);
        if let Some(open) = open {
            return Ok(NextRevert::Unfinished(open.id));
        }
    }

    let goal = JournalGoal::RollBack(options.clone());
    let start = match take_up(release, services, &goal).await? {
        Ok(start) => start,
        Err(report) => return Ok(NextRevert::Ended(report)),
    };
    let asks_server = mode != RevertMode::Predict;
    let plan = plan_rollback(&start, release, asks_server, services).await?;
    let doubts = find_doubts(&start, release, &options.confirmed, services).await;
    Ok(NextRevert::Planned(Box::new(RevertPlan {
        plan,
        unconfirmed: doubts.found,
        current: CurrentRelease::from_entry(start.inventory.promoted()),
        refusal: stopped(&start, release, &goal, services).await?,
    })))
}

/// Undoes a promotion: an unfinished one, of this journal, or what the agreed plan is of.
pub async fn revert(
    release: &ReleaseRef,
    unfinished: Option<&str>,
    options: RevertOptions,
    services: &Services,
) -> Result<RunReport, ExecuteError> {
    act(release, unfinished, &JournalGoal::RollBack(options), services).await
}
