//! What a release keeps in the cluster, written under its seal: the journal's head, the inventory, and the
//! deletion of bundles that nothing names any more.
//!
//! Head and inventory share one seal, so that their writes go one after the other. What tells a run's own
//! write from another's, where the answer was lost, is said here: the head's serial and holder, the
//! inventory's whole text.

use super::codec;
use super::sealing::SealAtHand;
use super::writer::{StoreError, Writer};
use crate::model::bundle::{PartBundle, is_named_by_its_bytes};
use crate::model::inventory::Inventory;
use crate::model::journal::Head;
use crate::model::moves::ReleaseRef;
use crate::model::names;
use crate::model::seal::Role;
use crate::model::state_key::BoundKey;
use crate::model::{Object, Target};
use crate::observe::release_state::{Stored, kind_of, parse_head, parse_inventory, part_bytes};
use futures::future::try_join_all;
use tokio::sync::Mutex;

/// Writes what one release keeps, under its seal.
pub(super) struct StateStore {
    pub writer: Writer,
    pub key: BoundKey,
    seal: Mutex<SealAtHand>,
}

impl StateStore {
    pub(super) fn new(writer: Writer, seal: SealAtHand) -> Self {
        Self {
            writer,
            key: seal.key.clone(),
            seal: Mutex::new(seal),
        }
    }

    /// Writes the head over the one of `known`, or creates it. Its serial tells our own write from another's.
    pub(super) async fn write_head(
        &self,
        head: &Head,
        known: Option<&Stored<()>>,
    ) -> Result<Stored<()>, StoreError> {
        let ReleaseRef { namespace, name } = &self.writer.release;
        let target = self.writer.target(false, &names::journal(name));
        // Before anything is sent: what does not fit leaves all as it is.
        let body = codec::head_body(head, namespace, name).map_err(|source| StoreError::Encoding {
            target: target.to_string(),
            source,
        })?;
        // A later run goes on with the serials of this journal: only the holder tells them apart.
        let is_ours = |found: &Object| {
            parse_head(found).is_ok_and(|found| {
                let (found, ours) = (&found.value.current, &head.current);
                found.id == ours.id && found.serial == ours.serial && found.holder == ours.holder
            })
        };
        // Over all three writes: head and inventory share one seal.
        let mut seal = self.seal.lock().await;
        self.writer
            .write_sealed(&mut seal, Role::Head, &target, body, known, is_ours)
            .await
    }

    /// Has no head any more: deletes the one of `known`.
    pub(super) async fn delete_head(&self, known: &Stored<()>) -> Result<(), StoreError> {
        let target = self
            .writer
            .target(false, &names::journal(&self.writer.release.name));
        let mut seal = self.seal.lock().await;
        self.writer
            .delete_sealed(&mut seal, Role::Head, &target, known)
            .await
    }

    /// Writes the inventory over the one of `known`, or creates it.
    pub(super) async fn write_inventory(
        &self,
        inventory: &Inventory,
        known: Option<&Stored<()>>,
    ) -> Result<Stored<()>, StoreError> {
        let ReleaseRef { namespace, name } = &self.writer.release;

        let target = self.writer.target(false, &names::inventory(name));
        let body =
            codec::inventory_body(inventory, namespace, name).map_err(|source| StoreError::Encoding {
                target: target.to_string(),
                source,
            })?;
        // It has no serial: one that says the same is as good as our own.
        let is_ours = |found: &Object| parse_inventory(found).is_ok_and(|found| found.value == *inventory);

        let mut seal = self.seal.lock().await;
        self.writer
            .write_sealed(&mut seal, Role::Inventory, &target, body, known, is_ours)
            .await
    }

    /// Deletes the parts of bundles. What is not there or not ours stays out of it: a part carries our labels, and its name
    /// is the one that its own bytes give it.
    pub(super) async fn delete_bundles(&self, bundles: &[PartBundle]) -> Result<(), StoreError> {
        let parts = parts_of(bundles);
        // Labels can be copied: that it is ours is told by its bytes and the key.
        let is_ours = |part: &Object, name: &str| {
            part_bytes(part).is_ok_and(|bytes| is_named_by_its_bytes(name, &bytes, &self.key))
        };
        try_join_all(parts.map(|target| async move { self.writer.delete_part(&target, is_ours).await }))
            .await
            .map(drop)
    }
}

/// Where the parts of bundles lie.
pub(super) fn parts_of(bundles: &[PartBundle]) -> impl Iterator<Item = Target> + '_ {
    bundles.iter().flat_map(|bundle| {
        let kind = kind_of(bundle.secret);
        bundle
            .names
            .iter()
            .map(move |name| Target::new(&kind, Some(&bundle.namespace), name))
    })
}

/// An inventory as it was read, and what the next write names of it.
pub(super) fn split(stored: Option<Stored<Inventory>>) -> (Inventory, Option<Stored<()>>) {
    match stored {
        Some(stored) => {
            let handle = stored.handle();
            (stored.value, Some(handle))
        }
        None => (Inventory::default(), None),
    }
}
