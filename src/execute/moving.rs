//! Objects that move from other releases: what is read of those under their locks, and why a release whose
//! members are on the move has to wait.
//!
//! From before the first of them moves until after the commit they are members of both, and neither release
//! can be promoted or reverted by anybody else. What another release says of itself is believed by its own
//! seal.

use super::codec;
use super::ending::{describe_unfinished, ways_on};
use super::not_begun::{ExecuteError, open_journal, refused};
use super::sealing;
use super::services::{RunReport, Services};
use super::writer::StoreError;
use crate::model::inventory::Inventory;
use crate::model::journal::{Journal, StepPart};
use crate::model::moves::{Move, Moved, ReleaseRef};
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::phrase::counted;
use crate::model::plan::Plan;
use crate::model::seal::Integrity;
use crate::model::{Object, ObjectId};
use crate::observe::release_state::{ReleaseState, ReleaseStateError, read_release_state};
use std::collections::BTreeSet;

/// The releases whose members a plan takes.
pub(super) fn sources(plan: &Plan) -> Vec<ReleaseRef> {
    plan.moves.iter().map(|one| one.from.clone()).collect()
}

/// Reads the members of each such release, under its lock; the end where the promotion must not begin.
pub(super) async fn read_sources(
    plan: &mut Plan,
    services: &Services,
) -> Result<Option<RunReport>, ExecuteError> {
    let moves = std::mem::take(&mut plan.moves);
    for mut one in moves {
        // While it is unfinished nobody can say whose its members are.
        if let Some(report) = unfinished(std::slice::from_ref(&one.from), services).await? {
            return Ok(Some(report));
        }

        let home = get_state(&one.from, services).await?;
        if let Some(report) = sealing::stopped_by(&home.sealing, &one.from) {
            return Ok(Some(report));
        }
        // One without an inventory has no members: whatever was to move has left it.
        let inventory = home.inventory.map(|stored| stored.value).unwrap_or_default();
        if let Some(report) = stopped_by(&one.from, &inventory, services).await? {
            return Ok(Some(report));
        }

        let members: BTreeSet<ObjectId> = inventory.members.iter().map(|member| member.id()).collect();
        if let Some(gone) = one.objects.iter().find(|target| !members.contains(&target.id())) {
            let from = one.from.name_from(&plan.namespace);
            let message =
                format!("the cluster changed since the plan was made: {gone} is no longer in release {from}");
            return Ok(Some(refused(
                message,
                vec!["promote again, with a new plan".into()],
            )));
        }
        // Looked at ahead: after the commit it has to take what it is told.
        check_fits(&one, plan, &inventory)?;
        one.members_before = inventory.members;
        plan.moves.push(one);
    }
    Ok(None)
}

/// Whether the inventory has room for what it is told.
fn check_fits(one: &Move, plan: &Plan, inventory: &Inventory) -> Result<(), StoreError> {
    let mut announced = inventory.clone();
    announced.announce(Moved {
        to: ReleaseRef::new(&plan.namespace, &plan.release.name),
        version: plan.release.version.clone(),
        promotion: plan.id.clone(),
        actor: plan.actor.clone(),
        at: plan.created_at,
        is_done: false,
        objects: one.objects.clone(),
    });

    codec::inventory_fits(&announced, &one.from.namespace, &one.from.name).map_err(|source| {
        StoreError::Encoding {
            target: format!("the inventory of release {}", one.from),
            source,
        }
    })
}

async fn get_state(release: &ReleaseRef, services: &Services) -> Result<ReleaseState, ReleaseStateError> {
    let ReleaseRef { namespace, name } = release;
    read_release_state(
        services.cluster.as_ref(),
        namespace,
        name,
        services.state_key.as_ref(),
    )
    .await
}

/// The end where what another release says of itself cannot be believed.
fn altered(home: &ReleaseState, release: &ReleaseRef) -> Option<RunReport> {
    // A key that may not be read is no reason to stop: of that release nothing is written here.
    let is_altered = matches!(
        home.sealing.integrity,
        Integrity::Altered(_) | Integrity::Unsealed
    );
    is_altered
        .then(|| sealing::stopped_by(&home.sealing, release))
        .flatten()
}

/// The end where one of these releases has a promotion that is not finished.
pub(super) async fn unfinished(
    releases: &[ReleaseRef],
    services: &Services,
) -> Result<Option<RunReport>, ReleaseStateError> {
    for release in releases {
        let home = get_state(release, services).await?;
        if let Some(report) = sealing::stopped_by(&home.sealing, release) {
            return Ok(Some(report));
        }
        if let Some(open) = home.head.map(|head| head.value.current).filter(Journal::is_open) {
            return Ok(Some(open_journal(&open)));
        }
    }
    Ok(None)
}

/// The end where a promotion that takes members of this release is not finished: until it is, nobody can tell whose they are.
pub(super) async fn stopped_by(
    release: &ReleaseRef,
    inventory: &Inventory,
    services: &Services,
) -> Result<Option<RunReport>, ReleaseStateError> {
    for moved in &inventory.moved {
        let home = match get_state(&moved.to, services).await {
            Ok(home) => home,
            // What has moved is another's by its label, whatever becomes of that release.
            Err(ReleaseStateError::Api { source, .. }) if source.is_forbidden() && moved.is_done => continue,
            Err(error) => return Err(error),
        };

        if let Some(report) = altered(&home, &moved.to) {
            return Ok(Some(report));
        }
        // Another promotion of that release has nothing to do with this move.
        let is_same = |journal: &Journal| journal.is_open() && journal.id == moved.promotion;
        if let Some(open) = home.head.map(|head| head.value.current).filter(is_same) {
            let count = counted(moved.objects.len(), "object");
            let message = format!(
                "{} and moves {count} of {}; nothing was changed",
                describe_unfinished(&open),
                release.name
            );
            return Ok(Some(refused(message, ways_on(&open))));
        }
    }
    Ok(None)
}

/// Says so where another release has taken a step's object since: its undo does not touch it.
pub(super) fn belongs_elsewhere(
    part: &StepPart,
    live: &Object,
    own: &ReleaseRef,
    inventory: &Inventory,
) -> Option<String> {
    let set = live
        .label(APPLYSET_PART_OF_LABEL)
        .filter(|set| *set != own.set())?;

    let moved = inventory.moved_to(&part.step.target.id());
    let before = part
        .before
        .as_ref()
        .and_then(|before| before.label(APPLYSET_PART_OF_LABEL));
    // It came from that release, and may not have been touched yet.
    if before == Some(set) && moved.is_none() {
        return None;
    }
    let by_name = moved
        // The label is a hash: only an inventory knows the name.
        .filter(|moved| moved.to.set() == set)
        .map(|moved| moved.to.name_from(&own.namespace));
    let owner = by_name.map_or_else(
        || format!("another release ({set})"),
        |name| format!("release {name}"),
    );
    Some(format!("belongs to {owner} now; left in place"))
}
