//! Gives a release's members to another manager and deletes what the cluster keeps of the release. No object is deleted.
//!
//! First the members, each in one write that drops the label and hands its fields over; then the bundles; then the members
//! and the history out of the inventory; last head, inventory, seal and keys. Killed at any point it can be run again: until
//! the members are done the state is sealed and names them, and after that there is nothing left in it to be believed.

use super::accepting::{discard, read_as_seen, unname_bundles};
use super::locks::Locks;
use super::not_begun::ExecuteError;
use super::requests::{expect_same, write_options};
use super::retry_budget::Attempts;
use super::sealing::prepare_seal;
use super::services::Services;
use super::store::StateStore;
use super::undo::is_test;
use super::writer::{StoreError, Writer};
use crate::cluster::ApiError;
use crate::model::inventory::Inventory;
use crate::model::moves::ReleaseRef;
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::seal::Integrity;
use crate::model::{FieldPath, Object, Target};
use crate::monitor::StopReason;
use crate::objects::hand_over;
use crate::observe::release_state::{Stored, Unsealed, read_members};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::sync::Arc;

/// How many members are handed over at once.
const AT_ONCE: usize = 8;

/// How often an object that others write all the time is read again.
const CONFLICTS: u32 = 20;

/// Hands over the members of `release` to `manager` and deletes what the cluster keeps of the release, as it was `seen`.
///
/// # Errors
///
/// Another run holds the lock, the state changed since it was read, or the server rejects a write: what was done before
/// stays done.
pub async fn forget(
    release: &ReleaseRef,
    seen: &Unsealed,
    manager: &str,
    services: &Services,
) -> Result<(), ExecuteError> {
    let locks = Arc::new(Locks::take(services, release, &[]).await?);
    let forgetting = Forgetting {
        manager,
        services,
        writer: Writer::new(release.clone(), &locks, services),
    };

    let forgotten = match forgetting.forget(seen).await {
        Ok(()) => discard(release, &locks, services).await.map_err(Into::into),
        Err(error) => Err(error),
    };
    locks.release().await;
    forgotten
}

/// What would be written to hand an object of `release` over; none where nothing of it is ours, or it is another
/// release's by now.
pub fn handover(live: &Object, release: &ReleaseRef, manager: &str) -> Option<Vec<Value>> {
    let label = live.label(APPLYSET_PART_OF_LABEL);
    let is_member = label.is_some_and(|label| label == release.set());
    if label.is_some() && !is_member {
        return None;
    }

    let path = FieldPath::root()
        .field("metadata")
        .field("labels")
        .field(APPLYSET_PART_OF_LABEL);
    let entries = hand_over(live, manager, std::slice::from_ref(&path));
    if entries.is_none() && !is_member {
        return None;
    }

    let mut operations = expect_same(live);
    if is_member {
        operations.push(json!({"op": "remove", "path": path.to_string()}));
    }
    if let Some(entries) = entries {
        operations.push(json!({"op": "replace", "path": "/metadata/managedFields", "value": entries}));
    }
    Some(operations)
}

struct Forgetting<'a> {
    manager: &'a str,
    services: &'a Services,
    writer: Writer,
}

impl Forgetting<'_> {
    async fn forget(self, seen: &Unsealed) -> Result<(), ExecuteError> {
        let found = read_as_seen(&self.writer.release, seen, self.services).await?;
        let members = read_members(self.services.cluster.as_ref(), &found).await?;
        let stored = found.inventory.as_ref().map(Stored::handle);
        let mut inventory = found.inventory.map(|stored| stored.value);
        if let Some(inventory) = &mut inventory {
            inventory.members.clear();
        }

        stream::iter(members.into_iter().map(|member| self.hand_over(member)))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;

        // What is not believed names no members by now, and the bundles that it names may be anybody's.
        if found.sealing.integrity != Integrity::Sealed {
            return Ok(());
        }
        let mut head = found.head.map(|stored| stored.value);
        let bundles = unname_bundles(head.as_mut(), inventory.as_mut());
        let seal = prepare_seal(&found.sealing, self.services.state_key.as_ref(), &self.writer).await?;
        let store = StateStore::new(self.writer, seal);
        store.delete_bundles(&bundles).await?;
        store
            .write_inventory(&Inventory::default(), stored.as_ref())
            .await?;
        Ok(())
    }

    /// Hands one member over. One that is gone, or whose kind is, has nothing to hand over.
    async fn hand_over(&self, target: Target) -> Result<(), StoreError> {
        let mut clock = self.writer.patience.start();
        let mut conflicts = 0;
        loop {
            let error = match self.try_to_hand_over(&target, &clock).await? {
                Ok(()) => return Ok(()),
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => error,
            };

            // Whoever writes it all the time may win once or twice, and not for ever.
            let is_moved = error.is_conflict() || is_test(&error);
            conflicts += u32::from(is_moved);
            if conflicts > CONFLICTS || (!is_moved && !error.is_transient()) {
                return Err(StoreError::Api {
                    target: target.to_string(),
                    source: error,
                });
            }
            clock.wait().await?;
        }
    }

    async fn try_to_hand_over(
        &self,
        target: &Target,
        clock: &Attempts<'_>,
    ) -> Result<Result<(), ApiError>, StopReason> {
        let cluster = &self.writer.cluster;
        let live = match clock.answer(cluster.get(target)).await {
            Ok(Some(live)) => live,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        let Some(operations) = handover(&live, &self.writer.release, self.manager) else {
            return Ok(Ok(()));
        };

        let options = write_options(clock.before_write().await?);
        let written = cluster.json_patch(target, &operations, &options);
        Ok(clock.answer(written).await.map(drop))
    }
}
