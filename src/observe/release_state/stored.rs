//! The objects that a release's state is stored in: their kinds, what is read from one, and why one cannot be read.
//!
//! The seal is stored like what it vouches for, so that nothing here knows of either.

use crate::cluster::{ApiError, Cluster};
use crate::model::bundle::BundleError;
use crate::model::format::LaterVersion;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::{Object, ResourceType, Target};

/// What was read, and the object that it was read from.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// What it says.
    pub value: T,
    /// uid of the object.
    pub uid: String,
    /// resourceVersion of the object.
    pub resource_version: String,
}

impl<T> Stored<T> {
    /// What an object says.
    pub fn new(object: &Object, value: T) -> Self {
        Self {
            value,
            uid: object.uid().into(),
            resource_version: object.resource_version().into(),
        }
    }

    /// What the next write names of the object.
    pub fn handle(&self) -> Stored<()> {
        Stored {
            value: (),
            uid: self.uid.clone(),
            resource_version: self.resource_version.clone(),
        }
    }
}

/// What a release keeps in the cluster cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseStateError {
    /// The server refuses or does not answer.
    #[error("cannot read {target}: {source}")]
    Api {
        /// What was read.
        target: String,
        /// Why not.
        #[source]
        source: ApiError,
    },
    /// It is not what this tool writes.
    #[error("unsupported content of {target}: {why}")]
    Unreadable {
        /// What was read.
        target: String,
        /// What is wrong with it.
        why: String,
    },
    /// A part is missing.
    #[error("{target}, which the journal refers to, does not exist")]
    Missing {
        /// What is missing.
        target: String,
    },
    /// A later program wrote it.
    #[error("{target} has {version}")]
    Newer {
        /// What was read.
        target: String,
        /// Its version.
        version: LaterVersion,
    },
    /// A bundle's bytes are wrong.
    #[error("{target} was altered")]
    Bundle {
        /// What was read.
        target: String,
        /// Why not.
        #[source]
        source: BundleError,
    },
}

/// The kind of Secrets, or else of ConfigMaps.
pub fn kind_of(secret: bool) -> ResourceType {
    let kind = if secret {
        KnownKind::Secret
    } else {
        KnownKind::ConfigMap
    };
    kind.resource()
}

/// The kind of a Lease.
pub fn lease_kind() -> ResourceType {
    KnownKind::Lease.resource()
}

/// Reads one of them.
pub(super) async fn get(cluster: &dyn Cluster, target: &Target) -> Result<Option<Object>, ReleaseStateError> {
    cluster
        .get(target)
        .await
        .map_err(|source| ReleaseStateError::Api {
            target: target.to_string(),
            source,
        })
}
