//! A promotion from its plan: what is read under the lock, the journal's first state, and the run.

use super::lock::{Lock, LockError};
use super::machine::{Intent, refused};
use super::run::{Start, run};
use super::services::{Ended, Services};
use super::standing::who_changed;
use super::store::StoreError;
use crate::model::bundle::{Bundle, pack};
use crate::model::event::Outcome;
use crate::model::inventory::{Inventory, Record};
use crate::model::journal::{
    Head, Journal, JournalPhase, PromotionPart, StepPart, StepProgress, StepState, UndoState,
};
use crate::model::names;
use crate::model::plan::{Action, Expect, Plan, PlanStep};
use crate::model::{Object, ObjectId};
use crate::observe::home::{Bodies, Home, HomeError, Stored, read_home};
use crate::plan::expect_holds;
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio::task::{JoinError, spawn_blocking};

/// A bundle, and the bytes of its parts.
pub(super) type Packed = (Bundle, Vec<Vec<u8>>);

/// What is promoted.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// The plan, as approved.
    pub plan: Plan,
    /// Objects as they were read for the plan; those that are missing here are read again.
    pub before: HashMap<ObjectId, Object>,
    /// What is kept of the release.
    pub record: Record,
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
    /// There is nothing to do it with.
    #[error("{0}")]
    Nothing(String),
}

pub(super) fn locked(error: LockError) -> Result<Ended, ExecuteError> {
    match &error {
        LockError::Held { .. } => {
            let next = vec!["--lock-timeout 10m waits for it".to_owned()];
            Ok(Ended { outcome: Outcome::Locked, message: error.to_string(), next })
        }
        LockError::Api { .. } => Err(error.into()),
    }
}

/// Carries out a plan.
pub async fn promote(promotion: Promotion, services: &Services) -> Result<Ended, ExecuteError> {
    let plan = &promotion.plan;
    let (namespace, name) = (plan.namespace.clone(), plan.release.name.clone());
    let lock = match Lock::take(services, &namespace, &name).await {
        Ok(lock) => Arc::new(lock),
        Err(error) => return locked(error),
    };
    match begin(promotion, services, &lock).await {
        Ok(Ok(start)) => Ok(run(start, lock, services).await),
        Ok(Err(ended)) => {
            lock.release().await;
            Ok(ended)
        }
        Err(error) => {
            lock.release().await;
            Err(error)
        }
    }
}

/// Reads what the run starts from; its end where it must not begin.
async fn begin(
    promotion: Promotion,
    services: &Services,
    lock: &Lock,
) -> Result<Result<Start, Ended>, ExecuteError> {
    let Promotion { mut plan, before, record } = promotion;
    let home = read_home(services.cluster.as_ref(), &plan.namespace, &plan.release.name).await?;
    if let Some(open) = home.head.as_ref().map(|head| &head.value.current).filter(|journal| journal.is_open())
    {
        return Ok(Err(open_journal(open)));
    }
    // Of objects that are there: a kind that is not served yet cannot be watched.
    let there = plan.steps.iter().filter(|step| matches!(step.expect, Expect::Present { .. }));
    let there: Vec<_> = there.map(|step| step.target.clone()).collect();
    let Home { inventory, head, .. } = home;
    let (inventory, inventory_stored) = split(inventory);
    plan.revision = inventory.next_revision();
    let packed = async {
        let before = match pre_images(&plan, before, services).await {
            Ok(before) => before,
            Err(moved) => return Ok(Err(moved)),
        };
        pack_all(bodies(plan, before, inventory.members.clone()), record).await.map(Ok)
    };
    let (packed, ()) = tokio::join!(packed, services.rollout.before(&there));
    let (bodies, parts, records) = match packed? {
        Ok(packed) => packed,
        Err(moved) => return Ok(Err(moved)),
    };
    let bundle = |bundles: &[Packed]| bundles.iter().map(|(b, _)| b.clone()).collect();
    let journal = journal(&bodies, bundle(&parts), bundle(&records), services, &lock.holder);
    let (head, head_stored) = new_head(journal, head);
    let bundles = parts.into_iter().chain(records).collect();
    Ok(Ok(Start {
        head,
        head_stored,
        inventory,
        inventory_stored,
        bodies,
        intent: Intent::Forward,
        bundles,
        fresh: true,
        fence: false,
    }))
}

pub(super) fn split(stored: Option<Stored<Inventory>>) -> (Inventory, Option<Stored<()>>) {
    match stored {
        Some(Stored { value, uid, resource_version }) => {
            (value, Some(Stored { value: (), uid, resource_version }))
        }
        None => (Inventory::default(), None),
    }
}

/// The new journal in front of the last finished one, which can be reverted as long as this one is not promoted.
fn new_head(journal: Journal, old: Option<Stored<Head>>) -> (Head, Option<Stored<()>>) {
    let Some(Stored { value, uid, resource_version }) = old else {
        return (Head { current: journal, previous: None }, None);
    };
    let mut journal = journal;
    let Head { mut current, previous } = value;
    journal.forget.append(&mut current.forget);
    let previous = if current.parts.is_empty() { previous } else { Some(Box::new(current)) };
    (Head { current: journal, previous }, Some(Stored { value: (), uid, resource_version }))
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

/// What the steps' objects are now, under the lock; the end where one is no longer what the plan saw.
async fn pre_images(
    plan: &Plan,
    mut known: HashMap<ObjectId, Object>,
    services: &Services,
) -> Result<BTreeMap<u32, Object>, Ended> {
    let (mut found, mut moved) = (BTreeMap::new(), Vec::new());
    let mut to_read = Vec::new();
    for step in plan.steps.iter().chain(&plan.prune) {
        if !matches!(step.expect, Expect::Present { .. }) {
            continue;
        }
        match known.remove(&step.target.id()).filter(|object| expect_holds(step, Some(object))) {
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
            Err(error) => moved.push(format!("{}: it cannot be read: {error}", step.target)),
        }
    }
    if moved.is_empty() {
        return Ok(found);
    }
    let message = format!("the cluster has moved since the plan was made: {}", moved.join("; "));
    Err(refused(message, vec!["kubectl delivery promote plans again".into()]))
}

/// The plan in its parts: what belongs to the whole, and each step with its pre-image.
fn bodies(
    mut plan: Plan,
    mut before: BTreeMap<u32, Object>,
    members_before: Vec<crate::model::Target>,
) -> Bodies {
    let prunes: Vec<PlanStep> = plan.prune.drain(..).collect();
    let steps = plan.steps.drain(..).chain(prunes.clone());
    let steps = steps.map(|step| (step.id, StepPart { before: before.remove(&step.id), step })).collect();
    let promotion = PromotionPart { plan, members_before };
    Bodies { promotion, steps, prunes: prunes.iter().map(|step| step.id).collect() }
}

/// [`Parts`](crate::model::journal::Parts), borrowed: a thousand objects are not copied to be written.
#[derive(Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct PartsRef<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    promotion: Option<&'a PromotionPart>,
    steps: Vec<&'a StepPart>,
}

/// The bundles of the parts and of the record, beside each other.
async fn pack_all(
    bodies: Bodies,
    record: Record,
) -> Result<(Arc<Bodies>, Vec<Packed>, Vec<Packed>), StoreError> {
    let bodies = Arc::new(bodies);
    let (of_parts, of_record) = (bodies.clone(), bodies.clone());
    let parts = spawn_blocking(move || part_bundles(&of_parts));
    let records = spawn_blocking(move || record_bundles(&of_record.promotion.plan, record));
    let (parts, records) = tokio::join!(parts, records);
    let rethrow = |error: JoinError| std::panic::resume_unwind(error.into_panic());
    Ok((bodies, parts.unwrap_or_else(rethrow)?, records.unwrap_or_else(rethrow)?))
}

/// The bundles of the parts: each step's in its object's namespace, where that is there already.
fn part_bundles(bodies: &Bodies) -> Result<Vec<Packed>, StoreError> {
    let plan = &bodies.promotion.plan;
    let made: BTreeSet<&str> = bodies
        .steps
        .values()
        .filter(|part| part.step.target.resource.kind == "Namespace" && part.before.is_none())
        .map(|part| part.step.target.name.as_str())
        .collect();
    let mut by_namespace: BTreeMap<&str, PartsRef<'_>> = BTreeMap::new();
    by_namespace.entry(&plan.namespace).or_default().promotion = Some(&bodies.promotion);
    for part in bodies.steps.values() {
        let own = part.step.target.namespace.as_deref().filter(|namespace| !made.contains(namespace));
        by_namespace.entry(own.unwrap_or(&plan.namespace)).or_default().steps.push(part);
    }
    let name = |hash: &str, part| names::journal_part(&plan.release.name, hash, part);
    by_namespace.iter().map(|(namespace, parts)| bundle(parts, true, namespace, name)).collect()
}

/// The bundles of the record: Secrets among desired lie in Secrets, each in its own namespace.
fn record_bundles(plan: &Plan, record: Record) -> Result<Vec<Packed>, StoreError> {
    let is_secret = |object: &Object| object.kind() == "Secret" && object.gvk().group.is_empty();
    let (secrets, plain): (Vec<_>, Vec<_>) = record.desired.into_iter().partition(is_secret);
    let name = |hash: &str, part| names::record_part(&plan.release.name, plan.revision, hash, part);
    let public = Record { release: record.release, desired: plain };
    let mut bundles = vec![bundle(&public, false, &plan.namespace, name)?];
    let mut by_namespace: BTreeMap<String, Record> = BTreeMap::new();
    for secret in secrets {
        let namespace = secret.namespace().unwrap_or(&plan.namespace).to_owned();
        by_namespace.entry(namespace).or_default().desired.push(secret);
    }
    for (namespace, record) in &by_namespace {
        bundles.push(bundle(record, true, namespace, name)?);
    }
    Ok(bundles)
}

fn bundle<T: serde::Serialize>(
    value: &T,
    secret: bool,
    namespace: &str,
    name: impl Fn(&str, usize) -> String,
) -> Result<Packed, StoreError> {
    let (digest, parts) = pack(value)
        .map_err(|source| StoreError::Encoding { target: format!("parts in {namespace}"), source })?;
    let names = (0..parts.len()).map(|part| name(digest.short(), part)).collect();
    Ok((Bundle { secret, namespace: namespace.into(), names, digest }, parts))
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
        verb: part.step.action.verb().into(),
        wave: part.step.wave,
        prune: bodies.prunes.contains(&part.step.id),
        state: StepState::Pending,
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
        steps: bodies.steps.values().map(step).collect(),
    }
}

/// Whether a plan changes anything.
pub fn changes_nothing(plan: &Plan) -> bool {
    let deletes = |step: &PlanStep| matches!(step.action, Action::Delete { .. });
    plan.steps.is_empty() && !plan.prune.iter().any(deletes)
}
