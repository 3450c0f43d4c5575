//! History: what was promoted here, by whom, how it ended and why. One read of the release's inventory.

use super::state_access::StateAccess;
use super::{CommandError, Scope, release_state};
use crate::model::moves::Moved;
use crate::model::revision::Revision;

/// Whose history.
#[derive(Clone, Debug)]
pub struct HistoryRequest {
    /// The release; may be left out where the namespace has only one.
    pub name: Option<String>,
    /// How its state is read.
    pub access: StateAccess,
}

/// The past of a release, and whether it is verified.
pub struct HistoryOutcome {
    /// Why the stored state is not verified, to be shown whether there is a history or not.
    pub note: Option<String>,
    /// The history; an error where there is no such release.
    pub history: Result<History, CommandError>,
}

/// The past of a release.
pub struct History {
    /// Its revisions, newest first.
    pub revisions: Vec<Revision>,
    /// Objects that moved to other releases.
    pub moved: Vec<Moved>,
}

/// Reads it.
///
/// # Errors
///
/// Where the release is not named and cannot be found, or its state cannot be read or is not to be shown.
pub async fn history(request: &HistoryRequest, scope: &Scope) -> Result<HistoryOutcome, CommandError> {
    let (cluster, namespace) = (scope.cluster.as_ref(), &scope.home);
    let name = release_state::release_name(cluster, namespace, request.name.as_deref()).await?;
    let state = request.access.read_checked(cluster, namespace, &name).await?;
    let note = release_state::note(&state.sealing);
    let Some(stored) = state.inventory else {
        let missing = release_state::no_release(cluster, namespace, &name, "history").await;
        return Ok(HistoryOutcome {
            note,
            history: Err(missing),
        });
    };

    let inventory = stored.value;
    Ok(HistoryOutcome {
        note,
        history: Ok(History {
            moved: inventory.moved.clone(),
            revisions: Revision::list(inventory),
        }),
    })
}
