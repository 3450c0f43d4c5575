//! What one watch is of, and how it stands.
//!
//! A collection that could not be read is never taken for an empty one: its state says why.

use crate::cluster::ApiError;
use crate::model::ResourceType;

/// What one watch is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Collection {
    /// The kind.
    pub resource: ResourceType,
    /// Namespace; none for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Field selector; empty for all objects.
    pub fields: String,
    /// Label selector; empty for all objects.
    pub labels: String,
}

impl Collection {
    /// Of all objects of a kind in a namespace.
    pub fn new(resource: &ResourceType, namespace: Option<&str>) -> Self {
        Self {
            resource: resource.clone(),
            namespace: namespace.map(Into::into),
            fields: String::new(),
            labels: String::new(),
        }
    }

    /// Of those that a label selector selects.
    #[must_use]
    pub fn with_labels(mut self, selector: &str) -> Self {
        self.labels = selector.into();
        self
    }

    /// Of one object of a cluster-scoped kind, which a role may allow to be read alone.
    pub fn of_one(resource: &ResourceType, name: &str) -> Self {
        Self {
            resource: resource.clone(),
            namespace: None,
            fields: format!("metadata.name={name}"),
            labels: String::new(),
        }
    }
}

/// How a watch stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchState {
    /// It has not been read yet; why, where reading failed.
    Loading(Option<ApiError>),
    /// It is read, and followed.
    Synced,
    /// It was read, and may have changed since: for some seconds it could not be followed.
    Stale(ApiError),
    /// The server's considered answer is that it cannot be read. Tried again now and then.
    Unreadable(ApiError),
}
