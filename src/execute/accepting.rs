//! A state that cannot be believed, or that gets another key, sealed anew: what the head and the inventory
//! name is read once more, written again under the new key, and named by them.
//!
//! A new key lies under a name of its own until head and inventory are sealed with it, and takes the old
//! one's place then: killed at any point, it leaves a key in the cluster for each seal that it leaves. What
//! was named before goes last, when nothing names it any more.

use super::locks::Locks;
use super::patience::Patience;
use super::promote::ExecuteError;
use super::renewing::Renewing;
use super::requests::deletion;
use super::sealing::{SealAtHand, random};
use super::services::Services;
use super::store::{Store, StoreError, Writer, parts_of};
use crate::model::Object;
use crate::model::bundle::{Bundle, is_named_by_its_bytes};
use crate::model::inventory::Inventory;
use crate::model::journal::Head;
use crate::model::moves::ReleaseRef;
use crate::model::names;
use crate::model::plan::Propagation;
use crate::model::seal::{Integrity, Role, Sealed, seal_of};
use crate::model::state_key::{BoundKey, StateKey};
use crate::observe::home::{Stored, Unsealed, part_bytes, read_unsealed};
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
    let locks = Arc::new(
        Locks::take(services, release, &[])
            .await
            .map_err(ExecuteError::Lock)?,
    );
    let sealed = Sealing {
        release,
        locks: &locks,
        services,
    }
    .anew(seen, new)
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

struct Sealing<'a> {
    release: &'a ReleaseRef,
    locks: &'a Arc<Locks>,
    services: &'a Services,
}

impl Sealing<'_> {
    fn writer(&self) -> Writer {
        Writer {
            cluster: self.services.cluster.clone(),
            patience: Patience::new(self.locks.clone(), self.services),
            release: self.release.clone(),
        }
    }

    async fn anew(&self, seen: &Unsealed, new: NewKey) -> Result<Vec<String>, ExecuteError> {
        let cluster = self.services.cluster.as_ref();
        let ReleaseRef { namespace, name } = self.release;
        let found = read_unsealed(cluster, namespace, name, self.services.state_key.as_ref()).await?;
        // What is sealed is what a person was shown, and no later write of anybody.
        if found.versions() != seen.versions() {
            return Err(ExecuteError::Nothing(format!(
                "expected the state of {name} as it was shown, found it changed since; nothing was changed"
            )));
        }

        let writer = self.writer();
        let mut head = found.head.as_ref().map(|stored| stored.value.clone());
        let mut inventory = found.inventory.as_ref().map(|stored| stored.value.clone());

        // What a key in the cluster vouched for, whoever may read it could have written: a key outside must not be made to vouch
        // for that.
        let was_outside = found.sealing.state.as_ref().is_some_and(|state| state.outside);
        let forgets = matches!(new, NewKey::Outside(_)) && !was_outside;
        if forgets && head.as_ref().is_some_and(|head| head.current.is_open()) {
            return Err(ExecuteError::Nothing(format!(
                "expected no unfinished promotion of {name}, found one that no key outside has vouched for; nothing was \
                 changed: finish it first, or start from the release's file with promote RELEASE --discard-state"
            )));
        }

        // A run that was killed may have sealed with a key that has not taken its place yet: it is the only one that fits.
        let sealed_by = found.sealing.state.as_ref().map(|state| &state.key);
        let begun = found.next_key.clone().filter(|key| sealed_by == Some(&key.id()));
        let (outside, is_new, key) = match new {
            NewKey::Outside(key) => (true, false, key),
            // Of two keys the next one: it is the one that the seal names by then.
            NewKey::Cluster => match found.keys.last().cloned() {
                Some(key) => (false, false, key),
                None => (false, true, random()?),
            },
            NewKey::Fresh => match begun.clone() {
                Some(key) => (false, true, key),
                None => (false, true, random()?),
            },
        };
        let bound = key.bind(&found.namespace_uid, name);
        if is_new && begun.is_none() {
            // A key is created and never replaced: what an earlier
            // try has left under this name has to go first.
            self.delete(&names::next_state_key(name)).await?;
            writer.write_key(&names::next_state_key(name), &key).await?;
        }

        // What a seal vouches for goes on being looked at; what a person accepts is taken as it lies there.
        let sealed = found
            .sealing
            .key
            .iter()
            .filter(|_| found.sealing.integrity == Integrity::Sealed);
        let mut old: Vec<BoundKey> = sealed.cloned().collect();
        if !old.is_empty() {
            // A run that was killed has sealed with the new key what names bundles of the one before.
            old.extend(found.keys.iter().map(|key| key.bind(&found.namespace_uid, name)));
        }

        let mut renewing = Renewing::new(self.services, old.clone(), bound.clone());
        let gone = if forgets {
            renewing.notes.push(format!(
                "what is kept of earlier promotions is forgotten, for a key in the cluster vouched for it: the next promotion \
                 of {name} is the first that can be reverted"
            ));
            forget(head.as_mut(), inventory.as_mut())
        } else {
            renewing
                .all(self.release, head.as_mut(), inventory.as_mut())
                .await?
        };

        let Renewing { packed, notes, .. } = renewing;
        // Written before anything names them: head and inventory still name what was there before.
        for (bundle, parts) in &packed {
            writer.write_bundle(bundle, parts).await?;
        }

        let state = as_it_is(&found, &bound, outside);
        let mut seal = SealAtHand {
            key: bound,
            stored: found.seal.clone(),
            state,
        };
        writer.write_seal(&mut seal, None).await?;

        let store = Store::new(writer, seal);
        // Rewritten in any case: by now they name other bundles.
        if let (Some(head), Some(stored)) = (head, &found.head) {
            store.write_head(&head, Some(&handle(stored))).await?;
        }
        if let (Some(inventory), Some(stored)) = (inventory, &found.inventory) {
            store.write_inventory(&inventory, Some(&handle(stored))).await?;
        }
        // Everything is sealed with it by now: the old one has nothing to vouch for any more.
        if is_new {
            self.delete(&names::state_key(name)).await?;
            store.writer.write_key(&names::state_key(name), &key).await?;
            self.delete(&names::next_state_key(name)).await?;
        }

        // Whose parts they are, nothing but the key before tells.
        let is_ours = |part: &Object, name: &str| {
            let bytes = part_bytes(part);
            bytes.is_ok_and(|bytes| old.iter().any(|old| is_named_by_its_bytes(name, &bytes, old)))
        };
        for part in parts_of(&gone) {
            store.writer.delete_part(&part, is_ours).await?;
        }
        Ok(notes)
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
            self.delete_one(secret, &name).await?;
        }
        Ok(())
    }

    async fn delete(&self, secret: &str) -> Result<(), StoreError> {
        self.delete_one(true, secret).await
    }

    async fn delete_one(&self, secret: bool, name: &str) -> Result<(), StoreError> {
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

        let until = writer.patience.start().before_write().await?;
        let options = deletion(&found, Propagation::Background, until);
        match writer.cluster.delete(&target, &options).await {
            Err(error) if !error.is_not_found() => Err(api(error)),
            _ => Ok(()),
        }
    }
}

/// Takes out of them what later runs would act on; the bundles that are no longer needed then.
fn forget(head: Option<&mut Head>, inventory: Option<&mut Inventory>) -> Vec<Bundle> {
    let mut gone = Vec::new();
    if let Some(Head {
        current, previous, ..
    }) = head
    {
        for bundles in [&mut current.forget, &mut current.parts, &mut current.record] {
            gone.append(bundles);
        }
        if let Some(mut previous) = previous.take() {
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

fn handle<T>(stored: &Stored<T>) -> Stored<()> {
    Stored {
        value: (),
        uid: stored.uid.clone(),
        resource_version: stored.resource_version.clone(),
    }
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
