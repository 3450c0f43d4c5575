//! A promotion from its plan: what is read under the lock, the journal's first state, and the run.
//!
//! The plan was made without the lock, so that all that it rests on is looked at again: the state and its
//! seal, open journals, the objects that it changes. Whatever does not hold any more refuses here, with
//! nothing changed. The plan itself is not changed, but for what only the lock makes certain: its revision,
//! and the members of releases whose objects move.

use super::accepting;
use super::acquisition::LockError;
use super::locks::Locks;
use super::machine::{Direction, refused};
use super::moving;
use super::own_namespace::{OwnNamespace, OwnNamespaceError};
use super::packing::{NewHead, bodies, fits, named, new_head, pack_all};
use super::patience::Patience;
use super::run::{Start, run};
use super::sealing;
use super::services::{Ended, Services};
use super::standing::who_changed;
use super::store::{StoreError, Writer};
use super::unconfirmed::Unconfirmed;
use crate::model::bundle::{Bundle, BundleError};
use crate::model::event::Outcome;
use crate::model::format::{FormatVersion, Rest};
use crate::model::inventory::{Inventory, Record};
use crate::model::journal::{Journal, JournalPhase, Judging, StepPart, StepProgress, StepState, UndoState};
use crate::model::moves::ReleaseRef;
use crate::model::plan::{Action, Expect, Plan, PlanStep};
use crate::model::release::PublicDigest;
use crate::model::{Object, ObjectId, StepId};
use crate::objects::expect_holds;
use crate::observe::home::{Bodies, Home, HomeError, Stored, read_home};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What is promoted.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// The plan, as approved.
    pub plan: Plan,
    /// Objects as they were read for the plan; those that are missing here are read again.
    pub before: HashMap<ObjectId, Object>,
    /// What is kept of the release.
    pub record: Record,
    /// What its end is judged by.
    pub judging: Judging,
    /// Whether what the cluster keeps of the release is forgotten.
    pub discard_state: bool,
}

/// A run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The lock cannot be read or written.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What the release keeps here cannot be read.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The journal cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The namespace that the release brings cannot be created.
    #[error(transparent)]
    OwnNamespace(#[from] OwnNamespaceError),
    /// State alone would do that, and nothing confirms it.
    #[error("what the cluster keeps of the release would do what nothing else confirms")]
    Unconfirmed(Vec<Unconfirmed>),
    /// There is nothing to do it with.
    #[error("{0}")]
    Nothing(String),
}

pub(super) fn locked(error: LockError) -> Result<Ended, ExecuteError> {
    match &error {
        LockError::Held { .. } => {
            let next = vec!["--lock-timeout 10m waits for it".to_owned()];
            Ok(Ended {
                outcome: Outcome::Locked,
                message: error.to_string(),
                next,
            })
        }
        // Nothing was changed, which is how an interrupted run ends that has put everything back.
        LockError::Interrupted => Ok(Ended {
            outcome: Outcome::InterruptedReverted,
            message: error.to_string(),
            next: Vec::new(),
        }),
        LockError::Api { .. } => Err(error.into()),
    }
}

/// Carries out a plan.
pub async fn promote(promotion: Promotion, services: &Services) -> Result<Ended, ExecuteError> {
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

    let ended = match begin(promotion, services, &lock).await {
        Ok(Ok(start)) => return Ok(run(start, lock, services).await),
        Ok(Err(ended)) => Ok(ended),
        Err(error) => too_large(error),
    };
    // Still under the lock, so that nobody begins in what goes.
    take_back(own.as_ref(), services).await;
    lock.release().await;
    ended
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
fn too_large(error: ExecuteError) -> Result<Ended, ExecuteError> {
    let ExecuteError::Store(StoreError::Encoding {
        target,
        source: source @ BundleError::TooLarge { .. },
    }) = error
    else {
        return Err(error);
    };

    let message = format!("{target} would not fit into the cluster: {source}; nothing was changed");
    Ok(refused(
        message,
        vec!["make several smaller releases of this one".into()],
    ))
}

/// Reads what the run starts from; its end where it must not begin.
async fn begin(
    promotion: Promotion,
    services: &Services,
    lock: &Arc<Locks>,
) -> Result<Result<Start, Ended>, ExecuteError> {
    let Promotion {
        mut plan,
        before,
        record,
        judging,
        discard_state,
    } = promotion;

    let own = ReleaseRef::new(&plan.namespace, &plan.release.name);
    let outside = services.state_key.as_ref();
    // Ahead of the first read: what is discarded is not judged any more.
    if discard_state {
        accepting::discard(&own, lock, services).await?;
    }
    let home = read_home(services.cluster.as_ref(), &own.namespace, &own.name, outside).await?;
    if let Some(ended) = sealing::stopped_by(&home.sealing, &own) {
        return Ok(Err(ended));
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

    let Home {
        inventory,
        head,
        sealing,
        ..
    } = home;
    let (inventory, inventory_stored) = split(inventory);
    // Another promotion may have had the planned one since.
    plan.revision = inventory.next_revision();

    if let Some(ended) = moving::stopped_by(&own, &inventory, services).await? {
        return Ok(Err(ended));
    }
    if let Some(ended) = moving::read_sources(&mut plan, services).await? {
        return Ok(Err(ended));
    }

    let writer = Writer {
        cluster: services.cluster.clone(),
        patience: Patience::new(lock.clone(), services),
        release: own,
    };
    // It may write a first seal and a key, which vouch for nothing yet: a later run takes them up.
    let seal = sealing::at_hand(&sealing, outside, &writer).await?;
    // A plain digest would tell what the values of the Secrets are, to whoever guesses them.
    if record.holds_secrets {
        plan.release.digest = PublicDigest::of_secrets(record.release.as_bytes(), Some(&seal.key));
    }

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
        // The members of before are what a rollback gives back.
        let bodies = bodies(plan, before, inventory.members.clone(), judging);
        pack_all(bodies, record, &seal.key).await.map(Ok)
    };
    let (packed, ()) = tokio::join!(packed, services.rollout.before(&there));

    let (bodies, parts, records) = match packed? {
        Ok(packed) => packed,
        Err(moved) => return Ok(Err(moved)),
    };

    let journal = journal(&bodies, named(&parts), named(&records), services, &lock.holder);
    let NewHead {
        head,
        stored: head_stored,
        earlier,
    } = new_head(journal, head, &seal.key)?;
    // The last thing that refuses: nothing of the journal is written yet.
    let head = fits(head, &inventory, &bodies, services).await?;
    let bundles = parts.into_iter().chain(records).chain(earlier).collect();

    Ok(Ok(Start {
        head,
        head_stored,
        inventory,
        inventory_stored,
        bodies,
        direction: Direction::Promote,
        seal,
        bundles,
        not_undone: BTreeSet::new(),
        fresh: true,
        fence: false,
    }))
}

pub(super) fn split(stored: Option<Stored<Inventory>>) -> (Inventory, Option<Stored<()>>) {
    match stored {
        Some(Stored {
            value,
            uid,
            resource_version,
        }) => (
            value,
            Some(Stored {
                value: (),
                uid,
                resource_version,
            }),
        ),
        None => (Inventory::default(), None),
    }
}

/// What is said where another promotion's journal is open.
pub(super) fn open_journal(open: &Journal) -> Ended {
    let (name, namespace) = (&open.release.name, &open.namespace);
    refused(
        format!(
            "the promotion of {name} {} by {} is not finished ({})",
            open.release.version, open.actor, open.message
        ),
        vec![
            format!("kubectl delivery promote --resume {name} -n {namespace}"),
            format!("kubectl delivery revert {name} -n {namespace}"),
        ],
    )
}

/// Whether an object is the one that the step was planned for. It was read for the plan, which holds the hash of just this
/// content; whether it has moved since is the server's to say, by its resourceVersion.
fn is_seen(step: &PlanStep, object: &Object) -> bool {
    matches!(&step.expect, Expect::Present { uid, .. } if uid == object.uid())
}

/// What the steps' objects are now, under the lock; the end where one is no longer what the plan saw.
async fn pre_images(
    plan: &Plan,
    mut known: HashMap<ObjectId, Object>,
    services: &Services,
) -> Result<BTreeMap<StepId, Object>, Ended> {
    let (mut found, mut moved, mut unread) = (BTreeMap::new(), Vec::new(), Vec::new());

    let mut to_read = Vec::new();
    for step in plan.steps.iter().chain(&plan.prune) {
        // What is absent, or made by this plan itself, has no pre-image.
        if !matches!(step.expect, Expect::Present { .. }) {
            continue;
        }
        match known
            .remove(&step.target.id())
            .filter(|object| is_seen(step, object))
        {
            Some(object) => drop(found.insert(step.id, object)),
            None => to_read.push(step),
        }
    }

    let reads = to_read.iter().map(|step| services.cluster.get(&step.target));
    for (step, read) in to_read.iter().zip(join_all(reads).await) {
        match read {
            Ok(Some(object)) if expect_holds(step, Some(&object)) => drop(found.insert(step.id, object)),
            Ok(Some(object)) => moved.push(format!("{}: {}", step.target, who_changed(None, &object))),
            Ok(None) => moved.push(format!("{}: it is gone", step.target)),
            Err(error) => unread.push(format!("{}: {error}", step.target)),
        }
    }
    // Told first: to plan again would not help.
    if !unread.is_empty() {
        let message = format!("what is to be changed cannot be read: {}", unread.join("; "));
        return Err(refused(message, Vec::new()));
    }
    if moved.is_empty() {
        return Ok(found);
    }

    let message = format!(
        "the cluster has moved since the plan was made: {}",
        moved.join("; ")
    );
    Err(refused(
        message,
        vec!["kubectl delivery promote plans again".into()],
    ))
}

fn journal(
    bodies: &Bodies,
    parts: Vec<Bundle>,
    record: Vec<Bundle>,
    services: &Services,
    holder: &str,
) -> Journal {
    let plan = &bodies.promotion.plan;
    let step = |part: &StepPart| StepProgress {
        id: part.step.id,
        target: part.step.target.clone(),
        verb: part.step.action.verb().to_string(),
        wave: part.step.wave,
        prune: bodies.prunes.contains(&part.step.id),
        state: StepState::Pending,
        well: false,
        undo: UndoState::Pending,
    };

    Journal {
        id: plan.id.clone(),
        serial: 0,
        release: plan.release.clone(),
        namespace: plan.namespace.clone(),
        revision: plan.revision,
        actor: plan.actor.clone(),
        started_at: (services.now)(),
        ended_at: None,
        phase: JournalPhase::Preparing,
        ending: None,
        message: "its journal is being written; nothing was changed yet".into(),
        holder: holder.into(),
        failure: None,
        reverting: None,
        parts,
        record,
        forget: Vec::new(),
        moves_from: moving::sources(plan),
        steps: bodies.steps.values().map(step).collect(),
        rest: Rest::new(),
        format_version: FormatVersion::default(),
    }
}

/// Whether a plan changes anything.
pub fn changes_nothing(plan: &Plan) -> bool {
    let deletes = |step: &PlanStep| matches!(step.action, Action::Delete { .. });
    plan.steps.is_empty() && !plan.prune.iter().any(deletes)
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

        let ended = too_large(error.into()).unwrap();
        assert_eq!(ended.outcome, Outcome::Refused);
        assert_eq!(
            ended.message,
            "the journal would not fit into the cluster: expected at most 2 bytes, found 3; nothing was changed"
        );
        assert!(too_large(StoreError::LockLost.into()).is_err());
    }
}
