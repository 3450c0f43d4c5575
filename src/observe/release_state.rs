//! Reads what a release keeps in the cluster: its inventory, its journal and its lock, all by name, and in `parts` what
//! these name.
//!
//! Whatever is read here is acted on with the permissions of whoever runs this, so that neither journal nor
//! inventory leaves this module before the seal has been judged ([`ReleaseState`]). What is altered is not even
//! parsed. [`Unsealed`] is the one exception, for a person who looks at such a state and accepts it.
//!
//! Inventory, journal and seal are three objects, and Kubernetes has no read of several as of one moment.
//! Read while a run writes them they do not fit each other: they are read again until they fit, or until
//! nothing moves any more.

mod changes;
mod members;
mod parse;
mod parts;
mod state;
mod stored;

use super::sealing::Sealing;
use crate::cluster::{Cluster, ListRequest, paged};
use crate::model::inventory::Inventory;
use crate::model::journal::{Head, Journal};
use crate::model::names::{self, ROLE_LABEL};
use crate::model::seal::Integrity;
use crate::model::state_key::{BoundKey, StateKey};
use crate::model::unknown::Unknown;
use crate::model::{Object, Target};
pub use changes::StateChanges;
pub use members::read_members;
pub use parse::{parse_head, parse_inventory};
pub use parts::{
    Bodies, part_bytes, read_bodies, read_bundle, read_everything, read_kept, read_previous, read_record,
};
use state::StateObjects;
pub use state::Unsealed;
use std::collections::BTreeMap;
use std::time::Duration;
use stored::get;
pub use stored::{ReleaseStateError, Stored, kind_of, lease_kind};

/// What a release keeps in its home namespace.
#[derive(Clone, Debug, Default)]
pub struct ReleaseState {
    /// Members and history; none before the first promotion.
    pub inventory: Option<Stored<Inventory>>,
    /// The journal; none before the first promotion. Where a rehearsal is under way, as it was before that.
    pub head: Option<Stored<Head>>,
    /// The rehearsal that is under way, or that a killed run has left.
    pub rehearsal: Option<Stored<Journal>>,
    /// The lock's Lease; none where nobody holds it.
    pub lease: Option<Object>,
    /// Why the Lease could not be read: whether a run holds the lock is unknown then.
    pub lock_unknown: Option<Unknown>,
    /// What vouches for inventory and journal.
    pub sealing: Sealing,
}

impl ReleaseState {
    /// The key to what inventory and journal name, where they are as they were written.
    pub fn key(&self) -> Option<&BoundKey> {
        // The key to a state that was altered vouches for nothing that it names.
        self.sealing
            .key
            .as_ref()
            .filter(|_| self.sealing.integrity == Integrity::Sealed)
    }
}

/// How often a state that does not fit is read again: a run may be writing it.
const LOOKS: usize = 20;
/// How long to wait in between.
const BETWEEN: Duration = Duration::from_millis(100);

/// Reads inventory, journal and lock of a release, and whether they are as they were written. `outside` is the key that is
/// kept outside of the cluster.
pub async fn read_release_state(
    cluster: &dyn Cluster,
    namespace: &str,
    name: &str,
    outside: Option<&StateKey>,
) -> Result<ReleaseState, ReleaseStateError> {
    let mut before = None;
    for _ in 0..LOOKS {
        let (versions, home) = look(cluster, namespace, name, outside).await;

        let is_altered = match &home {
            Ok(home) => matches!(home.sealing.integrity, Integrity::Altered(_)),
            Err(ReleaseStateError::Unreadable { .. }) => true,
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

/// Reads a release's state as it lies there. `outside` is the key that it may be sealed with.
pub async fn read_unsealed(
    cluster: &dyn Cluster,
    namespace: &str,
    name: &str,
    outside: Option<&StateKey>,
) -> Result<Unsealed, ReleaseStateError> {
    StateObjects::read(cluster, (namespace, name), outside)
        .await?
        .into_unsealed()
}

/// One look, and the versions of what was read.
async fn look(
    cluster: &dyn Cluster,
    namespace: &str,
    name: &str,
    outside: Option<&StateKey>,
) -> (Vec<String>, Result<ReleaseState, ReleaseStateError>) {
    let (state, lock) = futures::join!(
        StateObjects::read(cluster, (namespace, name), outside),
        Lock::read(cluster, namespace, name)
    );

    match state.and_then(|state| Ok((state, lock?))) {
        Ok((state, lock)) => (state.versions(), state.into_home(lock)),
        // No versions: nothing was read that could be compared with a second look.
        Err(error) => (Vec::new(), Err(error)),
    }
}

/// A release's lock.
struct Lock {
    lease: Option<Object>,
    /// Why its Lease could not be read.
    unknown: Option<Unknown>,
}

impl Lock {
    async fn read(cluster: &dyn Cluster, namespace: &str, name: &str) -> Result<Self, ReleaseStateError> {
        let lease = Target::new(&lease_kind(), Some(namespace), &names::inventory(name));
        match cluster.get(&lease).await {
            Ok(lease) => Ok(Self { lease, unknown: None }),
            // The role `view` has no right to Leases, and all but the lock can be told without.
            Err(error) if error.is_forbidden() => Ok(Self {
                lease: None,
                unknown: Some(Unknown::new(error)),
            }),
            Err(source) => Err(ReleaseStateError::Api {
                target: lease.to_string(),
                source,
            }),
        }
    }
}

/// The releases that keep something in a namespace, or in all of them: namespace and name.
pub async fn list_homes(
    cluster: &dyn Cluster,
    namespace: Option<&str>,
) -> Result<Vec<(String, String)>, ReleaseStateError> {
    let mut found = list_state_objects(cluster, namespace, |object| release_of(&object)).await?;
    found.sort();
    found.dedup();
    Ok(found)
}

/// The same with their inventories and journals, as they lie there: nothing of them is believed before
/// [`read_release_state`] has held them against their seal.
pub async fn list_states(
    cluster: &dyn Cluster,
    namespace: Option<&str>,
) -> Result<BTreeMap<(String, String), Vec<Object>>, ReleaseStateError> {
    let listed = list_state_objects(cluster, namespace, |object| Some((release_of(&object)?, object)));
    let mut found: BTreeMap<_, Vec<Object>> = BTreeMap::new();
    for (release, object) in listed.await? {
        found.entry(release).or_default().push(object);
    }
    Ok(found)
}

async fn list_state_objects<T>(
    cluster: &dyn Cluster,
    namespace: Option<&str>,
    reduce: impl Fn(Object) -> Option<T>,
) -> Result<Vec<T>, ReleaseStateError> {
    // Either alone will do: a first promotion that was killed early has a journal and no inventory.
    let selector = format!("{ROLE_LABEL} in (inventory,journal)");
    let request = ListRequest::all(&kind_of(false), namespace).with_labels(&selector);
    let listed = paged(cluster, request, reduce).await;
    let listed = listed.map_err(|source| ReleaseStateError::Api {
        target: "the releases".into(),
        source,
    })?;
    Ok(listed.into_iter().flatten().collect())
}

/// Namespace and name of the release that an object's labels name.
fn release_of(object: &Object) -> Option<(String, String)> {
    let release = object.label(names::RELEASE_LABEL)?.to_owned();
    Some((object.namespace().unwrap_or_default().to_owned(), release))
}
