//! The plan of a revert: the undo of every step, run on a cluster that is only read.
//!
//! The same code undoes the steps in a run. What it would write is found in the simulated cluster afterwards, so that no rule of
//! an undo stands here a second time. Once the lock is held the plan is made again, and what a user has agreed to is
//! done, or nothing is.

use super::goal::RevertOptions;
use super::not_begun::{ExecuteError, refused};
use super::order::restore_then_delete;
use super::retry_budget::RetryBudget;
use super::run::Start;
use super::services::{RunReport, Services};
use super::simulated_cluster::{SimulatedCluster, SimulatedOutcome};
use super::steps::Steps;
use super::undo::Undoing;
use super::undo_job::UndoJob;
use crate::model::StepId;
use crate::model::journal::{StepPart, StepProgress, UndoState};
use crate::model::moves::ReleaseRef;
use crate::model::phrase::list_first;
use crate::model::plan::Undo;
use crate::model::rollback_plan::{RollbackAction, RollbackPlan, RollbackStep};
use crate::monitor::{Heartbeat, StopReason};
use crate::objects::differing;
use futures::future::try_join_all;
use std::sync::Arc;
use std::time::Duration;

/// Objects that are named where a plan no longer holds.
const NAMED: usize = 10;

/// What undoing the journal's steps comes to. `asks_server`: whether what would be written is dry-run by the server.
pub(super) async fn plan_rollback(
    start: &Start,
    release: &ReleaseRef,
    asks_server: bool,
    services: &Services,
) -> Result<RollbackPlan, ExecuteError> {
    let journal = &start.head.current;
    let simulated = Arc::new(SimulatedCluster::new(services.cluster.clone(), asks_server));
    let planning = Planning {
        start,
        steps: Steps {
            cluster: simulated.clone(),
            patience: RetryBudget::without_lock(services),
            gone: Duration::ZERO,
            heartbeat: Arc::new(Heartbeat::new(services.events.clone())),
            content: start.seal.key.content().clone(),
        },
        simulated,
        release,
    };

    let mut steps: Vec<RollbackStep> = Vec::new();
    // One group after the other, as in a run: what is undone first is seen by what comes after it.
    for group in restore_then_delete(journal, &start.inputs.bodies) {
        if group.follow {
            continue;
        }
        let planned = try_join_all(group.steps.iter().map(|id| planning.plan_step(*id))).await;
        let planned = planned.map_err(|problem| ExecuteError::NotPlanned(problem.message()))?;
        for step in planned.into_iter().flatten() {
            // A step that deletes what another step of its plan made is about the same object.
            if !steps.iter().any(|known| known.object == step.object) {
                steps.push(step);
            }
        }
    }

    Ok(RollbackPlan {
        promotion: journal.id.clone(),
        operation: journal.operation,
        release: journal.release.clone(),
        cluster: services.cluster.identity(&journal.namespace),
        revision: journal.revision,
        steps,
        promoted_after: start
            .inventory
            .promoted_without(&journal.id)
            .map(|entry| entry.named()),
    })
}

/// The end where what was agreed to is no longer what would be done.
pub(super) fn changed_since(
    agreed: &RollbackPlan,
    now: &RollbackPlan,
    options: &RevertOptions,
) -> Option<RunReport> {
    let what = if agreed.promotion == now.promotion {
        let objects = agreed.differing_objects(now);
        if objects.is_empty() {
            return None;
        }
        list_first(objects.iter(), NAMED, ", ")
    } else {
        format!("another run on {} has ended", now.release.name)
    };

    let message = format!("the cluster changed since the plan was made: {what}; nothing was changed");
    // Without them another revert would be planned.
    let number = options
        .undo_revision
        .map(|revision| format!(" --undo-revision {revision}"));
    let keep = if options.keep_foreign {
        " --keep-foreign"
    } else {
        ""
    };
    let next = format!(
        "kubectl delivery revert {} -n {}{}{keep}",
        now.release.name,
        now.cluster.namespace,
        number.unwrap_or_default()
    );
    Some(refused(message, vec![next]))
}

struct Planning<'a> {
    start: &'a Start,
    steps: Steps,
    simulated: Arc<SimulatedCluster>,
    release: &'a ReleaseRef,
}

impl Planning<'_> {
    /// What becomes of a step's object; none where nothing does, and nothing has to be known.
    async fn plan_step(&self, id: StepId) -> Result<Option<RollbackStep>, StopReason> {
        let journal = &self.start.head.current;
        let part = self.start.inputs.bodies.steps.get(&id);
        let (Some(part), Some(progress)) = (part, journal.step(id)) else {
            return Ok(None);
        };
        let state = self.undo(part, progress).await?;
        let outcome = self.simulated.outcome(&part.step.target.id());
        Ok(planned(part, state, outcome))
    }

    async fn undo(&self, part: &StepPart, progress: &StepProgress) -> Result<UndoState, StopReason> {
        let journal = &self.start.head.current;
        let undoing = Undoing {
            fence: self.start.inputs.fence,
            ..Undoing::from_journal(&self.steps, journal, self.release, &self.start.inventory)
        };
        let Undo::Run { job } = &part.step.undo else {
            return undoing.undo(part, progress).await;
        };

        let job = UndoJob::new(job, part, &journal.id);
        let (mut state, is_needed) = undoing.undo_ahead_of_job(&job, part, progress).await?;
        if let UndoState::Done { notes, .. } = &mut state
            && is_needed
        {
            notes.push(format!("{} is run, which undoes it", job.target));
        }
        Ok(state)
    }
}

/// An undo that was simulated, as a step of the plan.
fn planned(part: &StepPart, state: UndoState, outcome: SimulatedOutcome) -> Option<RollbackStep> {
    let SimulatedOutcome { live, after } = outcome;
    let is_written = after.is_some();
    let restored = after.flatten();

    let (action, notes) = match state {
        UndoState::Pending => return None,
        UndoState::Left { why, .. } => (RollbackAction::NotReverted, vec![why]),
        // The release namespace is deleted at the very end, and not by its step.
        UndoState::Done { notes, content } if content.is_empty() && live.is_some() => {
            (RollbackAction::Delete, notes)
        }
        UndoState::Done { notes, .. } if !is_written => {
            (!notes.is_empty()).then_some((RollbackAction::Leave, notes))?
        }
        UndoState::Done { notes, .. } => {
            let uid = |object: &Option<_>| object.as_ref().map(crate::model::Object::uid).map(str::to_owned);
            let action = if uid(&live) == uid(&restored) {
                RollbackAction::Restore
            } else {
                RollbackAction::Recreate
            };
            (action, notes)
        }
    };

    let changes = match (action, &live, &restored) {
        (RollbackAction::Restore, Some(live), Some(restored)) => differing(live, restored),
        _ => Vec::new(),
    };
    // Admission writes these anew at each request.
    let changes = changes
        .into_iter()
        .filter(|path| !part.step.stamps.contains(path));
    Some(RollbackStep {
        object: part.step.target.id(),
        action,
        changes: changes.collect(),
        live,
        restored,
        notes,
    })
}
