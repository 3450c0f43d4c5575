//! What a rehearsal leaves: its pods, and a head that names them. The run itself takes it away, or the one after a run
//! that was killed.
//!
//! A pod is deleted only where it carries the mark of this very rehearsal: what the state names alone is no reason to
//! delete a pod of another client.

use super::locks::Locks;
use super::not_begun::ExecuteError;
use super::outcome::StepOutcome;
use super::process::Holder;
use super::sealing;
use super::services::{RunReport, Services};
use super::steps::Steps;
use super::store::StateStore;
use super::writer::{StoreError, Writer};
use crate::model::Target;
use crate::model::event::{Event, RunOutcome};
use crate::model::journal::{Head, Journal};
use crate::model::moves::ReleaseRef;
use crate::model::names::REHEARSAL_ANNOTATION;
use crate::model::phrase::list_first;
use crate::monitor::{MonitorContext, MonitorWrite, WriteAnswer};
use crate::observe::release_state::{ReleaseState, Stored};
use std::sync::Arc;
use tokio::time::sleep;

/// Pods that a sentence names.
const NAMED: usize = 10;

/// Takes away what a killed run has left of a rehearsal, under the lock: its pods first, then what the head says of them.
/// None where there is nothing.
pub(super) async fn end_left_rehearsal(
    release: &ReleaseRef,
    state: &ReleaseState,
    services: &Services,
    lock: &Arc<Locks>,
) -> Result<Option<RunReport>, ExecuteError> {
    let (Some(left), Some(seal)) = (&state.rehearsal, sealing::known_seal(&state.sealing)) else {
        return Ok(None);
    };
    let journal = &left.value;
    // Its last request may be on its way.
    if !Holder::parse(&journal.holder).is_some_and(|holder| holder.is_gone()) {
        sleep(services.limits.in_flight).await;
    }

    let steps = Steps::new(lock, services, seal.key.content().clone());
    for pod in &journal.rehearsal {
        if delete_pod(&pod.target, &journal.id, &steps).await? {
            services.events.emit(Event::Note {
                object: Some(pod.target.id()),
                message: "left by a rehearsal that did not end; deleted".into(),
            });
        }
    }

    let store = StateStore::new(Writer::new(release.clone(), lock, services), seal);
    restore_head(&store, state.head.as_ref(), &left.handle()).await?;
    Ok(Some(ended(journal)))
}

/// The end of a run that had nothing else to do.
fn ended(journal: &Journal) -> RunReport {
    let pods = journal.rehearsal.iter().map(|pod| &pod.target);
    let message = format!(
        "the rehearsal of {} {} is ended, and nothing is left of its pods ({}); no object of the release was changed",
        journal.release.name,
        journal.release.version,
        list_first(pods, NAMED, ", ")
    );
    RunReport::new(RunOutcome::NothingToDo, message, Vec::new())
}

/// Deletes a pod of the rehearsal of this id, and waits until it is gone; whether it was there.
pub(super) async fn delete_pod(target: &Target, id: &str, steps: &Steps) -> Result<bool, StoreError> {
    let mut clock = steps.patience.start();
    let error = |source| StoreError::Api {
        target: target.to_string(),
        source,
    };
    loop {
        let found = match clock.answer(steps.cluster.get(target)).await {
            Ok(found) => found,
            Err(source) if source.is_transient() => {
                clock.wait().await?;
                continue;
            }
            Err(source) => return Err(error(source)),
        };
        // Of that name, and another's: nothing of this rehearsal is there.
        let Some(found) = found.filter(|pod| pod.annotation(REHEARSAL_ANNOTATION) == Some(id)) else {
            return Ok(false);
        };

        let uid = found.uid().to_owned();
        let write = MonitorWrite::Delete {
            target: target.clone(),
            uid: uid.clone(),
        };
        match steps.write(&write).await? {
            WriteAnswer::Failed(source) if source.is_transient() => clock.wait().await?,
            WriteAnswer::Failed(source) => return Err(error(source)),
            _ => return wait_until_gone(target, &uid, steps).await.map(|()| true),
        }
    }
}

/// Waits until the pod is gone: while it terminates, its room is not free. One that takes too long goes by itself.
async fn wait_until_gone(target: &Target, uid: &str, steps: &Steps) -> Result<(), StoreError> {
    match steps.wait_gone(target, uid).await {
        Err(StepOutcome::Unknown(problem)) => Err(problem.into()),
        _ => Ok(()),
    }
}

/// Writes the head as it was before the rehearsal; none where there was none.
pub(super) async fn restore_head(
    store: &StateStore,
    before: Option<&Stored<Head>>,
    stored: &Stored<()>,
) -> Result<(), StoreError> {
    match before {
        Some(before) => store.write_head(&before.value, Some(stored)).await.map(drop),
        None => store.delete_head(stored).await,
    }
}
