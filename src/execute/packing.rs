//! What a promotion writes down before it begins: the bodies of its steps, the record, the journal of the
//! promotion before it; and whether all of it fits to the end.
//!
//! It only packs and names; the run writes. Bundles are named by the keyed digest of their bytes, so that
//! writing one again is no harm, and the head that names them can be written before them. Whatever may hold a
//! value of a Secret lies in Secrets: pre-images beside their objects, and of the record no more than has to.

use super::services::Services;
use super::writer::StoreError;
use super::{codec, history};
use crate::model::bundle::{self, PartBundle};
use crate::model::format::FormatVersion;
use crate::model::inventory::{Inventory, Record};
use crate::model::journal::{Head, Journal, Previous, PromotionPart, StepPart, SuccessCriteria};
use crate::model::names;
use crate::model::plan::{Plan, PlanStep};
use crate::model::state_key::BoundKey;
use crate::model::{Object, Operation, StepId, Target};
use crate::observe::aside;
use crate::observe::release_state::{Bodies, Stored};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A bundle, and the bytes of its parts.
pub(super) type Packed = (PartBundle, Vec<Vec<u8>>);

/// The plan in its parts: what belongs to the whole, and each step with its pre-image.
pub(super) fn bodies(
    mut plan: Plan,
    mut before: BTreeMap<StepId, Object>,
    members_before: Vec<Target>,
    criteria: SuccessCriteria,
) -> Bodies {
    let prunes: Vec<PlanStep> = plan.prune.drain(..).collect();
    let steps = plan.steps.drain(..).chain(prunes.clone());
    let steps = steps
        .map(|step| {
            (
                step.id,
                StepPart {
                    before: before.remove(&step.id),
                    step,
                },
            )
        })
        .collect();

    let promotion = PromotionPart {
        plan,
        members_before,
        criteria,
    };
    Bodies {
        promotion,
        steps,
        prunes: prunes.iter().map(|step| step.id).collect(),
        // Made by this run itself: nobody has to vouch for where they lie.
        lie_in: BTreeMap::new(),
    }
}

/// [`Parts`](crate::model::journal::Parts), borrowed: a thousand objects are not copied to be written.
#[derive(Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct PartsRef<'a> {
    format_version: FormatVersion,
    #[serde(skip_serializing_if = "Option::is_none")]
    promotion: Option<&'a PromotionPart>,
    steps: Vec<&'a StepPart>,
}

/// A plan in its parts, and the bundles that keep them and its record.
pub(super) struct PackedPlan {
    pub bodies: Arc<Bodies>,
    pub parts: Vec<Packed>,
    pub records: Vec<Packed>,
}

/// The bundles of the parts and of the record, beside each other.
pub(super) async fn pack_all(
    bodies: Bodies,
    record: Record,
    key: &BoundKey,
) -> Result<PackedPlan, StoreError> {
    let bodies = Arc::new(bodies);
    let (of_parts, of_record) = (bodies.clone(), bodies.clone());
    let (for_parts, for_record) = (key.clone(), key.clone());
    // Compressing takes long, and the renewal of the lock runs on this thread.
    let parts = aside(move || part_bundles(&of_parts, &for_parts));
    let records = aside(move || record_bundles(&of_record.promotion.plan, record, &for_record));
    let (parts, records) = tokio::join!(parts, records);

    Ok(PackedPlan {
        bodies,
        parts: parts?,
        records: records?,
    })
}

/// The bundles of the parts: each step's in its object's namespace, where that is there already.
fn part_bundles(bodies: &Bodies, key: &BoundKey) -> Result<Vec<Packed>, StoreError> {
    let plan = &bodies.promotion.plan;
    // These are not there yet when the parts are written: what lies in them goes home.
    let made: BTreeSet<&str> = bodies
        .steps
        .values()
        .filter(|part| part.step.target.resource.kind == "Namespace" && part.before.is_none())
        .map(|part| part.step.target.name.as_str())
        .collect();

    let mut by_namespace: BTreeMap<&str, PartsRef<'_>> = BTreeMap::new();
    // At home there is always one: what belongs to the whole promotion lies there.
    by_namespace.entry(&plan.namespace).or_default().promotion = Some(&bodies.promotion);

    for part in bodies.steps.values() {
        let own = part
            .step
            .target
            .namespace
            .as_deref()
            .filter(|namespace| !made.contains(namespace));
        by_namespace
            .entry(own.unwrap_or(&plan.namespace))
            .or_default()
            .steps
            .push(part);
    }

    let name = |hash: &str, part| names::journal_part(&plan.release.name, hash, part);
    by_namespace
        .iter()
        .map(|(namespace, parts)| bundle(parts, true, namespace, name, key))
        .collect()
}

/// The bundles of the record: Secrets among desired lie in Secrets, each in its own namespace, and so do gates.
fn record_bundles(plan: &Plan, record: Record, key: &BoundKey) -> Result<Vec<Packed>, StoreError> {
    // A deletion promotes nothing that could be promoted again.
    if plan.operation == Operation::Delete {
        return Ok(Vec::new());
    }
    let (secrets, plain): (Vec<_>, Vec<_>) = record.desired.into_iter().partition(Object::is_secret);
    let name = |hash: &str, part| names::record_part(&plan.release.name, plan.revision, hash, part);

    let mut by_namespace: BTreeMap<String, Record> = BTreeMap::new();
    let mut public = Record {
        release: record.release,
        desired: plain,
        terms: record.terms,
        ..Record::default()
    };
    // Written by hand, with values of Secrets in the file itself.
    if record.holds_secrets {
        let hidden = by_namespace.entry(plan.namespace.clone()).or_default();
        hidden.release = std::mem::take(&mut public.release);
    }

    let mut bundles = vec![bundle(&public, false, &plan.namespace, name, key)?];
    // Beside the Secrets that they copy: whoever reads them there could read these.
    for secret in secrets {
        let namespace = secret.namespace().unwrap_or(&plan.namespace).to_owned();
        by_namespace.entry(namespace).or_default().desired.push(secret);
    }
    // Their addresses and Jobs are not for everybody who may view the namespace.
    if !record.gates.is_empty() {
        by_namespace.entry(plan.namespace.clone()).or_default().gates = record.gates;
    }

    for (namespace, record) in &by_namespace {
        bundles.push(bundle(record, true, namespace, name, key)?);
    }
    Ok(bundles)
}

/// A bundle of a value; its parts are named by the start of their digests and their numbers.
pub(super) fn bundle<T: serde::Serialize>(
    value: &T,
    secret: bool,
    namespace: &str,
    name: impl Fn(&str, usize) -> String,
    key: &BoundKey,
) -> Result<Packed, StoreError> {
    let bundle::Packed { digest, parts } =
        bundle::pack(value, key).map_err(|source| StoreError::Encoding {
            target: format!("parts in {namespace}"),
            source,
        })?;

    let names = parts
        .iter()
        .enumerate()
        .map(|(at, (hash, _))| name(hash, at))
        .collect();
    let parts = parts.into_iter().map(|(_, part)| part).collect();

    Ok((
        PartBundle {
            secret,
            namespace: namespace.into(),
            names,
            digest,
        },
        parts,
    ))
}

pub(super) fn named(bundles: &[Packed]) -> Vec<PartBundle> {
    bundles.iter().map(|(bundle, _)| bundle.clone()).collect()
}

/// A first head.
pub(super) struct NewHead {
    pub head: Head,
    pub stored: Option<Stored<()>>,
    /// The bundle of the finished promotion's journal, where it is not there yet.
    pub earlier: Option<Packed>,
}

/// The new journal in front of the last finished one, which can be reverted as long as this one is not promoted.
pub(super) fn new_head(
    mut journal: Journal,
    old: Option<Stored<Head>>,
    key: &BoundKey,
) -> Result<NewHead, StoreError> {
    let Some(Stored {
        value: old,
        uid,
        resource_version,
    }) = old
    else {
        return Ok(NewHead {
            head: Head::new(journal, None),
            stored: None,
            earlier: None,
        });
    };
    let Head {
        mut current,
        previous,
        rest,
        ..
    } = old;

    // What earlier promotions could not delete goes with this one.
    journal.forget.append(&mut current.forget);
    let mut previous = last_finished(current, previous, &mut journal.forget);
    let earlier = match &mut previous {
        Some(previous) => pack_journal(previous, &mut journal, key)?,
        None => None,
    };

    Ok(NewHead {
        head: Head {
            // What a later program has written beside it stays.
            rest,
            ..Head::new(journal, previous)
        },
        stored: Some(Stored {
            value: (),
            uid,
            resource_version,
        }),
        earlier,
    })
}

/// What was finished last and can still be put back. What came before that goes.
fn last_finished(
    current: Journal,
    previous: Option<Previous>,
    forget: &mut Vec<PartBundle>,
) -> Option<Previous> {
    if current.parts.is_empty() {
        return previous;
    }

    forget.extend(previous.into_iter().flat_map(Previous::into_bundles));
    Some(Previous {
        bundle: None,
        parts: current.parts.clone(),
        journal: Some(Box::new(current)),
    })
}

/// The bundle of a finished promotion's journal that lies in the head itself. Also one that was named before and may never
/// have been written: the head holds the journal until it certainly is.
fn pack_journal(
    previous: &mut Previous,
    journal: &mut Journal,
    key: &BoundKey,
) -> Result<Option<Packed>, StoreError> {
    let Some(whole) = &previous.journal else {
        return Ok(None);
    };

    let name = |hash: &str, part| names::previous_part(&journal.release.name, hash, part);
    let packed = bundle(whole, false, &journal.namespace, name, key)?;
    let replaced = previous.bundle.replace(packed.0.clone());
    journal.forget.extend(replaced.filter(|old| *old != packed.0));
    Ok(Some(packed))
}

/// Whether what is written as the promotion goes on fits into its objects to the end: the head, or the error.
pub(super) async fn fits(
    head: Head,
    inventory: &Inventory,
    bodies: &Arc<Bodies>,
    services: &Services,
) -> Result<Head, StoreError> {
    let (bodies, mut inventory) = (bodies.clone(), inventory.clone());
    let (now, keep) = ((services.now)(), services.keep_history);

    let looking = move || {
        let plan = &bodies.promotion.plan;
        let wrong = |target: &str| {
            let target = target.to_owned();
            move |source| StoreError::Encoding { target, source }
        };
        // The largest that it comes to: the history of the end, and the members of before and after together.
        let members = std::mem::take(&mut inventory.members);
        history::commit(&mut inventory, &head.current, plan, None, now);
        let trimmed = history::trim(&mut inventory, keep);
        inventory.members = members;
        history::add_members(&mut inventory, &plan.members);

        codec::head_fits(&head, trimmed).map_err(wrong("the journal"))?;
        codec::inventory_fits(&inventory, &plan.namespace, &plan.release.name)
            .map_err(wrong("the inventory"))?;
        Ok(head)
    };
    aside(looking).await
}

#[cfg(test)]
mod tests;
