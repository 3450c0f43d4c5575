//! Watch: the promoted releases of a namespace, or of all, compared as their objects change, for as long as it is wanted.
//!
//! Watches feed collections (`observe/held`), from which each release is compared by the very code of `diff`. What moved
//! says which release is compared next (`drift/schedule.rs`), a ledger what a comparison opens and closes (`drift/ledger.rs`),
//! and sinks are told (`outlets.rs`). Nothing is repaired, and nothing of what is compared is held beyond a comparison.
//!
//! Here is where sinks come together: whoever calls [`watch`] brings them. Where only one of several replicas is to report,
//! the call waits until it is the one: whoever is not watches nothing.

mod dependents;
mod findings;
mod leading;
mod looking;
mod outlets;
mod session;

pub use self::leading::{LeaseName, Replica, watch_as_leader};
use self::session::Session;
use super::comparing::Mode;
use super::many::ReleaseSelection;
use super::release_state::{home_error, no_release};
use super::scope::check_namespace;
use super::state_access::StateAccess;
use super::{CommandError, Scope};
use crate::model::drift::{DriftSink, WatchEnd};
use crate::model::start::StartDepth;
use crate::observe::release_state::list_homes;
use crate::registry::RegistryOptions;
use std::time::Duration;

/// What is watched, and how.
#[derive(Clone, Debug)]
pub struct WatchRequest {
    /// One release; where none is named, those that are selected.
    pub name: Option<String>,
    /// Which releases.
    pub selection: ReleaseSelection,
    /// Whom to ask what an apply would change.
    pub mode: Mode,
    /// How much is looked at of whether what runs would start again.
    pub starts: StartDepth,
    /// How often that is looked at.
    pub starts_every: Duration,
    /// How often every object is verified again.
    pub resync: Duration,
    /// How the releases' state is read.
    pub access: StateAccess,
    /// How registries are reached.
    pub registries: RegistryOptions,
}

/// Watches until `interrupted`, and tells how things stand then.
///
/// # Errors
///
/// Where the releases cannot be listed, one that is named does not exist, or nobody reads the output any more. What cannot
/// be read later is a finding.
pub async fn watch(
    request: WatchRequest,
    scope: &Scope,
    sinks: Vec<Box<dyn DriftSink>>,
    interrupted: impl Future<Output = ()>,
) -> Result<WatchEnd, CommandError> {
    check_releases(&request, scope).await?;
    let mut session = Session::start(request, scope.clone(), sinks);
    let ended = session.run(interrupted).await;
    session.finish(ended).await
}

/// An error where nothing can be watched at all: it is not begun then.
async fn check_releases(request: &WatchRequest, scope: &Scope) -> Result<(), CommandError> {
    let (cluster, home) = (scope.cluster.as_ref(), &scope.home);
    let is_everywhere = request.selection.all_namespaces;
    let namespace = (!is_everywhere).then_some(home.as_str());
    let homes = list_homes(cluster, namespace)
        .await
        .map_err(|error| home_error(&error))?;
    match &request.name {
        Some(name) if !homes.iter().any(|(_, known)| known == name) => {
            Err(no_release(cluster, home, name, "watch").await)
        }
        // A namespace without a release may get one.
        None if homes.is_empty() && !is_everywhere => check_namespace(cluster, home).await,
        _ => Ok(()),
    }
}
