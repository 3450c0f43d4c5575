//! The objects that carry the label of a release, as its state names them: its members, and after a deletion what that left
//! in place.

use super::{ReleaseStateError, Unsealed, read_bodies, read_previous};
use crate::cluster::Cluster;
use crate::model::Target;
use crate::model::inventory::Inventory;
use crate::model::journal::{HistoryOutcome, Journal};

/// Reads the objects that the state names as the release's.
///
/// # Errors
///
/// What it keeps of a deletion cannot be read. Parts that are gone name nothing any more, and are no error.
pub async fn read_members(cluster: &dyn Cluster, found: &Unsealed) -> Result<Vec<Target>, ReleaseStateError> {
    let Some(inventory) = found.inventory.as_ref().map(|stored| &stored.value) else {
        return Ok(Vec::new());
    };
    let left = match read_deletion(cluster, found, inventory).await {
        Ok(left) => left,
        // Whoever forgets a release deletes them once nothing of what they name is left to be done.
        Err(ReleaseStateError::Missing { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(inventory.members.iter().cloned().chain(left).collect())
}

/// What the deletion left in place after which nothing was promoted.
async fn read_deletion(
    cluster: &dyn Cluster,
    found: &Unsealed,
    inventory: &Inventory,
) -> Result<Vec<Target>, ReleaseStateError> {
    let (Some(entry), Some(head)) = (inventory.deleted(), &found.head) else {
        return Ok(Vec::new());
    };
    let (current, key) = (&head.value.current, found.sealing.key.as_ref());
    let is_meant =
        |journal: &Journal| journal.id == entry.id && journal.ending == Some(HistoryOutcome::Deleted);

    let journal = match &head.value.previous {
        _ if is_meant(current) => current.clone(),
        // A promotion has failed since.
        Some(previous) => {
            let release = (current.namespace.as_str(), current.release.name.as_str());
            read_previous(cluster, release, previous, key).await?
        }
        None => return Ok(Vec::new()),
    };
    // With a key outside of the cluster what the old one vouched for was forgotten.
    if !is_meant(&journal) || journal.parts.is_empty() {
        return Ok(Vec::new());
    }
    let bodies = read_bodies(cluster, &journal, key).await?;
    Ok(bodies.promotion.plan.unchanged)
}
