//! What the inventories of releases are told whose members move: that they are about to, that they have, or
//! that they are back.
//!
//! The other inventory says that its members are about to move before the first of them does, and gives them
//! up after the commit. Its lock is held, and it is written under its own seal. Each is read first, so that
//! what it says already is not written, and a run that died in between does no harm.

use super::machine::{Moving, Now};
use super::sealing;
use super::store::{StateStore, split};
use super::writer::{StoreError, Writer};
use crate::model::inventory::Inventory;
use crate::model::journal::UndoState;
use crate::model::moves::{Move, Moved, ReleaseRef};
use crate::model::names;
use crate::model::state_key::StateKey;
use crate::observe::release_state::{Bodies, ReleaseState, ReleaseStateError, read_release_state};

/// How often an inventory is written again that another client wrote meanwhile.
const TRIES: usize = 12;

/// Tells the inventories that lose members, or have them back. Each is read first: what is told already is not written.
pub(super) async fn write(
    moving: Moving,
    now: &Now,
    bodies: &Bodies,
    own: &Writer,
    outside: Option<&StateKey>,
) -> Result<(), StoreError> {
    for one in &bodies.promotion.plan.moves {
        write_one(moving, one, now, own, outside).await?;
    }
    Ok(())
}

async fn write_one(
    moving: Moving,
    one: &Move,
    now: &Now,
    own: &Writer,
    outside: Option<&StateKey>,
) -> Result<(), StoreError> {
    // Its lock is held: whoever writes this inventory all the same is no run.
    for _ in 0..TRIES {
        let (cluster, patience) = (own.cluster.clone(), own.patience.clone());
        let writer = Writer {
            cluster,
            patience,
            release: one.from.clone(),
        };

        let home = read_patiently(&writer, outside).await?;
        if let Some(report) = sealing::stopped_by(&home.sealing, &one.from) {
            return Err(StoreError::Altered {
                release: one.from.to_string(),
                why: report.message,
            });
        }
        // Whoever deleted all that it keeps wants none; and what nobody has sealed is not sealed by passing.
        let (Some(stored), Some(seal)) = (home.inventory, sealing::known_seal(&home.sealing)) else {
            return Ok(());
        };

        let store = StateStore::new(writer, seal);

        let mut inventory = stored.value.clone();
        record_move(moving, one, now, &mut inventory);
        if inventory == stored.value {
            return Ok(());
        }

        let (_, known) = split(Some(stored));
        match store.write_inventory(&inventory, known.as_ref()).await {
            Err(StoreError::Moved { .. }) => {}
            written => return written.map(drop),
        }
    }

    let ReleaseRef { namespace, name } = &one.from;
    Err(StoreError::Moved {
        target: format!("{namespace}/{}", names::inventory(name)),
    })
}

async fn read_patiently(writer: &Writer, outside: Option<&StateKey>) -> Result<ReleaseState, StoreError> {
    let mut clock = writer.patience.start();
    let ReleaseRef { namespace, name } = &writer.release;
    loop {
        match read_release_state(writer.cluster.as_ref(), namespace, name, outside).await {
            Err(ReleaseStateError::Api { source, .. }) if source.is_transient() => clock.wait().await?,
            read => return Ok(read?),
        }
    }
}

fn record_move(moving: Moving, one: &Move, now: &Now, inventory: &mut Inventory) {
    let journal = &now.head.current;
    let moved = |objects| Moved {
        to: ReleaseRef::new(&journal.namespace, &journal.release.name),
        version: journal.release.version.clone(),
        promotion: journal.id.clone(),
        actor: journal.actor.clone(),
        at: journal.started_at,
        is_done: false,
        objects,
    };

    match moving {
        Moving::Announced => inventory.announce(moved(one.objects.clone())),
        Moving::HandedOver => inventory.hand_over(moved(one.objects.clone())),
        Moving::TakenBack => {
            // What its undo has left behind stays with this release.
            let left = journal
                .steps
                .iter()
                .filter(|step| matches!(step.undo, UndoState::Left { .. }));
            let left = left.map(|step| step.target.id()).collect();
            // What a third release took meanwhile is not given back.
            let mut given = one.clone();
            given
                .objects
                .retain(|target| now.inventory.moved_to(&target.id()).is_none());
            // Before the commit they were members of both, and were never given up.
            let was_promoted = journal.reverting.as_ref().is_some_and(|one| one.was_promoted);
            inventory.take_back(&journal.id, &given, &left, was_promoted);
        }
    }
}
