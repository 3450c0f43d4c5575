//! A cluster that notes what is read of it, so that what depends on an answer is known: which objects, and which collections.
//!
//! Stored releases are written once and never again: what was read of one is held, and answers the next read. Those that are
//! Secrets are read each time.

use super::collections::HeldObject;
use super::feed::Demand;
use crate::cluster::{
    AccessReview, ApiError, Applied, ApplyOptions, Cluster, DeleteOptions, Deleted, Discovered, ListRequest,
    LogRequest, Page, ServerVersion, WatchRequest, WatchStream, WriteOptions,
};
use crate::model::names::ROLE_LABEL;
use crate::model::{ClusterIdentity, Object, ObjectId, ResourceType, Target};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// Objects that were read by name, there or not.
    pub objects: BTreeSet<ObjectId>,
    /// Collections that were listed.
    pub lists: BTreeSet<(ResourceType, Option<String>)>,
    /// The kinds of both, by namespace.
    pub demand: Demand,
}

/// Stored releases that were read, of all who share it.
#[derive(Default)]
pub struct StoredReleases {
    held: Mutex<HashMap<ObjectId, HeldObject>>,
}

impl StoredReleases {
    /// Forgets all but those that are used: which they are, by namespace and name.
    pub fn retain(&self, is_used: impl Fn(Option<&str>, &str) -> bool) {
        lock(&self.held).retain(|id, _| is_used(id.namespace.as_deref(), &id.name));
    }

    fn get(&self, target: &Target) -> Option<Object> {
        if target.resource.kind != "ConfigMap" {
            return None;
        }
        lock(&self.held).get(&target.id())?.parse().ok()
    }

    fn add(&self, object: &Object) {
        if object.label(ROLE_LABEL) == Some("record") && object.at("/immutable") == Some(&Value::Bool(true)) {
            lock(&self.held).insert(object.id(), HeldObject::new(object));
        }
    }
}

/// A cluster, and what was read of it.
pub struct ReadRecorder {
    inner: Arc<dyn Cluster>,
    reads: Mutex<Reads>,
    stored: Arc<StoredReleases>,
}

impl ReadRecorder {
    /// Over a cluster, from now on.
    pub fn new(inner: Arc<dyn Cluster>, stored: Arc<StoredReleases>) -> Self {
        Self {
            inner,
            reads: Mutex::default(),
            stored,
        }
    }

    /// What was read since the last call.
    pub fn take_reads(&self) -> Reads {
        std::mem::take(&mut lock(&self.reads))
    }

    fn record_get(&self, target: &Target) {
        // A lock is renewed every few seconds, and says nothing of what is compared.
        if target.resource.is_secret() || target.resource.kind == "Lease" {
            return;
        }
        let mut reads = lock(&self.reads);
        reads.objects.insert(target.id());
        let namespaces = reads.demand.entry(target.resource.clone()).or_default();
        namespaces.insert(target.namespace.clone());
    }

    fn record_list(&self, request: &ListRequest) {
        let (resource, namespace) = (&request.resource, &request.namespace);
        // A list of all namespaces is of releases, which have a watch of their own.
        let is_collection = !resource.namespaced || namespace.is_some();
        if resource.is_secret() || !is_collection {
            return;
        }
        let mut reads = lock(&self.reads);
        reads.lists.insert((resource.clone(), namespace.clone()));
        let namespaces = reads.demand.entry(resource.clone()).or_default();
        namespaces.insert(namespace.clone());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Cluster for ReadRecorder {
    async fn get(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        if let Some(stored) = self.stored.get(target) {
            return Ok(Some(stored));
        }
        let object = self.inner.get(target).await?;
        match &object {
            // What is stored of a release is followed on its own.
            Some(object) if object.label(ROLE_LABEL).is_some() => self.stored.add(object),
            _ => self.record_get(target),
        }
        Ok(object)
    }

    async fn get_metadata(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        self.record_get(target);
        self.inner.get_metadata(target).await
    }

    async fn list(&self, request: &ListRequest) -> Result<Page, ApiError> {
        self.record_list(request);
        self.inner.list(request).await
    }

    async fn watch(&self, request: &WatchRequest) -> Result<WatchStream, ApiError> {
        self.inner.watch(request).await
    }

    async fn apply(
        &self,
        target: &Target,
        body: &Value,
        options: &ApplyOptions,
    ) -> Result<Applied, ApiError> {
        self.inner.apply(target, body, options).await
    }

    async fn create(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.inner.create(target, body, options).await
    }

    async fn replace(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.inner.replace(target, body, options).await
    }

    async fn store(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.inner.store(target, body, options).await
    }

    async fn json_patch(
        &self,
        target: &Target,
        operations: &[Value],
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.inner.json_patch(target, operations, options).await
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deleted, ApiError> {
        self.inner.delete(target, options).await
    }

    async fn may(&self, review: &AccessReview) -> Result<bool, ApiError> {
        self.inner.may(review).await
    }

    async fn whoami(&self) -> Result<String, ApiError> {
        self.inner.whoami().await
    }

    async fn discover(&self) -> Result<Vec<Discovered>, ApiError> {
        self.inner.discover().await
    }

    async fn server_version(&self) -> Result<ServerVersion, ApiError> {
        self.inner.server_version().await
    }

    async fn logs(&self, request: &LogRequest) -> Result<String, ApiError> {
        self.inner.logs(request).await
    }

    fn answers_from_memory(&self) -> bool {
        self.inner.answers_from_memory()
    }

    fn hide(&self, text: &str) -> String {
        self.inner.hide(text)
    }

    fn server(&self) -> &str {
        self.inner.server()
    }

    fn identity(&self, namespace: &str) -> ClusterIdentity {
        self.inner.identity(namespace)
    }

    fn default_namespace(&self) -> &str {
        self.inner.default_namespace()
    }
}
