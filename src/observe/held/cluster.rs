//! A cluster whose reads are answered from what is held.
//!
//! What is read by name or listed in reach comes out of the store, parsed when it is asked for. Everything else goes to the
//! server: Secrets, other namespaces, what could not be listed, and all writes, dry or not. Whoever has asked the server
//! about an object and reads it once more wants to see what moved: that read goes to the server as well.
//!
//! A watch of what is held brings nothing: whoever wants to know what moves feeds the store.

use super::collections::{Collections, HeldObject, ReadState};
use super::list_selector;
use super::loader::{Loader, Reach, lock};
use super::served::ServedKinds;
use crate::cluster::{
    AccessReview, ApiError, Applied, ApplyOptions, Cluster, DeleteOptions, Deleted, Discovered, ListRequest,
    LogRequest, Page, ServerVersion, WatchRequest, WatchStream, WriteOptions,
};
use crate::model::label_selector::LabelSelector;
use crate::model::names::{self, ROLE_LABEL};
use crate::model::{ClusterIdentity, Object, ObjectId, ResourceType, Target};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

/// Objects a page, where whoever lists does not say.
const PAGE: u32 = 250;

/// A cluster whose reads are answered from collections.
pub struct HeldCluster {
    inner: Arc<dyn Cluster>,
    loader: Loader,
    /// Objects that were read before: each answers one read.
    read_before: Mutex<HashMap<ObjectId, Object>>,
    /// Objects that the server was asked about.
    asked: Mutex<HashSet<ObjectId>>,
    served: Arc<ServedKinds>,
    /// How old what is known of the served kinds may be.
    served_age: Duration,
}

/// What is held of an object.
enum Lookup {
    Present(Arc<HeldObject>),
    Absent,
    /// Nothing: the server has to say.
    NotHeld,
}

impl HeldCluster {
    /// Over a cluster: collections of the namespaces in reach are read once something asks for them.
    pub fn new(inner: Arc<dyn Cluster>, reach: Reach) -> Self {
        Self::with_collections(inner, reach, Arc::default())
    }

    /// The same, over collections that others fill as well. Those that nobody has read are read once.
    pub fn with_collections(
        inner: Arc<dyn Cluster>,
        reach: Reach,
        collections: Arc<RwLock<Collections>>,
    ) -> Self {
        Self {
            loader: Loader::new(inner.clone(), collections, reach),
            inner,
            read_before: Mutex::default(),
            asked: Mutex::default(),
            served: Arc::default(),
            served_age: Duration::MAX,
        }
    }

    /// With what others have asked for of the served kinds within the last `age`.
    #[must_use]
    pub fn with_served(self, served: Arc<ServedKinds>, age: Duration) -> Self {
        Self {
            served,
            served_age: age,
            ..self
        }
    }

    /// Adds objects that were read already: each answers one read by its name. A second read goes to the server, so that a
    /// state which did not fit when it was listed is seen to move.
    pub fn add_read(&self, objects: impl IntoIterator<Item = Object>) {
        let objects = objects.into_iter().map(|object| (object.id(), object));
        lock(&self.read_before).extend(objects);
    }

    async fn look_up(&self, target: &Target) -> Result<Lookup, ApiError> {
        let (resource, namespace) = (&target.resource, target.namespace.as_deref());
        let is_held = !resource.is_secret() && self.loader.reach().covers(resource, namespace);
        if !is_held || lock(&self.asked).contains(&target.id()) {
            return Ok(Lookup::NotHeld);
        }

        let is_partial = !list_selector(resource).is_empty();
        let known = self.loader.collections().state(resource, namespace);
        // No list selects stored state: of ConfigMaps that may be some of it none is listed.
        let is_unlisted = || is_partial && names::may_be_stored_state(&target.name);
        if known == ReadState::Unread && (is_unlisted() || self.loader.is_read_by_name(resource)) {
            return Ok(Lookup::NotHeld);
        }
        match self.loader.ensure(resource, namespace).await {
            ReadState::Read { .. } => {}
            // A role may let single objects be read, and no list.
            ReadState::Failed(error) if error.is_forbidden() => return Ok(Lookup::NotHeld),
            ReadState::Failed(error) => return Err(error),
            ReadState::Unread | ReadState::Loading => return Ok(Lookup::NotHeld),
        }
        let held = self.loader.collections().get(target).cloned();
        Ok(match held {
            Some(object) => Lookup::Present(object),
            // Something that the list did not select may be there.
            None if is_partial => Lookup::NotHeld,
            None => Lookup::Absent,
        })
    }

    /// Whether a list is answered from what is held: its selector then.
    fn held_selector(&self, request: &ListRequest) -> Option<LabelSelector> {
        let resource = &request.resource;
        let covers = self.loader.reach().covers(resource, request.namespace.as_deref());
        if resource.is_secret() || !covers || !request.fields.is_empty() {
            return None;
        }
        let selector = LabelSelector::parse(&request.labels).ok()?;
        let asks_for_state = !list_selector(resource).is_empty() && selector.names(ROLE_LABEL);
        (!asks_for_state).then_some(selector)
    }

    /// One page of what is held.
    fn page(
        &self,
        request: &ListRequest,
        selector: &LabelSelector,
        resource_version: String,
    ) -> Result<Page, ApiError> {
        let limit = request.limit.unwrap_or(PAGE).max(1) as usize;
        let after = request.continue_from.as_deref();
        // No name holds a slash.
        let after = after.map(|after| after.split_once('/').unwrap_or(("", after)));
        let namespace = request.namespace.as_deref().unwrap_or_default();

        let collections = self.loader.collections();
        let found = collections.select(&request.resource, Some(namespace), selector, after, limit);
        // What is parsed is not copied from under the lock.
        drop(collections);

        let last = found.last().filter(|_| found.len() == limit);
        let continue_from = last.map(|last| format!("{namespace}/{}", last.name()));
        let items = found.iter().map(|object| {
            if request.only_metadata {
                object.parse_metadata()
            } else {
                object.parse()
            }
        });
        Ok(Page {
            items: items.collect::<Result<_, ApiError>>()?,
            continue_from,
            resource_version,
        })
    }

    /// Marks an object that the server is asked about.
    fn ask(&self, target: &Target) {
        lock(&self.asked).insert(target.id());
    }
}

/// Events are not held: they can be more than all else that a cluster has, and health does without them.
fn is_event(resource: &ResourceType) -> bool {
    resource.kind == "Event" && matches!(&*resource.group, "" | "events.k8s.io")
}

#[async_trait]
impl Cluster for HeldCluster {
    async fn get(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        let read_before = lock(&self.read_before).remove(&target.id());
        if read_before.is_some() {
            return Ok(read_before);
        }
        match self.look_up(target).await? {
            Lookup::Present(object) => object.parse().map(Some),
            Lookup::Absent => Ok(None),
            Lookup::NotHeld => self.inner.get(target).await,
        }
    }

    async fn get_metadata(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        match self.look_up(target).await? {
            Lookup::Present(object) => object.parse_metadata().map(Some),
            Lookup::Absent => Ok(None),
            Lookup::NotHeld => self.inner.get_metadata(target).await,
        }
    }

    async fn list(&self, request: &ListRequest) -> Result<Page, ApiError> {
        if is_event(&request.resource) {
            return Err(ApiError::NotServed {
                resource: request.resource.counted(),
            });
        }
        let Some(selector) = self.held_selector(request) else {
            return self.inner.list(request).await;
        };
        let namespace = request.namespace.as_deref();
        match self.loader.ensure(&request.resource, namespace).await {
            ReadState::Read { resource_version } => self.page(request, &selector, resource_version),
            ReadState::Failed(error) => Err(error),
            ReadState::Unread | ReadState::Loading => self.inner.list(request).await,
        }
    }

    async fn watch(&self, _: &WatchRequest) -> Result<WatchStream, ApiError> {
        Ok(stream::pending().boxed())
    }

    async fn apply(
        &self,
        target: &Target,
        body: &Value,
        options: &ApplyOptions,
    ) -> Result<Applied, ApiError> {
        self.ask(target);
        self.inner.apply(target, body, options).await
    }

    async fn create(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.ask(target);
        self.inner.create(target, body, options).await
    }

    async fn replace(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.ask(target);
        self.inner.replace(target, body, options).await
    }

    async fn store(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.ask(target);
        self.inner.store(target, body, options).await
    }

    async fn json_patch(
        &self,
        target: &Target,
        operations: &[Value],
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.ask(target);
        self.inner.json_patch(target, operations, options).await
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deleted, ApiError> {
        self.ask(target);
        self.inner.delete(target, options).await
    }

    async fn may(&self, review: &AccessReview) -> Result<bool, ApiError> {
        self.inner.may(review).await
    }

    async fn whoami(&self) -> Result<String, ApiError> {
        self.inner.whoami().await
    }

    async fn discover(&self) -> Result<Vec<Discovered>, ApiError> {
        self.served.get(self.inner.as_ref(), self.served_age).await
    }

    async fn server_version(&self) -> Result<ServerVersion, ApiError> {
        self.inner.server_version().await
    }

    async fn logs(&self, request: &LogRequest) -> Result<String, ApiError> {
        self.inner.logs(request).await
    }

    fn answers_from_memory(&self) -> bool {
        true
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
