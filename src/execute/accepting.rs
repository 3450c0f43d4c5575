//! A state that cannot be believed, or that gets another key, sealed anew: what the head and the inventory
//! name is read once more, written again under the new key, and named by them.
//!
//! A new key lies under a name of its own until head and inventory are sealed with it, and takes the old
//! one's place then: killed at any point, it leaves a key in the cluster for each seal that it leaves. What
//! was named before goes last, when nothing names it any more.

use super::locks::Locks;
use super::not_begun::ExecuteError;
use super::packing::Packed;
use super::renewing::Renewing;
use super::requests::deletion;
use super::sealing::{SealAtHand, random};
use super::services::Services;
use super::store::{StateStore, parts_of};
use super::writer::{StoreError, Writer};
use crate::model::Object;
use crate::model::bundle::{PartBundle, is_named_by_its_bytes};
use crate::model::inventory::Inventory;
use crate::model::journal::Head;
use crate::model::moves::ReleaseRef;
use crate::model::names;
use crate::model::plan::Propagation;
use crate::model::seal::{Integrity, Role, Sealed, seal_of};
use crate::model::state_key::{BoundKey, StateKey};
use crate::observe::release_state::{Unsealed, part_bytes, read_unsealed};
use std::sync::Arc;

/// Which key seals.
#[derive(Clone, Debug)]
pub enum NewKey {
    /// The one in the cluster, or a new one there where it is gone.
    Cluster,
    /// A new one in the cluster.
    Fresh,
    /// This one, which is kept outside of the cluster.
    Outside(StateKey),
}

/// Seals what is there, as it is: what was read and shown before, or an error. What should be known of it comes back.
pub async fn seal_anew(
    release: &ReleaseRef,
    seen: &Unsealed,
    new: NewKey,
    services: &Services,
) -> Result<Vec<String>, ExecuteError> {
    let locks = Arc::new(Locks::take(services, release, &[]).await?);
    let sealed = Sealing {
        release,
        locks: &locks,
        services,
    }
    .seal_anew(seen, new)
    .await;

    locks.release().await;
    sealed
}

/// Takes away what the cluster keeps of a release, under its lock: head, inventory, seal and key. Its next promotion is a
/// first one.
pub(super) async fn discard(
    release: &ReleaseRef,
    locks: &Arc<Locks>,
    services: &Services,
) -> Result<(), StoreError> {
    Sealing {
        release,
        locks,
        services,
    }
    .discard()
    .await
}

/// The state, where it is what a user was shown, and no later write of another client.
pub(super) async fn read_as_seen(
    release: &ReleaseRef,
    seen: &Unsealed,
    services: &Services,
) -> Result<Unsealed, ExecuteError> {
    let ReleaseRef { namespace, name } = release;
    let key = services.state_key.as_ref();
    let found = read_unsealed(services.cluster.as_ref(), namespace, name, key).await?;
    if found.versions() == seen.versions() {
        return Ok(found);
    }
    Err(ExecuteError::Nothing {
        message: format!(
            "the state of release {name} in namespace {namespace} changed since it was read; nothing was changed"
        ),
        hint: "type the same command again".into(),
    })
}

struct Sealing<'a> {
    release: &'a ReleaseRef,
    locks: &'a Arc<Locks>,
    services: &'a Services,
}

impl Sealing<'_> {
    fn writer(&self) -> Writer {
        Writer::new(self.release.clone(), self.locks, self.services)
    }

    async fn seal_anew(&self, seen: &Unsealed, new: NewKey) -> Result<Vec<String>, ExecuteError> {
        let name = &self.release.name;
        // Read again under the lock: what is accepted is what a user was shown, and nothing later.
        let found = read_as_seen(self.release, seen, self.services).await?;
        let forgets = forgets_history(&found, &new);
        if forgets {
            ensure_nothing_unfinished(&found, self.release)?;
        }

        let chosen = ChosenKey::choose(new, &found)?;
        let bound = chosen.key.bind(found.namespace_uid.as_ref(), name);
        let writer = self.writer();
        if chosen.storage == KeyStorage::New {
            // A key is created and never replaced: what an earlier try has left under this name has to go first.
            self.delete(true, &names::next_state_key(name)).await?;
            writer
                .write_key(&names::next_state_key(name), &chosen.key)
                .await?;
        }

        // Before the first write: once the head is sealed anew, nothing tells which key its bundles had.
        let old = old_keys(&found, name);
        let renewed = self.renew(&found, &old, &bound, forgets).await?;
        let seal = SealAtHand {
            state: as_it_is(&found, &bound, chosen.storage == KeyStorage::Outside),
            stored: found.seal.clone(),
            key: bound,
        };
        let store = write_renewed(writer, seal, &found, &renewed).await?;

        // Everything is sealed with it by now: the old one has nothing to vouch for any more.
        if matches!(chosen.storage, KeyStorage::New | KeyStorage::Begun) {
            self.delete(true, &names::state_key(name)).await?;
            store
                .writer
                .write_key(&names::state_key(name), &chosen.key)
                .await?;
            self.delete(true, &names::next_state_key(name)).await?;
        }

        // Last: until the new head was there, the old one named these.
        delete_unnamed(&store.writer, &renewed.gone, &old).await?;
        Ok(renewed.notes)
    }

    /// Packs what head and inventory name under the new key, or forgets it.
    async fn renew(
        &self,
        found: &Unsealed,
        old: &[BoundKey],
        bound: &BoundKey,
        forgets: bool,
    ) -> Result<RenewedState, ExecuteError> {
        let mut head = found.head.as_ref().map(|stored| stored.value.clone());
        let mut inventory = found.inventory.as_ref().map(|stored| stored.value.clone());

        let mut renewing = Renewing::new(self.services, old.to_vec(), bound.clone());
        let gone = if forgets {
            renewing.notes.push(format!(
                "the stored state of earlier promotions of {} was sealed with a key in the cluster and is dropped: only \
                 promotions from now on can be reverted",
                self.release.name
            ));
            unname_bundles(head.as_mut(), inventory.as_mut())
        } else {
            renewing
                .renew_all(self.release, head.as_mut(), inventory.as_mut())
                .await?
        };

        let Renewing { packed, notes, .. } = renewing;
        Ok(RenewedState {
            head,
            inventory,
            packed,
            gone,
            notes,
        })
    }

    async fn discard(&self) -> Result<(), StoreError> {
        // In this order: what is left where this is interrupted is altered, and never believed.
        let name = &self.release.name;
        for (secret, name) in [
            (false, names::journal(name)),
            (false, names::inventory(name)),
            (true, names::seal(name)),
            (true, names::next_state_key(name)),
            (true, names::state_key(name)),
        ] {
            self.delete(secret, &name).await?;
        }
        Ok(())
    }

    async fn delete(&self, secret: bool, name: &str) -> Result<(), StoreError> {
        let writer = self.writer();
        let target = writer.target(secret, name);
        let api = |source| StoreError::Api {
            target: target.to_string(),
            source,
        };
        // Of a key no more is read than it takes to delete it.
        let Some(found) = writer.cluster.get_metadata(&target).await.map_err(api)? else {
            return Ok(());
        };

        // For each of them anew: the lock may have been lost between two.
        let until = writer.patience.start().before_write().await?;
        let options = deletion(&found, Propagation::Background, until);
        match writer.cluster.delete(&target, &options).await {
            Err(error) if !error.is_not_found() => Err(api(error)),
            _ => Ok(()),
        }
    }
}

/// Head and inventory as they are under the new key, and what they name.
struct RenewedState {
    head: Option<Head>,
    inventory: Option<Inventory>,
    packed: Vec<Packed>,
    /// What nothing names any more then.
    gone: Vec<PartBundle>,
    /// What should be known.
    notes: Vec<String>,
}

/// Where the key that seals from now on lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyStorage {
    /// Outside of the cluster.
    Outside,
    /// In the cluster, under the name that it keeps.
    Present,
    /// In the cluster, where it is still to be written.
    New,
    /// In the cluster, under the next key's name: a run that was killed had sealed with it.
    Begun,
}

/// The key that seals from now on.
struct ChosenKey {
    key: StateKey,
    storage: KeyStorage,
}

impl ChosenKey {
    fn choose(new: NewKey, found: &Unsealed) -> Result<Self, StoreError> {
        // A run that was killed may have sealed with a key that has not taken its place yet: it is the only one that fits.
        let sealed_by = found.sealing.state.as_ref().map(|state| &state.key);
        let begun = found.next_key.clone().filter(|key| sealed_by == Some(&key.id()));

        let known = match new {
            NewKey::Outside(key) => Some((key, KeyStorage::Outside)),
            // Of two keys the next one: it is the one that the seal names by then.
            NewKey::Cluster => found.keys.last().map(|key| (key.clone(), KeyStorage::Present)),
            NewKey::Fresh => begun.map(|key| (key, KeyStorage::Begun)),
        };
        let (key, storage) = match known {
            Some(known) => known,
            None => (random()?, KeyStorage::New),
        };
        Ok(Self { key, storage })
    }
}

/// Whether what later runs would act on is forgotten. What a key in the cluster vouched for, whoever may read it could have
/// written: a key outside must not be made to vouch for that.
fn forgets_history(found: &Unsealed, new: &NewKey) -> bool {
    let was_outside = found.sealing.state.as_ref().is_some_and(|state| state.outside);
    matches!(new, NewKey::Outside(_)) && !was_outside
}

fn ensure_nothing_unfinished(found: &Unsealed, release: &ReleaseRef) -> Result<(), ExecuteError> {
    let is_open = found
        .head
        .as_ref()
        .is_some_and(|head| head.value.current.is_open());
    if !is_open {
        return Ok(());
    }
    let ReleaseRef { namespace, name } = release;
    Err(ExecuteError::Nothing {
        message: format!(
            "a promotion of {name} is unfinished, and its state is not sealed with a key outside of the cluster; nothing was changed"
        ),
        hint: format!("to resume it first: kubectl delivery promote --resume {name} -n {namespace}"),
    })
}

/// The keys that bundles were made with. What a seal vouches for goes on being looked at; what a person accepts is taken as it
/// lies there, and has none.
fn old_keys(found: &Unsealed, name: &str) -> Vec<BoundKey> {
    if found.sealing.integrity != Integrity::Sealed {
        return Vec::new();
    }
    let Some(sealed) = &found.sealing.key else {
        return Vec::new();
    };
    // A run that was killed has sealed with the new key what names bundles of the one before.
    let others = found
        .keys
        .iter()
        .map(|key| key.bind(found.namespace_uid.as_ref(), name));
    [sealed.clone()].into_iter().chain(others).collect()
}

/// Writes bundles before anything names them, then the seal, then head and inventory, which named others until now.
async fn write_renewed(
    writer: Writer,
    mut seal: SealAtHand,
    found: &Unsealed,
    renewed: &RenewedState,
) -> Result<StateStore, StoreError> {
    for (bundle, parts) in &renewed.packed {
        writer.write_bundle(bundle, parts).await?;
    }
    writer.write_seal(&mut seal, None).await?;

    let store = StateStore::new(writer, seal);
    if let (Some(head), Some(stored)) = (&renewed.head, &found.head) {
        store.write_head(head, Some(&stored.handle())).await?;
    }
    if let (Some(inventory), Some(stored)) = (&renewed.inventory, &found.inventory) {
        store.write_inventory(inventory, Some(&stored.handle())).await?;
    }
    Ok(store)
}

async fn delete_unnamed(writer: &Writer, gone: &[PartBundle], old: &[BoundKey]) -> Result<(), StoreError> {
    // Whose parts they are, nothing but the key before tells.
    let is_ours = |part: &Object, name: &str| {
        let bytes = part_bytes(part);
        bytes.is_ok_and(|bytes| old.iter().any(|old| is_named_by_its_bytes(name, &bytes, old)))
    };
    for part in parts_of(gone) {
        writer.delete_part(&part, is_ours).await?;
    }
    Ok(())
}

/// Takes out of them what later runs would act on; the bundles that are no longer needed then.
pub(super) fn unname_bundles(head: Option<&mut Head>, inventory: Option<&mut Inventory>) -> Vec<PartBundle> {
    let mut gone = Vec::new();
    if let Some(head) = head {
        let current = &mut head.current;
        for bundles in [&mut current.forget, &mut current.parts, &mut current.record] {
            gone.append(bundles);
        }
        if let Some(before) = &mut head.before {
            gone.append(&mut unname_bundles(Some(before), None));
        }
        if let Some(mut previous) = head.previous.take() {
            gone.append(&mut previous.parts);
            gone.extend(previous.bundle);
        }
    }
    // What was promoted stays known; promoted again it can be from its file alone.
    for entry in inventory.into_iter().flat_map(|inventory| &mut inventory.history) {
        gone.append(&mut entry.record);
    }
    gone
}

/// The state as it lies there, under this key.
fn as_it_is(found: &Unsealed, key: &BoundKey, outside: bool) -> Sealed {
    let [head, inventory] = &found.objects;
    let head = head
        .as_ref()
        .map(|object| seal_of(key, Role::Head, object.value()));
    let inventory = inventory
        .as_ref()
        .map(|object| seal_of(key, Role::Inventory, object.value()));
    Sealed::new(key, outside, found.sequence + 1, head, inventory)
}
