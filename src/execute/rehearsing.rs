//! The rehearsal of a promotion: pods of its workloads' templates run one after the other, before anything of the release
//! is changed.
//!
//! All of them are named in the head before the first is created, and the head is as it was before once the last is gone:
//! a run that is killed in between leaves a head that says which pods there may be, and the next run deletes these first
//! (`left_rehearsal`). The head of before lies in that of the rehearsal, so that what could be reverted still can be.

use super::left_rehearsal::{delete_pod, restore_head};
use super::locks::Locks;
use super::sealing;
use super::services::{Interrupt, RunReport, Services};
use super::steps::Steps;
use super::store::StateStore;
use super::writer::{StoreError, Writer};
use crate::model::event::{Event, Phase, RunOutcome};
use crate::model::inventory::Inventory;
use crate::model::journal::{Head, Journal, JournalPhase};
use crate::model::moves::ReleaseRef;
use crate::model::plan::Plan;
use crate::model::rehearsal::{PlannedRehearsal, RehearsalOutcome, RehearsalResult};
use crate::model::run_end::{CurrentRelease, StateAfter};
use crate::monitor::{Rehearsed, StopReason};
use crate::observe::release_state::Stored;
use crate::observe::sealing::Sealing;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What a release keeps when its rehearsal begins.
pub(super) struct StateBefore<'a> {
    pub head: Option<&'a Stored<Head>>,
    pub inventory: &'a Inventory,
    pub sealing: &'a Sealing,
}

/// Why the pods are not tried any further.
enum Halt {
    /// One of them failed.
    Failed(String),
    /// A user wants to stop.
    Interrupted,
    /// Nothing can be written any more, or a user leaves at once: the pods are left to a later run.
    Left(String),
}

/// Tries the pods of a plan; the end where the promotion must not begin.
pub(super) async fn rehearse(
    plan: &Plan,
    state: &StateBefore<'_>,
    services: &Services,
    lock: &Arc<Locks>,
) -> Result<Option<RunReport>, StoreError> {
    let release = ReleaseRef::new(&plan.namespace, &plan.release.name);
    let writer = Writer::new(release, lock, services);
    // Ahead of a promotion that may be refused: a first seal vouches for nothing yet.
    let seal = sealing::prepare_seal(state.sealing, services.state_key.as_ref(), &writer).await?;
    let steps = Steps::new(lock, services, seal.key.content().clone());
    let store = StateStore::new(writer, seal);

    let before = state.head;
    let journal = journal(plan, &lock.holder, services);
    let head = Head::rehearsing(journal, before.map(|head| head.value.clone()));
    let known = before.map(Stored::handle);
    let stored = store.write_head(&head, known.as_ref()).await?;

    let mut rehearsal = Rehearsal {
        plan,
        journal: &head.current,
        services,
        lock,
        steps,
        results: Vec::new(),
    };
    let halt = rehearsal.run().await;
    let restored = match &halt {
        Some(Halt::Left(why)) => Err(why.clone()),
        // Of a pod that stays the head has to go on telling.
        _ => restore_head(&store, before, &stored)
            .await
            .map_err(|error| error.to_string()),
    };
    let after = StateAfter {
        current: CurrentRelease::from_entry(state.inventory.promoted()),
        rehearsed: rehearsal.results,
        ..StateAfter::default()
    };
    Ok(match restored {
        Err(why) => Some(unfinished(plan, &why, after)),
        Ok(()) => halt.map(|halt| ended(plan, halt, after)),
    })
}

/// The journal of a rehearsal: no promotion has begun.
fn journal(plan: &Plan, holder: &str, services: &Services) -> Journal {
    Journal {
        // Not the promotion's own: whoever is to resolve the one means nothing of the other.
        id: plan.rehearsal_id(),
        serial: 1,
        phase: JournalPhase::Rehearsing,
        message: "rehearsing; no object of the release was changed".into(),
        rehearsal: plan.rehearsals.iter().map(PlannedRehearsal::in_journal).collect(),
        ..Journal::new(plan, holder, (services.now)())
    }
}

struct Rehearsal<'a> {
    plan: &'a Plan,
    journal: &'a Journal,
    services: &'a Services,
    lock: &'a Locks,
    steps: Steps,
    results: Vec<RehearsalResult>,
}

impl Rehearsal<'_> {
    /// Tries one pod after the other, and deletes each; why it ended before the last.
    async fn run(&mut self) -> Option<Halt> {
        let began = Instant::now();
        let phase = Phase::Rehearse;
        self.services.events.emit(Event::PhaseStarted { phase });
        let mut halt = None;
        for planned in &self.plan.rehearsals {
            halt = self.try_one(planned).await;
            if halt.is_some() {
                break;
            }
        }
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.services.events.emit(Event::PhaseEnded { phase, millis });
        halt
    }

    async fn try_one(&mut self, planned: &PlannedRehearsal) -> Option<Halt> {
        self.services.events.emit(Event::RehearsalStarted {
            workload: planned.workload.clone(),
            template: planned.template,
            pod: planned.target.id(),
            without_network_policies: planned.without_network_policies.clone(),
        });
        let tried = self.run_pod(planned).await;
        if let Err(halt @ Halt::Left(_)) = tried {
            return Some(halt);
        }
        // However it went: nothing of it stays.
        let deleted = tokio::select! {
            deleted = self.delete(planned, tried.is_err()) => deleted,
            halt = self.left_at_once() => return Some(halt),
        };
        if let Err(error) = deleted {
            return Some(Halt::Left(error.to_string()));
        }

        let outcome = match tried {
            Ok(outcome) => outcome,
            Err(halt) => return Some(halt),
        };
        let result = RehearsalResult {
            workload: planned.workload.clone(),
            template: planned.template,
            pod: planned.target.id(),
            outcome,
        };
        self.services.events.emit(Event::RehearsalEnded(result.clone()));
        let halt = match &result.outcome {
            RehearsalOutcome::Failed { message } => {
                Some(Halt::Failed(format!("{}: {message}", planned.named())))
            }
            RehearsalOutcome::Ready | RehearsalOutcome::Unknown { .. } => None,
        };
        self.results.push(result);
        halt
    }

    /// Deletes a pod; where its creation was broken off, also one that is created only now.
    async fn delete(&self, planned: &PlannedRehearsal, is_broken_off: bool) -> Result<(), StoreError> {
        let (target, id) = (&planned.target, &self.journal.id);
        let was_there = delete_pod(target, id, &self.steps).await?;
        if is_broken_off && !was_there {
            sleep(self.services.limits.in_flight).await;
            delete_pod(target, id, &self.steps).await?;
        }
        Ok(())
    }

    /// Runs one pod, until it is ready or not for good.
    async fn run_pod(&self, planned: &PlannedRehearsal) -> Result<RehearsalOutcome, Halt> {
        let timeout = Duration::from_secs(planned.timeout_seconds.into());
        let rollout = &self.services.rollout;
        let tried = rollout.rehearse(&planned.target, &planned.pod, timeout, &self.steps);
        let tried = tokio::select! {
            tried = tried => tried.map_err(|problem| Halt::Left(problem.message()))?,
            halt = self.stopped() => return Err(halt),
        };
        Ok(match tried {
            Rehearsed::Ready => RehearsalOutcome::Ready,
            Rehearsed::Failed(failure) => RehearsalOutcome::Failed {
                message: failure.cause.message,
            },
            Rehearsed::Unknown(message) => RehearsalOutcome::Unknown { message },
        })
    }

    /// Ends where a user wants to stop, or the lock is lost.
    async fn stopped(&self) -> Halt {
        tokio::select! {
            wanted = self.wanted(Interrupt::Revert) => match wanted {
                Interrupt::Leave => aborted(),
                Interrupt::Revert | Interrupt::None => Halt::Interrupted,
            },
            () = self.lock.lost() => Halt::Left(StopReason::LockLost.message()),
        }
    }

    /// Ends where a user leaves at once, or the lock is lost: a pod that takes its time to go is not waited for then.
    async fn left_at_once(&self) -> Halt {
        tokio::select! {
            _ = self.wanted(Interrupt::Leave) => aborted(),
            () = self.lock.lost() => Halt::Left(StopReason::LockLost.message()),
        }
    }

    /// Waits until a user wants at least this.
    async fn wanted(&self, least: Interrupt) -> Interrupt {
        let mut interrupt = self.services.interrupt.clone();
        let wanted = interrupt
            .wait_for(|wanted| *wanted >= least)
            .await
            .map(|wanted| *wanted);
        match wanted {
            Ok(wanted) => wanted,
            // Nobody is left who could want anything.
            Err(_) => std::future::pending().await,
        }
    }
}

fn aborted() -> Halt {
    Halt::Left("aborted by a second Ctrl-C".into())
}

/// The end of a rehearsal after which no promotion follows.
fn ended(plan: &Plan, halt: Halt, after: StateAfter) -> RunReport {
    let name = format!("{} {}", plan.release.name, plan.release.version);
    let (outcome, message, hints) = match halt {
        Halt::Failed(why) => {
            let hint = "to promote without it: the same command without --rehearse".to_owned();
            let message = format!("rehearsal of {name} failed: {why}");
            (RunOutcome::RehearsalFailed, message, vec![hint])
        }
        Halt::Interrupted | Halt::Left(_) => {
            let message = format!("rehearsal of {name} interrupted; no object of the release was changed");
            (RunOutcome::InterruptedRolledBack, message, Vec::new())
        }
    };
    RunReport {
        outcome,
        message,
        after,
        hints,
    }
}

/// The end of a rehearsal whose pods may still be there.
fn unfinished(plan: &Plan, why: &str, after: StateAfter) -> RunReport {
    let (release, namespace) = (&plan.release, &plan.namespace);
    let resume = plan.operation.resume_command(&release.name, namespace);
    RunReport {
        outcome: RunOutcome::Unfinished,
        message: format!(
            "{why}; the rehearsal of {} {} is unfinished, and no object of the release was changed",
            release.name, release.version
        ),
        after,
        hints: vec![format!("to delete its pods: {resume}")],
    }
}
