//! Reads what a release keeps in the cluster: its inventory, its journal and its lock, all by name, and in `parts` what
//! these name.
//!
//! Whatever is read here is acted on with the permissions of whoever runs this, so that neither journal nor
//! inventory leaves this module before the seal has been judged ([`Home`]). What is altered is not even
//! parsed. [`Unsealed`] is the one exception, for a person who looks at such a state and accepts it.
//!
//! Inventory, journal and seal are three objects, and Kubernetes has no read of several as of one moment.
//! Read while a run writes them they do not fit each other: they are read again until they fit, or until
//! nothing moves any more.

mod parts;

use super::sealing::{self, Sealing};
use crate::cluster::{ApiError, Cluster, ListRequest, paged};
use crate::model::bundle::{BundleError, decompress};
use crate::model::inventory::{HistoryEntry, Inventory};
use crate::model::journal::{Head, Journal};
use crate::model::k8s::kinds::built_in;
use crate::model::moves::Moved;
use crate::model::names::{self, ROLE_LABEL};
use crate::model::seal::Integrity;
use crate::model::state_key::{BoundKey, StateKey};
use crate::model::{Object, ResourceType, Target, plain_words};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub use parts::{
    Bodies, part_bytes, read_bodies, read_bundle, read_everything, read_kept, read_previous, read_record,
};
use std::time::Duration;

/// What was read, and the object that it was read from.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// What it says.
    pub value: T,
    /// uid of the object.
    pub uid: String,
    /// resourceVersion of the object.
    pub resource_version: String,
}

/// What a release keeps in its home namespace.
#[derive(Clone, Debug, Default)]
pub struct Home {
    /// Members and history; none before the first promotion.
    pub inventory: Option<Stored<Inventory>>,
    /// The journal; none before the first promotion.
    pub head: Option<Stored<Head>>,
    /// The lock's Lease; none where nobody holds it.
    pub lease: Option<Object>,
    /// Why the Lease could not be read: whether a run holds the lock is unknown then.
    pub lock_unknown: Option<String>,
    /// What vouches for inventory and journal.
    pub sealing: Sealing,
}

impl Home {
    /// The key to what inventory and journal name, where they are as they were written.
    pub fn key(&self) -> Option<&BoundKey> {
        // The key to a state that was altered vouches for nothing that it names.
        self.sealing
            .key
            .as_ref()
            .filter(|_| self.sealing.integrity == Integrity::Sealed)
    }
}

/// What a release keeps in the cluster cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The server refuses or does not answer.
    #[error("expected to read {target}: {source}")]
    Api {
        /// What was read.
        target: String,
        /// Why not.
        #[source]
        source: ApiError,
    },
    /// It is not what this tool writes.
    #[error("expected {target} as this version writes it, found {why}")]
    Unreadable {
        /// What was read.
        target: String,
        /// What is wrong with it.
        why: String,
    },
    /// A part is missing.
    #[error("expected {target}, which the journal names, found nothing")]
    Missing {
        /// What is missing.
        target: String,
    },
    /// A bundle's bytes are wrong.
    #[error("expected {target} as it was written")]
    Bundle {
        /// What was read.
        target: String,
        /// Why not.
        #[source]
        source: BundleError,
    },
}

/// The kind of Secrets, or else of ConfigMaps.
pub fn kind_of(secret: bool) -> ResourceType {
    own_kind("", if secret { "Secret" } else { "ConfigMap" })
}

/// The kind of a Lease.
pub fn lease_kind() -> ResourceType {
    own_kind("coordination.k8s.io", "Lease")
}

pub(super) fn own_kind(group: &str, kind: &str) -> ResourceType {
    // The table has all kinds that are asked for here; what follows is for the type's sake.
    built_in(group, kind).unwrap_or_else(|| ResourceType {
        group: group.into(),
        version: "v1".into(),
        kind: kind.into(),
        plural: format!("{}s", kind.to_lowercase()),
        namespaced: true,
    })
}

/// How often a state that does not fit is read again: a run may be writing it.
const LOOKS: usize = 20;
/// How long to wait in between.
const BETWEEN: Duration = Duration::from_millis(100);

/// Reads inventory, journal and lock of a release, and whether they are as they were written. `outside` is the key that is
/// kept outside of the cluster.
pub async fn read_home(
    cluster: &dyn Cluster,
    namespace: &str,
    name: &str,
    outside: Option<&StateKey>,
) -> Result<Home, HomeError> {
    let mut before = None;
    for _ in 0..LOOKS {
        let (versions, home) = look(cluster, namespace, name, outside).await;

        let is_altered = match &home {
            Ok(home) => matches!(home.sealing.integrity, Integrity::Altered(_)),
            Err(HomeError::Unreadable { .. }) => true,
            // A server that refuses or does not answer has nothing to do with a write under way.
            Err(_) => false,
        };

        // Read at different moments of one write, they do not fit; what does not move any more never will.
        if !is_altered || before == Some(versions.clone()) {
            return home;
        }

        before = Some(versions);
        tokio::time::sleep(BETWEEN).await;
    }

    // Somebody writes all the time: the last look counts, whatever it says.
    look(cluster, namespace, name, outside).await.1
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
    /// uid of the release namespace.
    pub namespace_uid: String,
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

/// Reads a release's state as it lies there. `outside` is the key that it may be sealed with.
pub async fn read_unsealed(
    cluster: &dyn Cluster,
    namespace: &str,
    name: &str,
    outside: Option<&StateKey>,
) -> Result<Unsealed, HomeError> {
    let maps = kind_of(false);
    let map = |name: &str| Target::new(&maps, Some(namespace), name);
    let (inventory, journal) = (map(&names::inventory(name)), map(&names::journal(name)));
    let (inventory, journal, seal) = futures::try_join!(
        get(cluster, &inventory),
        get(cluster, &journal),
        sealing::read(cluster, namespace, name, outside)
    )?;

    // Nothing can be sealed anew without it.
    let namespace_uid = seal.namespace_uid().map_err(|why| HomeError::Unreadable {
        target: format!("the seal of {name} and its key"),
        why,
    })?;

    let sealing = seal.judge(name, journal.as_ref(), inventory.as_ref())?;
    // Parsed whatever the seal says: a person is to see what lies there before accepting it.
    let head = journal.as_ref().map(parse_head).transpose();
    let members = inventory.as_ref().map(parse_inventory).transpose();

    let of_another = head
        .as_ref()
        .ok()
        .and_then(Option::as_ref)
        .and_then(|head| of_another(&head.value.current, namespace, name));

    let unreadable = [head.as_ref().err(), members.as_ref().err()]
        .into_iter()
        .flatten()
        .next();
    let unreadable = unreadable.map(ToString::to_string).or(of_another);

    Ok(Unsealed {
        head: head.ok().flatten(),
        inventory: members.ok().flatten(),
        unreadable,
        seal: seal.stored(),
        sequence: seal.sequence(),
        keys: seal.keys().to_vec(),
        next_key: seal.next().cloned(),
        namespace_uid,
        sealing,
        objects: [journal, inventory],
    })
}

/// One look, and the versions of what was read.
async fn look(
    cluster: &dyn Cluster,
    namespace: &str,
    name: &str,
    outside: Option<&StateKey>,
) -> (Vec<String>, Result<Home, HomeError>) {
    let maps = kind_of(false);
    let inventory = Target::new(&maps, Some(namespace), &names::inventory(name));
    let journal = Target::new(&maps, Some(namespace), &names::journal(name));
    let lease = Target::new(&lease_kind(), Some(namespace), &names::inventory(name));

    // At once: the shorter the time between these reads, the fewer of them fall into the middle of a write.
    let (inventory, journal, read_lease, seal) = futures::join!(
        get(cluster, &inventory),
        get(cluster, &journal),
        cluster.get(&lease),
        sealing::read(cluster, namespace, name, outside)
    );

    let read = || {
        let (inventory, journal, seal) = (inventory?, journal?, seal?);
        let (lease, lock_unknown) = match read_lease {
            Ok(lease) => (lease, None),
            // The role `view` has no right to Leases, and all but the lock can be told without.
            Err(error) if error.is_forbidden() => (None, Some(error.to_string())),
            Err(source) => {
                return Err(HomeError::Api {
                    target: lease.to_string(),
                    source,
                });
            }
        };
        Ok((inventory, journal, seal, lease, lock_unknown))
    };

    let (inventory, journal, seal, lease, lock_unknown) = match read() {
        Ok(read) => read,
        // No versions: nothing was read that could be compared with a second look.
        Err(error) => return (Vec::new(), Err(error)),
    };

    let version = |object: &Option<Object>| {
        object
            .as_ref()
            .map(|object| object.resource_version().to_owned())
            .unwrap_or_default()
    };
    let versions = vec![version(&inventory), version(&journal), seal.version()];

    let judged = || {
        let sealing = seal.judge(name, journal.as_ref(), inventory.as_ref())?;
        // What is not as it was written is not read.
        if matches!(sealing.integrity, Integrity::Altered(_)) {
            return Ok(Home {
                lease,
                lock_unknown,
                sealing,
                ..Home::default()
            });
        }

        let head = journal.map(|object| parse_head(&object)).transpose()?;
        // A seal is bound to its release. Where nothing vouches for the journal, its own text has to fit at
        // least.
        if let Some(why) = head
            .as_ref()
            .and_then(|head| of_another(&head.value.current, namespace, name))
        {
            let sealing = Sealing {
                integrity: Integrity::Altered(why),
                ..sealing
            };
            return Ok(Home {
                lease,
                lock_unknown,
                sealing,
                ..Home::default()
            });
        }

        let inventory = inventory.map(|object| parse_inventory(&object)).transpose()?;
        Ok(Home {
            inventory,
            head,
            lease,
            lock_unknown,
            sealing,
        })
    };
    (versions, judged())
}

/// The releases that keep something in a namespace, or in all of them: namespace and name.
pub async fn list_homes(
    cluster: &dyn Cluster,
    namespace: Option<&str>,
) -> Result<Vec<(String, String)>, HomeError> {
    // Either alone will do: a first promotion that was killed early has a journal and no inventory.
    let selector = format!("{ROLE_LABEL} in (inventory,journal)");
    let request = ListRequest::all(&kind_of(false), namespace).with_labels(&selector);
    let home = |object: Object| {
        let release = object.label(names::RELEASE_LABEL)?.to_owned();
        Some((object.namespace().unwrap_or_default().to_owned(), release))
    };

    let listed = paged(cluster, request, home).await;
    let listed = listed.map_err(|source| HomeError::Api {
        target: "the releases".into(),
        source,
    })?;

    let mut found: Vec<(String, String)> = listed.into_iter().flatten().collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// Why a journal is not that of this release: what it names reaches commands and messages.
fn of_another(journal: &Journal, namespace: &str, name: &str) -> Option<String> {
    let is_own = journal.namespace == namespace && journal.release.name == name;
    (!is_own).then(|| "its journal is that of another release".into())
}

async fn get(cluster: &dyn Cluster, target: &Target) -> Result<Option<Object>, HomeError> {
    cluster.get(target).await.map_err(|source| HomeError::Api {
        target: target.to_string(),
        source,
    })
}

/// What this program writes into an inventory's ConfigMap.
const INVENTORY_KEYS: [&str; 7] = [
    "formatVersion",
    "release",
    "digest",
    "revision",
    "history",
    "moved",
    "members",
];

/// The inventory that a ConfigMap holds.
pub fn parse_inventory(object: &Object) -> Result<Stored<Inventory>, HomeError> {
    let wrong = |why: String| HomeError::Unreadable {
        target: object.id().to_string(),
        why,
    };

    // A large set is compressed: one object holds 1 MiB.
    let lines = match object.text("/binaryData/members") {
        "" => object.text("/data/members").to_owned(),
        many => unzipped(many).map_err(|error| wrong(format!("its members: {error}")))?,
    };
    let members = Inventory::parse_members(&lines).map_err(|line| wrong(format!("a member {line:?}")))?;

    let history = object
        .text("/data/history")
        .lines()
        .map(|line| {
            serde_json::from_str(line)
                // In plain words: a parser's own name types that nobody outside knows.
                .map_err(|error| wrong(format!("a history entry: {}", plain_words(&error.to_string()))))
        })
        .collect::<Result<Vec<HistoryEntry>, _>>()?;

    let moved = object
        .text("/data/moved")
        .lines()
        .map(|line| {
            serde_json::from_str(line)
                .map_err(|error| wrong(format!("a move: {}", plain_words(&error.to_string()))))
        })
        .collect::<Result<Vec<Moved>, _>>()?;

    let data = object
        .at("/data")
        .and_then(serde_json::Value::as_object)
        .into_iter()
        .flatten();
    let unknown = data.filter(|(key, _)| !INVENTORY_KEYS.contains(&key.as_str()));
    // What a later program keeps here is written back: a write replaces the whole of `data`.
    let rest = unknown
        .filter_map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned())))
        .collect();

    Ok(stored(
        object,
        Inventory {
            members,
            history,
            moved,
            rest,
        },
    ))
}

fn unzipped(text: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    // Bounded: a few kilobytes of gzip can unpack to any size.
    let bytes = decompress(&bytes).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// The journal's head that a ConfigMap holds.
pub fn parse_head(object: &Object) -> Result<Stored<Head>, HomeError> {
    let wrong = |why: String| HomeError::Unreadable {
        target: object.id().to_string(),
        why,
    };
    let text = unzipped(object.text("/binaryData/journal"))
        .map_err(|error| wrong(format!("its journal: {error}")))?;

    let head = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("its journal: {}", plain_words(&error.to_string()))))?;
    Ok(stored(object, head))
}

fn stored<T>(object: &Object, value: T) -> Stored<T> {
    Stored {
        value,
        uid: object.uid().into(),
        resource_version: object.resource_version().into(),
    }
}
