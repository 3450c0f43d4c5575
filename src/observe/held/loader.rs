//! Fills collections on demand, each once, however many ask for it at the same time.
//!
//! One list of all namespaces costs one request where one of each costs as many as there are; it also brings what nobody
//! asked for, which is dropped as it arrives. So it is made where the namespaces are more than a few, and where it may be.

use super::collections::{Collections, HeldObject, ReadState};
use super::list_selector;
use crate::cluster::{ApiError, Cluster, ListRequest, Pages};
use crate::model::{Object, ResourceType};
use crate::observe::watch::reduce_controlled;
use crate::observe::{Aside, aside};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// So many namespaces, or fewer, are listed one by one.
const NAMESPACE_BY_NAMESPACE: usize = 4;
/// Objects a page: of each kind two pages are held as JSON at a time.
const PAGE: u32 = 500;
/// So many objects of a kind are read by name before its collection is listed.
const BY_NAME: usize = 5;

/// The namespaces of which collections are held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    namespaces: BTreeSet<String>,
}

impl Reach {
    /// These namespaces.
    pub fn new(namespaces: impl IntoIterator<Item = String>) -> Self {
        Self {
            namespaces: namespaces.into_iter().collect(),
        }
    }

    /// Whether collections of a kind are held there; of cluster-scoped kinds they always are.
    pub fn covers(&self, resource: &ResourceType, namespace: Option<&str>) -> bool {
        match namespace {
            Some(namespace) => resource.namespaced && self.namespaces.contains(namespace),
            None => !resource.namespaced,
        }
    }

    /// Whether one list of all namespaces is less than one of each.
    pub(super) fn is_wide(&self) -> bool {
        self.namespaces.len() > NAMESPACE_BY_NAMESPACE
    }

    /// The namespaces.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().map(String::as_str)
    }

    /// Whether what lies there is held; cluster-scoped objects always are.
    pub(super) fn holds(&self, namespace: Option<&str>) -> bool {
        namespace.is_none_or(|namespace| self.namespaces.contains(namespace))
    }

    /// Whether the other one reaches as far.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.namespaces.is_subset(&other.namespaces)
    }
}

/// A kind, and the namespace that one of its lists is of.
type Gate = (ResourceType, Option<String>);

/// Fills collections.
pub(super) struct Loader {
    cluster: Arc<dyn Cluster>,
    collections: Arc<RwLock<Collections>>,
    reach: Reach,
    /// Held while a collection is read: whoever comes second finds it read.
    gates: Mutex<HashMap<Gate, Arc<tokio::sync::Mutex<()>>>>,
    /// Objects of each kind that were read by name.
    by_name: Mutex<HashMap<ResourceType, usize>>,
}

impl Loader {
    pub fn new(cluster: Arc<dyn Cluster>, collections: Arc<RwLock<Collections>>, reach: Reach) -> Self {
        Self {
            cluster,
            collections,
            reach,
            gates: Mutex::default(),
            by_name: Mutex::default(),
        }
    }

    pub fn collections(&self) -> RwLockReadGuard<'_, Collections> {
        self.collections.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn collections_mut(&self) -> RwLockWriteGuard<'_, Collections> {
        self.collections.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether one more object of a kind is read by its name: a list of hundreds costs more than a few reads.
    pub fn is_read_by_name(&self, resource: &ResourceType) -> bool {
        let mut by_name = lock(&self.by_name);
        let count = by_name.entry(resource.clone()).or_default();
        *count += 1;
        *count <= BY_NAME
    }

    /// Reads a collection unless it was read, and gives how far it is read then.
    pub async fn ensure(&self, resource: &ResourceType, namespace: Option<&str>) -> ReadState {
        if let Some(known) = self.known(resource, namespace) {
            return known;
        }
        if namespace.is_some() && self.reach.is_wide() {
            let gate = self.gate(resource, None);
            let _turn = gate.lock().await;
            if let Some(known) = self.known(resource, namespace) {
                return known;
            }
            if self.collections().own_state(resource, None) == ReadState::Unread {
                self.read_all(resource).await;
            }
            if let Some(known) = self.known(resource, namespace) {
                return known;
            }
        }

        let gate = self.gate(resource, namespace);
        let _turn = gate.lock().await;
        if let Some(known) = self.known(resource, namespace) {
            return known;
        }
        let read = self.list(resource, namespace).await;
        let mut collections = self.collections_mut();
        // A watch fills it since: what was listed here is older.
        if collections.state(resource, namespace) != ReadState::Unread {
            return collections.state(resource, namespace);
        }
        match read {
            Ok((objects, version)) => collections.replace(resource, namespace, objects, &version),
            Err(error) => collections.set_state(resource, namespace, ReadState::Failed(error)),
        }
        collections.state(resource, namespace)
    }

    /// How far a collection was read; none where nobody has tried.
    fn known(&self, resource: &ResourceType, namespace: Option<&str>) -> Option<ReadState> {
        let state = self.collections().state(resource, namespace);
        (state != ReadState::Unread).then_some(state)
    }

    fn gate(&self, gate: &ResourceType, namespace: Option<&str>) -> Arc<tokio::sync::Mutex<()>> {
        let gate = (gate.clone(), namespace.map(String::from));
        lock(&self.gates).entry(gate).or_default().clone()
    }

    /// Reads a kind in all namespaces, and holds what lies in reach. Where that is not permitted, each namespace is still
    /// to be asked for.
    async fn read_all(&self, resource: &ResourceType) {
        let read = self.list(resource, None).await;
        let mut collections = self.collections_mut();
        if collections.own_state(resource, None) != ReadState::Unread {
            return;
        }
        let (objects, version) = match read {
            Ok(read) => read,
            Err(error) => {
                // The same server would say the same of each namespace, if it says anything.
                if !error.is_forbidden() {
                    for namespace in &self.reach.namespaces {
                        collections.set_state(resource, Some(namespace), ReadState::Failed(error.clone()));
                    }
                }
                return collections.set_state(resource, None, ReadState::Failed(error));
            }
        };

        let mut spaces: HashMap<&str, Vec<HeldObject>> = HashMap::new();
        let namespaces = self.reach.namespaces.iter();
        spaces.extend(namespaces.map(|namespace| (namespace.as_str(), Vec::new())));
        for object in objects {
            let space = self.reach.namespaces.get(object.namespace().unwrap_or_default());
            if let Some(objects) = space.and_then(|space| spaces.get_mut(space.as_str())) {
                objects.push(object);
            }
        }
        for (namespace, objects) in spaces {
            if collections.own_state(resource, Some(namespace)) != ReadState::Unread {
                continue;
            }
            collections.replace(resource, Some(namespace), objects, &version);
        }
    }

    /// A whole list, and its resourceVersion. Each page is made compact on another thread while the next one comes.
    async fn list(
        &self,
        resource: &ResourceType,
        namespace: Option<&str>,
    ) -> Result<(Vec<HeldObject>, String), ApiError> {
        let mut request = ListRequest {
            limit: Some(PAGE),
            ..ListRequest::all(resource, namespace).with_labels(&list_selector(resource))
        };

        let (mut held, mut pages, mut compacting) = (Vec::new(), Pages::default(), None);
        loop {
            let page = self.cluster.list(&request).await?;
            let items = page.items.into_iter();
            let items: Vec<Object> = items.filter(|object| self.is_in_reach(object)).collect();
            // One page at a time: pages that wait would be held whole.
            join(&mut held, compacting.take()).await;
            compacting = Some(aside(move || {
                let compact = |object| HeldObject::new(&reduce(object));
                items.into_iter().map(compact).collect()
            }));

            if !pages.go_on(&mut request, page.continue_from)? {
                join(&mut held, compacting.take()).await;
                return Ok((held, page.resource_version));
            }
        }
    }

    fn is_in_reach(&self, object: &Object) -> bool {
        let namespace = object.namespace();
        namespace.is_none_or(|namespace| self.reach.namespaces.contains(namespace))
    }
}

/// An object without what nothing reads of it: most of a node is a list of its images.
pub(super) fn reduce(mut object: Object) -> Object {
    if object.kind() == "Node"
        && let Some(status) = object
            .value_mut()
            .get_mut("status")
            .and_then(Value::as_object_mut)
    {
        status.shift_remove("images");
    }
    reduce_controlled(object)
}

async fn join(held: &mut Vec<HeldObject>, compacting: Option<Aside<Vec<HeldObject>>>) {
    if let Some(compacting) = compacting {
        held.extend(compacting.await);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
