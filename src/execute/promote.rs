//! A promotion or a deletion from its plan: what is read under the lock, the journal's first state, and the run.
//!
//! The plan was made without the lock, so that all that it rests on is looked at again: the state and its
//! seal, open journals, the objects that it changes. Whatever does not hold any more refuses here, with
//! nothing changed. The plan itself is not changed, but for what only the lock makes certain: its revision,
//! and the members of releases whose objects move.

use super::accepting;
use super::acquisition::LockError;
use super::left_rehearsal::end_left_rehearsal;
use super::locks::Locks;
use super::machine::Direction;
use super::moving;
use super::not_begun::{ExecuteError, locked, open_journal, refused};
use super::own_namespace::OwnNamespace;
use super::packing::{NewHead, PackedPlan, bodies, fits, named, new_head, pack_all};
use super::perform::StepInputs;
use super::pre_images::{moved_since, pre_images};
use super::rehearsing::{StateBefore, rehearse};
use super::run::{Start, run};
use super::sealing;
use super::services::{RunReport, Services};
use super::store::split;
use super::writer::{StoreError, Writer};
use crate::model::bundle::BundleError;
use crate::model::event::RunOutcome;
use crate::model::inventory::{Inventory, Record};
use crate::model::journal::{Head, Journal, StepPart, StepProgress, StepState, SuccessCriteria, UndoState};
use crate::model::moves::ReleaseRef;
use crate::model::names::docs_url;
use crate::model::plan::{Expect, Plan};
use crate::model::release::PublicDigest;
use crate::model::state_key::BoundKey;
use crate::model::{Object, ObjectId, Target};
use crate::observe::release_state::{ReleaseState, Stored, read_release_state};
use crate::observe::sealing::Sealing;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What is promoted, or deleted.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// The plan, as approved.
    pub plan: Plan,
    /// Objects as they were read for the plan; those that are missing here are read again.
    pub before: HashMap<ObjectId, Object>,
    /// The version of the inventory that the plan was made on; none where there was none.
    pub planned_on: Option<String>,
    /// What is kept of the release; of a deletion nothing.
    pub record: Record,
    /// What its end is judged by.
    pub criteria: SuccessCriteria,
    /// Whether what the cluster keeps of the release is forgotten.
    pub discard_state: bool,
}

/// Carries out a plan.
pub async fn promote(promotion: Promotion, services: &Services) -> Result<RunReport, ExecuteError> {
    let plan = &promotion.plan;
    let release = ReleaseRef::new(&plan.namespace, &plan.release.name);
    let others = moving::sources(plan);

    // It has to be there before the lock and the journal are.
    let own = OwnNamespace::from_plan(plan);
    let created = match &own {
        Some(own) => own.create(services).await?,
        None => false,
    };
    // What was there already is not this run's to take away.
    let own = own.filter(|_| created);

    let lock = match Locks::take(services, &release, &others).await {
        Ok(lock) => Arc::new(lock),
        // Whoever holds it is at work in there.
        Err(error @ LockError::Held { .. }) => return locked(error),
        Err(error) => {
            take_back(own.as_ref(), services).await;
            return locked(error);
        }
    };

    let report = match begin(promotion, services, &lock).await {
        Ok(Ok(start)) => return Ok(run(start, lock, services).await),
        Ok(Err(report)) => Ok(report),
        Err(error) => too_large(error),
    };
    // A request may still be on its way: the lock expires, and the next run waits for that.
    if matches!(&report, Ok(report) if report.outcome == RunOutcome::Unfinished) {
        return report;
    }
    // Still under the lock, so that nobody begins in what goes.
    take_back(own.as_ref(), services).await;
    lock.release().await;
    report
}

/// Nothing was begun: what was created for it goes.
async fn take_back(own: Option<&OwnNamespace>, services: &Services) {
    if let Some(own) = own
        && let Some(why) = own.delete(services).await
    {
        tracing::warn!(%why, "the namespace that was created for the release stays");
    }
}

/// What cannot be kept is not begun: a refusal, as nothing was touched. Any other error stays one.
fn too_large(error: ExecuteError) -> Result<RunReport, ExecuteError> {
    let ExecuteError::Store(StoreError::Encoding {
        target,
        source: source @ BundleError::TooLarge { .. },
    }) = error
    else {
        return Err(error);
    };

    let message = format!("{target} is too large for the cluster: {source}; nothing was changed");
    Ok(refused(
        message,
        vec![format!("to split the release: {}", docs_url("splitting.md"))],
    ))
}

/// What the release keeps, as a promotion may begin on it.
struct HeldState {
    head: Option<Stored<Head>>,
    inventory: Inventory,
    inventory_stored: Option<Stored<()>>,
    sealing: Sealing,
}

/// Reads what the run starts from; its end where it must not begin.
async fn begin(
    mut promotion: Promotion,
    services: &Services,
    lock: &Arc<Locks>,
) -> Result<Result<Start, RunReport>, ExecuteError> {
    let state = match rehearsed_state(&mut promotion, services, lock).await? {
        Ok(state) => state,
        Err(report) => return Ok(Err(report)),
    };

    let Promotion { plan, record, .. } = &mut promotion;
    let release = ReleaseRef::new(&plan.namespace, &plan.release.name);
    let writer = Writer::new(release, lock, services);
    // It may write a first seal and a key, which vouch for nothing yet: a later run takes them up.
    let seal = sealing::prepare_seal(&state.sealing, services.state_key.as_ref(), &writer).await?;
    // A plain digest would tell what the values of the Secrets are, to whoever guesses them.
    if record.holds_secrets {
        plan.release.digest = PublicDigest::from_secrets(record.release.as_bytes(), Some(&seal.key));
    }

    // The members of before are what a rollback gives back.
    let members_before = state.inventory.members.clone();
    let packed = match pack(promotion, members_before, &seal.key, services).await? {
        Ok(packed) => packed,
        Err(moved) => return Ok(Err(moved)),
    };

    let NewHead {
        head,
        stored: head_stored,
        earlier,
    } = new_head(journal(&packed, services, &lock.holder), state.head, &seal.key)?;
    // The last thing that refuses: nothing of the journal is written yet.
    let head = fits(head, &state.inventory, &packed.bodies, services).await?;
    let bundles = packed.parts.into_iter().chain(packed.records).chain(earlier);

    Ok(Ok(Start {
        head,
        head_stored,
        inventory: state.inventory,
        inventory_stored: state.inventory_stored,
        direction: Direction::Promote,
        seal,
        inputs: StepInputs {
            bodies: packed.bodies,
            bundles: bundles.collect(),
            not_undone: BTreeSet::new(),
            // Read under this very lock, a moment ago.
            fresh: true,
            fence: false,
        },
    }))
}

/// What the run starts from, once the pods of the plan have been tried; the end where one of them failed.
async fn rehearsed_state(
    promotion: &mut Promotion,
    services: &Services,
    lock: &Arc<Locks>,
) -> Result<Result<HeldState, RunReport>, ExecuteError> {
    let state = match read_state(promotion, services, lock).await? {
        Ok(state) if !promotion.plan.rehearsals.is_empty() => state,
        other => return Ok(other),
    };
    let before = StateBefore {
        head: state.head.as_ref(),
        inventory: &state.inventory,
        sealing: &state.sealing,
    };
    if let Some(report) = rehearse(&promotion.plan, &before, services, lock).await? {
        return Ok(Err(report));
    }
    // The seal has moved by it, and what was discarded is discarded.
    promotion.discard_state = false;
    read_state(promotion, services, lock).await
}

/// The release's state, without what a killed run has left of a rehearsal, or discarded where that was asked for.
async fn read_settled_state(
    own: &ReleaseRef,
    discard: bool,
    services: &Services,
    lock: &Arc<Locks>,
) -> Result<ReleaseState, ExecuteError> {
    let (cluster, outside) = (services.cluster.as_ref(), services.state_key.as_ref());
    let read = || read_release_state(cluster, &own.namespace, &own.name, outside);
    if discard {
        // What cannot be believed any more names no pods either.
        if let Ok(home) = read().await {
            end_left_rehearsal(own, &home, services, lock).await?;
        }
        // Ahead of the read that counts: what is discarded is not judged any more.
        accepting::discard(own, lock, services).await?;
    }
    let home = read().await?;
    let is_trusted = sealing::stopped_by(&home.sealing, own).is_none();
    if is_trusted && end_left_rehearsal(own, &home, services, lock).await?.is_some() {
        return Ok(read().await?);
    }
    Ok(home)
}

/// What the release keeps, and in the plan what only the lock makes certain; the end where the promotion must not begin.
async fn read_state(
    promotion: &mut Promotion,
    services: &Services,
    lock: &Arc<Locks>,
) -> Result<Result<HeldState, RunReport>, ExecuteError> {
    let plan = &mut promotion.plan;
    let own = ReleaseRef::new(&plan.namespace, &plan.release.name);
    let home = read_settled_state(&own, promotion.discard_state, services, lock).await?;
    if let Some(report) = sealing::stopped_by(&home.sealing, &own) {
        return Ok(Err(report));
    }
    // None was open when the plan was made; that none is now is certain only under the lock.
    if let Some(open) = home
        .head
        .as_ref()
        .map(|head| &head.value.current)
        .filter(|journal| journal.is_open())
    {
        return Ok(Err(open_journal(open)));
    }

    let ReleaseState {
        inventory,
        head,
        sealing,
        ..
    } = home;
    let (inventory, inventory_stored) = split(inventory);
    // Another run ended between the plan and the lock. What it added is not in the plan, and what the plan saw is not
    // what a rollback would have to restore.
    let version = inventory_stored.as_ref().map(|stored| &stored.resource_version);
    if !promotion.discard_state && version != promotion.planned_on.as_ref() {
        let release = &plan.release.name;
        return Ok(Err(moved_since(&format!("another run on {release} has ended"))));
    }
    if !plan.repair {
        plan.revision = inventory.next_revision();
    }

    if let Some(report) = moving::stopped_by(&own, &inventory, services).await? {
        return Ok(Err(report));
    }
    if let Some(report) = moving::read_sources(plan, services).await? {
        return Ok(Err(report));
    }

    Ok(Ok(HeldState {
        head,
        inventory,
        inventory_stored,
        sealing,
    }))
}

/// Packs the plan with what its objects are now, while what is watched begins to be; the end where one of them is no longer
/// what the plan saw.
async fn pack(
    promotion: Promotion,
    members_before: Vec<Target>,
    key: &BoundKey,
    services: &Services,
) -> Result<Result<PackedPlan, RunReport>, StoreError> {
    let Promotion {
        plan,
        before,
        record,
        criteria,
        ..
    } = promotion;

    // Of objects that are there: a kind that is not served yet cannot be watched.
    let there = plan
        .steps
        .iter()
        .filter(|step| matches!(step.expect, Expect::Present { .. }));
    let there: Vec<_> = there.map(|step| step.target.clone()).collect();

    let packed = async {
        let before = match pre_images(&plan, before, services).await {
            Ok(before) => before,
            Err(moved) => return Ok(Err(moved)),
        };
        let bodies = bodies(plan, before, members_before, criteria);
        pack_all(bodies, record, key).await.map(Ok)
    };
    let (packed, ()) = tokio::join!(packed, services.rollout.before(&there));
    packed
}

/// The journal's first state.
fn journal(packed: &PackedPlan, services: &Services, holder: &str) -> Journal {
    let bodies = &packed.bodies;
    let plan = &bodies.promotion.plan;
    let step = |part: &StepPart| StepProgress {
        id: part.step.id,
        target: part.step.target.clone(),
        verb: part.step.action.verb().to_string(),
        wave: part.step.wave,
        prune: bodies.prunes.contains(&part.step.id),
        state: StepState::Pending,
        ready: false,
        undo: UndoState::Pending,
    };

    Journal {
        parts: named(&packed.parts),
        record: named(&packed.records),
        moves_from: moving::sources(plan),
        rollback: plan.rollback.clone(),
        steps: bodies.steps.values().map(step).collect(),
        ..Journal::new(plan, holder, (services.now)())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_to_be_kept_is_refused_as_nothing_was_touched() {
        let source = BundleError::TooLarge {
            found: Some(3),
            limit: 2,
        };
        let error = StoreError::Encoding {
            target: "the journal".into(),
            source,
        };

        let report = too_large(error.into()).unwrap();
        assert_eq!(report.outcome, RunOutcome::Refused);
        assert_eq!(
            report.message,
            "the journal is too large for the cluster: expected at most 2 bytes, found 3; nothing was changed"
        );
        assert!(too_large(StoreError::LockLost.into()).is_err());
    }
}
