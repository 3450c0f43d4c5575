//! The histories of several releases.

use super::{ListedRelease, ReleaseSelection, concurrency, hold, incomplete_error};
use crate::cluster::Cluster;
use crate::model::moves::ReleaseRef;
use crate::model::revision::Revision;
use crate::usecase::state_access::StateAccess;
use crate::usecase::{CommandError, Scope};
use futures::StreamExt;
use futures::stream;
use schemars::JsonSchema;
use serde::Serialize;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct HistoryManyRequest {
    /// Which releases.
    pub selection: ReleaseSelection,
    /// How their state is read.
    pub access: StateAccess,
}

/// The history of one of several releases.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseHistory {
    /// The release namespace.
    pub namespace: String,
    /// The release's name.
    pub name: String,
    /// Its revisions, newest first.
    pub revisions: Vec<Revision>,
    /// Why its history could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Reads them.
///
/// # Errors
///
/// Where they cannot be listed, or there are none. What cannot be read of one of them is in its entry.
pub async fn history_many(
    request: &HistoryManyRequest,
    scope: &Scope,
) -> Result<Vec<ReleaseHistory>, CommandError> {
    let mut listed = request.selection.list(scope).await?;
    let held = hold(&scope.cluster, &mut listed);
    let read = stream::iter(listed)
        .map(|ListedRelease { release, .. }| read_one(release, &request.access, held.as_ref()))
        .buffered(concurrency());
    Ok(read.collect().await)
}

/// An error that names the releases whose histories could not be read.
///
/// # Errors
///
/// Where there is one.
pub fn ensure_read(histories: &[ReleaseHistory]) -> Result<(), CommandError> {
    let unread = histories.iter().filter(|one| one.error.is_some());
    let names: Vec<String> = unread
        .map(|one| format!("{}/{}", one.namespace, one.name))
        .collect();
    incomplete_error(&names, histories.len()).map_or(Ok(()), Err)
}

async fn read_one(release: ReleaseRef, access: &StateAccess, cluster: &dyn Cluster) -> ReleaseHistory {
    let ReleaseRef { namespace, name } = release;
    let read = access.read_checked(cluster, &namespace, &name).await;
    let (revisions, error) = match read {
        Ok(state) => (
            state
                .inventory
                .map(|stored| Revision::list(stored.value))
                .unwrap_or_default(),
            None,
        ),
        Err(error) => (Vec::new(), Some(error.message)),
    };
    ReleaseHistory {
        namespace,
        name,
        revisions,
        error,
    }
}
