//! What is stored of a release now: whether it is promoted, whether a run is at work, or whether it is gone.

use crate::cluster::Cluster;
use crate::execute::seems_held;
use crate::model::inventory::Inventory;
use crate::model::journal::Journal;
use crate::model::moves::ReleaseRef;
use crate::observe::release_state::{ReleaseState, read_release_state};
use crate::report::clean;
use crate::usecase::release_state::{home_error, is_absent, is_final};
use crate::usecase::state_access::StateAccess;
use crate::usecase::{CommandError, ErrorKind};
use jiff::Timestamp;
use std::sync::Arc;

/// What is stored of a release.
#[derive(Debug)]
pub(super) enum Look {
    /// Nothing.
    Gone,
    /// No revision is promoted.
    NotPromoted,
    /// A run is at work.
    Promoting {
        /// The version that is promoted.
        version: String,
        /// Who runs it.
        actor: String,
        /// Whether its lock could be read: else its journal alone says that it has not ended.
        is_certain: bool,
        /// What is promoted until it has, where something is.
        stored: Option<Stored>,
    },
    /// A revision is promoted.
    Promoted(Stored),
    /// It cannot be read, or is not to be believed.
    Failed {
        /// Why.
        why: String,
        /// Whether it would be refused again.
        is_refused: bool,
    },
}

/// A promoted release, as it is stored.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Its state.
    pub state: Arc<ReleaseState>,
    /// The promoted version and its revision.
    pub promoted: (String, u32),
    /// Whether a promotion has begun that no run goes on with.
    pub is_unfinished: bool,
}

impl Stored {
    /// Its inventory.
    pub fn inventory(&self) -> Option<&Inventory> {
        let inventory = self.state.inventory.as_ref();
        inventory.map(|inventory| &inventory.value)
    }

    /// The objects that the promoted release is stored in: namespace and name.
    pub fn records(&self) -> impl Iterator<Item = (&str, &str)> {
        let promoted = self.inventory().and_then(Inventory::promoted);
        let bundles = promoted.into_iter().flat_map(|entry| &entry.record);
        bundles.flat_map(|bundle| {
            bundle
                .names
                .iter()
                .map(|name| (bundle.namespace.as_str(), name.as_str()))
        })
    }

    /// The versions of inventory and journal that it was read from.
    pub fn versions(&self) -> [&str; 2] {
        let inventory = self.state.inventory.as_ref();
        let head = self.state.head.as_ref();
        [
            inventory.map_or("", |stored| &stored.resource_version),
            head.map_or("", |stored| &stored.resource_version),
        ]
    }

    /// Whether both say the same, to a comparison.
    pub fn is_same(&self, other: &Self) -> bool {
        self.promoted == other.promoted && self.versions() == other.versions()
    }
}

/// Reads what is stored of a release.
pub(super) async fn look(cluster: &dyn Cluster, access: &StateAccess, release: &ReleaseRef) -> Look {
    let ReleaseRef { namespace, name } = release;
    let failed = |error: &CommandError, is_refused| Look::Failed {
        why: sentence(error),
        is_refused,
    };
    let key = match access.key() {
        Ok(key) => key,
        Err(error) => return failed(&error, false),
    };
    let state = match read_release_state(cluster, namespace, name, key.as_ref()).await {
        Ok(state) => state,
        Err(error) => return failed(&home_error(&error), is_final(&error)),
    };
    match access.check(&state.sealing, namespace, name) {
        Ok(()) if is_absent(&state) => Look::Gone,
        Ok(()) => sort_out(state),
        Err(error) => failed(&error, error.kind == ErrorKind::Refused),
    }
}

fn sort_out(state: ReleaseState) -> Look {
    let head = state.head.as_ref().map(|head| &head.value.current);
    let rehearsal = state.rehearsal.as_ref().map(|rehearsal| &rehearsal.value);
    let open = rehearsal.or(head.filter(|journal| journal.is_open()));
    let lease = state.lease.as_ref();
    let is_held = lease.is_some_and(|lease| seems_held(lease, Timestamp::now()));
    let is_certain = state.lock_unknown.is_none();

    let is_unfinished = open.is_some();
    let at_work = open.filter(|_| is_held || !is_certain);
    let at_work = at_work.map(|Journal { release, actor, .. }| {
        (clean(&release.version).into_owned(), clean(actor).into_owned())
    });
    let stored = stored(state, is_unfinished);
    match (at_work, stored) {
        (Some((version, actor)), stored) => Look::Promoting {
            version,
            actor,
            is_certain,
            stored,
        },
        (None, Some(stored)) => Look::Promoted(stored),
        (None, None) => Look::NotPromoted,
    }
}

/// The promoted revision of a state; none where there is none.
fn stored(state: ReleaseState, is_unfinished: bool) -> Option<Stored> {
    let inventory = state.inventory.as_ref().map(|inventory| &inventory.value);
    let entry = inventory.and_then(Inventory::promoted)?;
    let promoted = (clean(&entry.release.version).into_owned(), entry.revision);
    Some(Stored {
        state: Arc::new(state),
        promoted,
        is_unfinished,
    })
}

/// An error in one sentence, with its causes.
pub(super) fn sentence(error: &CommandError) -> String {
    let parts = std::iter::once(&error.message).chain(&error.causes);
    let parts: Vec<String> = parts.map(|part| clean(part).into_owned()).collect();
    parts.join(": ")
}
