//! Reads many objects: one list for each kind and namespace, or one by one where they are few.

use super::pages::paged;
use crate::cluster::{ApiError, Cluster, ListRequest};
use crate::model::snapshot::{Absence, Observed, Snapshot};
use crate::model::{Object, ObjectId, ResourceType, Target};
use futures::future::join_all;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// So many objects of a kind, or fewer, are read one by one.
const ONE_BY_ONE: usize = 5;

/// Reads the targets. What cannot be read is in the snapshot as such; only a cluster that cannot be reached at all is
/// an error.
pub async fn objects(cluster: &dyn Cluster, targets: &[Target]) -> Result<Snapshot, ApiError> {
    let taken_at = Some(Timestamp::now());
    let mut groups: BTreeMap<(ResourceType, Option<String>), Vec<&Target>> = BTreeMap::new();
    for target in targets {
        groups.entry((target.resource.clone(), target.namespace.clone())).or_default().push(target);
    }
    let groups = groups
        .iter()
        .map(|((resource, namespace), targets)| read_group(cluster, resource, namespace.as_deref(), targets));
    let mut snapshot = Snapshot { taken_at, ..Snapshot::default() };
    for group in join_all(groups).await {
        snapshot.objects.extend(group?);
    }
    Ok(snapshot)
}

type Group = BTreeMap<ObjectId, Observed>;

async fn read_group(
    cluster: &dyn Cluster,
    resource: &ResourceType,
    namespace: Option<&str>,
    targets: &[&Target],
) -> Result<Group, ApiError> {
    // Secrets are read by name, never listed: whoever may read the release's need not read all.
    let is_secret = resource.group.is_empty() && resource.kind == "Secret";
    if targets.len() > ONE_BY_ONE
        && !is_secret
        && let Some(found) = list(cluster, resource, namespace).await?
    {
        let observed = |target: &&Target| {
            let id = target.id();
            let object = found.get(&id).cloned();
            (id, object.map_or(Observed::Absent(Absence::Object), Observed::Present))
        };
        return Ok(targets.iter().map(observed).collect());
    }
    let reads = join_all(targets.iter().map(|target| read(cluster, target))).await;
    let ids = targets.iter().map(|target| target.id());
    ids.zip(reads).map(|(id, read)| Ok((id, read?))).collect()
}

/// All objects of a kind and namespace; none where they may not be listed.
async fn list(
    cluster: &dyn Cluster,
    resource: &ResourceType,
    namespace: Option<&str>,
) -> Result<Option<BTreeMap<ObjectId, Object>>, ApiError> {
    let request = ListRequest::all(resource, namespace);
    match paged(cluster, request, |object| (object.id(), object)).await {
        Ok(found) => Ok(Some(found.into_iter().collect())),
        Err(error) if is_unreachable(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Reads one object.
pub async fn read(cluster: &dyn Cluster, target: &Target) -> Result<Observed, ApiError> {
    match cluster.get(target).await {
        Ok(Some(object)) => Ok(Observed::Present(object)),
        Ok(None) => Ok(Observed::Absent(Absence::Object)),
        Err(ApiError::NotServed { .. }) => Ok(Observed::Absent(Absence::Kind)),
        Err(error) if is_unreachable(&error) => Err(error),
        Err(error) => Ok(Observed::Unreadable { forbidden: error.is_forbidden(), error: error.to_string() }),
    }
}

fn is_unreachable(error: &ApiError) -> bool {
    matches!(error, ApiError::Connect { .. } | ApiError::Credentials { .. })
}
