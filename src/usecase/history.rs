//! History: what was promoted here, by whom, how it ended and why. One read of what the release keeps.

use super::state_access::StateAccess;
use super::{CommandError, Scope, release_state};
use crate::model::inventory::Inventory;

/// Whose history.
#[derive(Clone, Debug)]
pub struct HistoryRequest {
    /// The release; may be left out where the namespace has only one.
    pub name: Option<String>,
    /// How its state is read.
    pub access: StateAccess,
}

/// What a release keeps of its past.
pub struct HistoryOutcome {
    /// Why it is not verified, to be said whether there is a history or not.
    pub note: Option<String>,
    /// The inventory with the history; an error where there is no such release.
    pub inventory: Result<Inventory, CommandError>,
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
    let missing = || {
        let message = format!("expected a release {name} in the namespace {namespace}, found none");
        CommandError::usage(message)
    };

    Ok(HistoryOutcome {
        note: release_state::note(&state.sealing),
        inventory: state
            .inventory
            .map(|inventory| inventory.value)
            .ok_or_else(missing),
    })
}
