//! Inventory, journal and seal of a release, read at once and judged together.
//!
//! The seal says whether the other two are as they were written. [`StateObjects::into_home`] believes what it
//! vouches for and does not even parse what was altered; [`Unsealed`] shows everything, for a person who is to
//! accept it. Both parse by the same functions.

use super::parse::{foreign_journal, parse_head, parse_inventory};
use super::{Lock, ReleaseState, ReleaseStateError, Stored, get, kind_of};
use crate::cluster::Cluster;
use crate::model::format::LaterVersion;
use crate::model::inventory::Inventory;
use crate::model::journal::{Head, Journal, JournalPhase};
use crate::model::seal::Integrity;
use crate::model::state_key::StateKey;
use crate::model::{Object, Target, Uid, names};
use crate::observe::sealing::{SealRead, Sealing, read_seal};

/// What lies there of a release's state.
pub(super) struct StateObjects<'a> {
    /// Namespace and name of the release.
    release: (&'a str, &'a str),
    inventory: Option<Object>,
    journal: Option<Object>,
    seal: SealRead,
}

impl<'a> StateObjects<'a> {
    /// Reads them all at once. `outside` is the key that they may be sealed with.
    pub async fn read(
        cluster: &dyn Cluster,
        (namespace, name): (&'a str, &'a str),
        outside: Option<&StateKey>,
    ) -> Result<Self, ReleaseStateError> {
        let maps = kind_of(false);
        let inventory = Target::new(&maps, Some(namespace), &names::inventory(name));
        let journal = Target::new(&maps, Some(namespace), &names::journal(name));

        // At once: the shorter the time between these reads, the fewer of them fall into the middle of a write.
        let (inventory, journal, seal) = futures::join!(
            get(cluster, &inventory),
            get(cluster, &journal),
            read_seal(cluster, namespace, name, outside)
        );
        Ok(Self {
            release: (namespace, name),
            inventory: inventory?,
            journal: journal?,
            seal: seal?,
        })
    }

    /// The versions of what was read: two reads of one state have the same.
    pub fn versions(&self) -> Vec<String> {
        let version = |object: &Option<Object>| {
            let version = object.as_ref().map(Object::resource_version);
            version.unwrap_or_default().to_owned()
        };
        vec![
            version(&self.inventory),
            version(&self.journal),
            self.seal.version(),
        ]
    }

    /// What of it can be believed.
    pub fn into_home(self, lock: Lock) -> Result<ReleaseState, ReleaseStateError> {
        let mut home = ReleaseState {
            lease: lock.lease,
            lock_unknown: lock.unknown,
            sealing: self.check_integrity()?,
            ..ReleaseState::default()
        };
        // What is not as it was written is not read.
        if matches!(home.sealing.integrity, Integrity::Altered(_)) {
            return Ok(home);
        }

        let is_newer = matches!(home.sealing.integrity, Integrity::Newer(_));
        let head = understood(self.journal.as_ref().map(parse_head), is_newer)?;
        // A seal is bound to its release. Where nothing vouches for the journal, its own text has to fit at
        // least.
        if let Some(why) = self.foreign_journal(head.as_ref()) {
            home.sealing.integrity = Integrity::Altered(why);
            return Ok(home);
        }

        home.inventory = understood(self.inventory.as_ref().map(parse_inventory), is_newer)?;
        (home.head, home.rehearsal) = head.map_or((None, None), split_rehearsal);
        Ok(home)
    }

    /// All of it, believed or not.
    pub fn into_unsealed(self) -> Result<Unsealed, ReleaseStateError> {
        // Nothing can be sealed anew without it.
        let namespace_uid = self
            .seal
            .namespace_uid()
            .map_err(|why| ReleaseStateError::Unreadable {
                target: format!("the seal of {} and its key", self.release.1),
                why: why.to_string(),
            })?;

        let sealing = self.check_integrity()?;
        // Parsed whatever the seal says: a person is to see what lies there before accepting it.
        let head = self.journal.as_ref().map(parse_head).transpose();
        let members = self.inventory.as_ref().map(parse_inventory).transpose();

        let parsed = head.as_ref().ok().and_then(Option::as_ref);
        let broken = head.as_ref().err().or(members.as_ref().err());
        let unreadable = broken
            .map(ToString::to_string)
            .or_else(|| self.foreign_journal(parsed));

        Ok(Unsealed {
            head: head.ok().flatten(),
            inventory: members.ok().flatten(),
            unreadable,
            seal: self.seal.stored(),
            sequence: self.seal.sequence(),
            keys: self.seal.keys().to_vec(),
            next_key: self.seal.next().cloned(),
            namespace_uid,
            sealing,
            objects: [self.journal, self.inventory],
        })
    }

    fn check_integrity(&self) -> Result<Sealing, ReleaseStateError> {
        let (_, name) = self.release;
        let mut sealing = self
            .seal
            .check_integrity(name, self.journal.as_ref(), self.inventory.as_ref())?;
        // Each says its own, also where no seal can be read.
        let newer = [&self.journal, &self.inventory].into_iter().flatten();
        if let Some(version) = newer.filter_map(newer_version).max()
            && !matches!(sealing.integrity, Integrity::Altered(_))
        {
            sealing.integrity = Integrity::Newer(version);
        }
        Ok(sealing)
    }

    fn foreign_journal(&self, head: Option<&Stored<Head>>) -> Option<String> {
        let (namespace, name) = self.release;
        foreign_journal(&head?.value.current, namespace, name)
    }
}

/// The format version that a ConfigMap says, where only a later program knows it.
fn newer_version(object: &Object) -> Option<LaterVersion> {
    LaterVersion::new(object.text("/data/formatVersion").parse().ok()?)
}

/// What was parsed. Of a later format as much is shown as is understood.
fn understood<T>(
    parsed: Option<Result<T, ReleaseStateError>>,
    is_newer: bool,
) -> Result<Option<T>, ReleaseStateError> {
    match parsed.transpose() {
        Err(_) if is_newer => Ok(None),
        parsed => parsed,
    }
}

/// The head as it was before a rehearsal, and the journal of that: nothing of the release was changed by it.
fn split_rehearsal(stored: Stored<Head>) -> (Option<Stored<Head>>, Option<Stored<Journal>>) {
    if stored.value.current.phase != JournalPhase::Rehearsing {
        return (Some(stored), None);
    }
    let Stored {
        value: Head { current, before, .. },
        uid,
        resource_version,
    } = stored;
    // Both lie in one object, which the next write of either is over.
    let before = before.map(|before| Stored {
        value: *before,
        uid: uid.clone(),
        resource_version: resource_version.clone(),
    });
    let rehearsal = Stored {
        value: current,
        uid,
        resource_version,
    };
    (before, Some(rehearsal))
}

/// A release's state as it lies there, believed or not.
#[derive(Clone, Debug)]
pub struct Unsealed {
    /// The journal.
    pub head: Option<Stored<Head>>,
    /// Members and history.
    pub inventory: Option<Stored<Inventory>>,
    /// Why one of them cannot be read, or is that of another release.
    pub unreadable: Option<String>,
    /// The ConfigMaps of both.
    pub objects: [Option<Object>; 2],
    /// The Secret that holds the seal.
    pub seal: Option<Stored<()>>,
    /// How many writes the seal has counted.
    pub sequence: u64,
    /// The keys that the cluster holds, one or two.
    pub keys: Vec<StateKey>,
    /// The one of them that is about to take the other one's place.
    pub next_key: Option<StateKey>,
    /// uid of the release namespace; none where that is not there.
    pub namespace_uid: Option<Uid>,
    /// What the seal says of it.
    pub sealing: Sealing,
}

impl Unsealed {
    /// The versions of what was read: two reads of one state have the same.
    pub fn versions(&self) -> Vec<String> {
        let objects = self
            .objects
            .iter()
            .map(|object| object.as_ref().map(Object::resource_version));

        let seal = self.seal.as_ref().map(|seal| &*seal.resource_version);

        objects
            .chain([seal])
            .map(|version| version.unwrap_or_default().to_owned())
            .collect()
    }
}
