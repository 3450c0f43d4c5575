//! Where Helm stores the revisions of its releases: Secrets, or ConfigMaps where its storage driver is `configmap`.
//!
//! A list is of metadata alone, as labels say which revision is the current one. One revision is one object, read by name.
//! What the SQL driver stores is in no cluster.

use crate::cluster::{ApiError, Cluster, ListRequest, paged};
use crate::model::helm::{StoredRevision, storage_labels, storage_name};
use crate::model::k8s::known_kind::KnownKind;
use crate::model::{ResourceType, Target, secret_data};

/// The key under which a revision stands.
const KEY: &str = "/data/release";

/// A storage driver of Helm, as far as it stores in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelmStorage {
    /// The default.
    Secrets,
    /// `HELM_DRIVER=configmap`.
    ConfigMaps,
}

impl HelmStorage {
    /// All of them, the default first.
    pub const ALL: [Self; 2] = [Self::Secrets, Self::ConfigMaps];

    /// The kind of the objects.
    pub fn resource(self) -> ResourceType {
        match self {
            Self::Secrets => KnownKind::Secret.resource(),
            Self::ConfigMaps => KnownKind::ConfigMap.resource(),
        }
    }

    /// The object that holds a revision.
    pub fn target(self, namespace: &str, release: &str, revision: u32) -> Target {
        let name = storage_name(release, revision);
        Target::new(&self.resource(), Some(namespace), &name)
    }
}

/// The revisions of a release that are stored so, in no order.
///
/// # Errors
///
/// Where the objects may not be listed, or the server does not answer.
pub async fn helm_revisions(
    cluster: &dyn Cluster,
    storage: HelmStorage,
    namespace: &str,
    release: &str,
) -> Result<Vec<StoredRevision>, ApiError> {
    // With their content it would be megabytes, all but one of them for nothing.
    let request = ListRequest::all(&storage.resource(), Some(namespace))
        .with_labels(&storage_labels(release))
        .with_only_metadata();
    let found = paged(cluster, request, |stored| {
        StoredRevision::from_metadata(release, &stored)
    });
    Ok(found.await?.into_iter().flatten().collect())
}

/// What is stored of one revision, as Helm encodes it; none where the object is not there. Empty where the object holds
/// nothing under Helm's key.
///
/// # Errors
///
/// Where the object may not be read, or the server does not answer.
pub async fn helm_payload(
    cluster: &dyn Cluster,
    storage: HelmStorage,
    target: &Target,
) -> Result<Option<Vec<u8>>, ApiError> {
    let stored = cluster.get(target).await?;
    Ok(stored.map(|stored| {
        let text = stored.text(KEY);
        match storage {
            // The values of a Secret are encoded once more.
            HelmStorage::Secrets => secret_data::decode(text).unwrap_or_default(),
            HelmStorage::ConfigMaps => text.as_bytes().to_vec(),
        }
    }))
}
