//! Several releases at once: of a namespace, of the cluster, or those whose inventories carry some labels.
//!
//! They are listed with their inventories and journals by one request; what they have in common is read once
//! (`observe/held`), and each is looked at as where it is the only one. What one of them cannot be read for is said of that
//! release, and the others are looked at all the same.

mod diff;
mod health;
mod history;

pub use self::diff::{DiffManyRequest, diff_many, ensure_read};
pub use self::history::{
    HistoryManyRequest, ReleaseHistory, ensure_read as ensure_histories_read, history_many,
};

use super::scope::check_namespace;
use super::{CommandError, ErrorKind, Scope, release_state};
use crate::cluster::Cluster;
use crate::model::Object;
use crate::model::label_selector::LabelSelector;
use crate::model::moves::ReleaseRef;
use crate::model::names::{APPLYSET_NAMESPACES_ANNOTATION, ROLE_LABEL};
use crate::observe::held::{HeldCluster, Reach};
use crate::observe::release_state::list_states;
use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

/// Which releases.
#[derive(Clone, Debug, Default)]
pub struct ReleaseSelection {
    /// Those of all namespaces, and not of the release namespace alone.
    pub all_namespaces: bool,
    /// Labels of their inventories.
    pub labels: LabelSelector,
}

/// A release, and the inventory and the journal that were listed of it.
pub struct ListedRelease {
    /// The release.
    pub release: ReleaseRef,
    /// As they lie there: whoever reads the release's state holds them against its seal.
    pub state: Vec<Object>,
}

impl ReleaseSelection {
    /// Lists them, by namespace and name.
    ///
    /// # Errors
    ///
    /// Where they may not be listed, or there are none: nothing that was looked at is no good news.
    pub async fn list(&self, scope: &Scope) -> Result<Vec<ListedRelease>, CommandError> {
        let cluster = scope.cluster.as_ref();
        let namespace = (!self.all_namespaces).then_some(scope.home.as_str());
        let states = list_states(cluster, namespace)
            .await
            .map_err(|error| release_state::home_error(&error))?;

        let is_empty = states.is_empty();
        let listed: Vec<ListedRelease> = states
            .into_iter()
            .filter(|(_, state)| self.selects(state))
            .map(|((namespace, name), state)| ListedRelease {
                release: ReleaseRef { namespace, name },
                state,
            })
            .collect();
        if listed.is_empty() {
            return Err(self.none_error(scope, is_empty).await);
        }
        Ok(listed)
    }

    fn selects(&self, state: &[Object]) -> bool {
        let mut inventories = state
            .iter()
            .filter(|object| object.label(ROLE_LABEL) == Some("inventory"));
        self.labels.is_empty() || inventories.any(|inventory| self.labels.selects(|key| inventory.label(key)))
    }

    async fn none_error(&self, scope: &Scope, is_empty: bool) -> CommandError {
        let place = if self.all_namespaces {
            "the cluster".to_owned()
        } else {
            if let Err(error) = check_namespace(scope.cluster.as_ref(), &scope.home).await {
                return error;
            }
            format!("namespace {}", scope.home)
        };
        if is_empty {
            return CommandError::usage(format!("no release in {place}"))
                .with_hint(release_state::ALL_RELEASES);
        }
        CommandError::usage(format!(
            "no release in {place} has an inventory with these labels"
        ))
        .with_hint("to see the labels: kubectl get configmaps -A -l kubectl-delivery.io/role=inventory --show-labels")
    }
}

/// A cluster that holds what these releases have in common. Takes what was listed of each.
pub(super) fn hold(cluster: &Arc<dyn Cluster>, listed: &mut [ListedRelease]) -> Arc<dyn Cluster> {
    let namespaces: BTreeSet<String> = listed.iter().flat_map(namespaces_of).collect();
    let held = HeldCluster::new(cluster.clone(), Reach::new(namespaces));
    for one in listed {
        held.add_read(std::mem::take(&mut one.state));
    }
    Arc::new(held)
}

/// The release namespace, and the others with members. Not verified by a seal: it only says which lists are read.
fn namespaces_of(listed: &ListedRelease) -> BTreeSet<String> {
    let annotations = listed
        .state
        .iter()
        .filter_map(|object| object.annotation(APPLYSET_NAMESPACES_ANNOTATION));
    let others = annotations.flat_map(|names| names.split(','));
    let others = others.filter(|name| !name.is_empty()).map(String::from);
    others.chain([listed.release.namespace.clone()]).collect()
}

/// How many releases are looked at at a time: enough to keep the machine busy while some wait for an answer, and few, since
/// of each its objects are held meanwhile.
fn concurrency() -> usize {
    let cores = available_parallelism().map_or(1, NonZero::get);
    (2 * cores).clamp(2, 8)
}

/// An error that names the releases of which something could not be read; none where all of it was.
fn incomplete_error(names: &[String], total: usize) -> Option<CommandError> {
    if names.is_empty() {
        return None;
    }
    let named = crate::model::phrase::list_first(names.iter(), release_state::MOST_NAMED, ", ");
    let message = format!("{} of {total} releases could not be read: {named}", names.len());
    Some(CommandError::new(ErrorKind::Other, message))
}
