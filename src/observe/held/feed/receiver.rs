//! Where the watches of a feed write: the collections, how each watch stands, and the news.
//!
//! An object has moved where its content differs from what was held. Of a list that is read for the first time nothing has
//! moved; of one that is read again whatever differs has.

use super::news::{FeedNews, WatchChange, reason_of};
use super::{ContentMark, is_wide, read_state};
use crate::cluster::{ApiError, WatchEvent};
use crate::model::drift::WatchErrorKey;
use crate::model::{Object, ObjectId};
use crate::observe::held::collections::{Collections, HeldObject, ReadState};
use crate::observe::held::loader::{Reach, reduce};
use crate::observe::watch::{Collection, Follower, WatchHealth, WatchState};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The server keeps a watch open for so long: a connection that has died without a word is noticed after it.
const WATCH_SECONDS: u32 = 60;
/// What is not permitted or not served is tried again this often.
const REFUSED: Duration = Duration::from_secs(60);
/// What failed otherwise is tried again this often.
const FAILED: Duration = Duration::from_secs(3);

pub(super) struct Receiver {
    collections: Arc<RwLock<Collections>>,
    content_mark: ContentMark,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    reach: Reach,
    watches: HashMap<Collection, Watch>,
    errors: BTreeMap<WatchErrorKey, u64>,
    news: FeedNews,
}

/// How one watch stands.
#[derive(Default)]
struct Watch {
    health: WatchHealth,
    /// The version of its last list.
    version: String,
    /// Whether the collection was read when it began: what differs since has moved.
    was_read: bool,
    /// Whether it was told that it does not follow.
    is_reported: bool,
    /// Namespaces that came into reach: what the watch of the whole cluster has brought of them before was dropped.
    fresh: BTreeMap<String, Instant>,
}

impl Watch {
    /// Whether the server has never known the kind: there is nothing that could be missed of it.
    fn is_of_no_kind(&self) -> bool {
        let state = &self.health.state;
        !self.was_read && matches!(state, WatchState::Unreadable(ApiError::NotServed { .. }))
    }
}

impl Receiver {
    pub fn new(collections: Arc<RwLock<Collections>>, content_mark: ContentMark) -> Self {
        Self {
            collections,
            content_mark,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn collections(&self) -> RwLockWriteGuard<'_, Collections> {
        self.collections.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Objects of these namespaces are held. What watches of the whole cluster have brought of a new one was dropped: until
    /// they have listed again the server is asked.
    pub fn set_reach(&self, reach: &Reach) {
        let mut state = self.state();
        let before = std::mem::replace(&mut state.reach, reach.clone());
        let new = reach
            .namespaces()
            .filter(|namespace| !before.holds(Some(namespace)));
        let (new, now) = (new.map(String::from).collect::<Vec<_>>(), Instant::now());

        let mut collections = self.collections();
        let wide = state
            .watches
            .iter_mut()
            .filter(|(collection, _)| is_wide(collection));
        for (collection, watch) in wide {
            for namespace in &new {
                collections.set_state(&collection.resource, Some(namespace), ReadState::Loading);
                watch.fresh.insert(namespace.clone(), now);
            }
        }
    }

    /// A watch begins: nobody else fills its collection from now on. What was read of it stays in use until it is listed.
    pub fn begin(&self, collection: &Collection) {
        let mut state = self.state();
        let mut collections = self.collections();
        let resource = &collection.resource;
        let mut namespaces = vec![collection.namespace.clone()];
        if is_wide(collection) {
            namespaces.extend(
                state
                    .reach
                    .namespaces()
                    .map(|namespace| Some(namespace.to_owned())),
            );
        }

        let is_replaced =
            |(other, watch): (&Collection, &Watch)| watch.was_read && overlaps(other, collection);
        let mut watch = Watch {
            was_read: state.watches.iter().any(is_replaced),
            ..Watch::default()
        };
        for namespace in namespaces {
            match collections.own_state(resource, namespace.as_deref()) {
                ReadState::Read { .. } => watch.was_read = true,
                _ => collections.set_state(resource, namespace.as_deref(), ReadState::Loading),
            }
        }
        state.watches.insert(collection.clone(), watch);
    }

    /// It is not watched any more: what it held is dropped, but for what another watch goes on with. How it stood is no news
    /// then: the other one tells.
    pub fn forget(&self, collection: &Collection) {
        let mut state = self.state();
        state.watches.remove(collection);
        state
            .news
            .watches
            .retain(|change| change.collection != *collection);
        let successors = state.watches.keys().filter(|other| overlaps(other, collection));

        let (resource, namespace) = (&collection.resource, collection.namespace.as_deref());
        let mut collections = self.collections();
        let followed: BTreeSet<&str> = successors
            .flat_map(|other| match (&other.namespace, namespace) {
                (Some(namespace), _) => vec![namespace.as_str()],
                (None, namespace) => Vec::from_iter(namespace),
            })
            .filter(|namespace| state.reach.holds(Some(namespace)))
            .collect();
        collections.clear_but(resource, namespace, &followed);
    }

    /// Whether it was read, or has failed.
    pub fn has_answered(&self, collection: &Collection) -> bool {
        let state = self.state();
        state.watches.get(collection).is_some_and(|watch| {
            let is_failing = matches!(watch.health.state, WatchState::Loading(Some(_)));
            watch.fresh.is_empty() && watch.health.answered.is_some() || is_failing
        })
    }

    /// Whether the server says that it may not be read.
    pub fn is_refused(&self, collection: &Collection) -> bool {
        let state = self.state();
        state.watches.get(collection).is_some_and(
            |watch| matches!(&watch.health.state, WatchState::Unreadable(error) if error.is_forbidden()),
        )
    }

    /// Whether what is held of it is as the server has it, but for some seconds.
    pub fn follows(&self, collection: &Collection) -> bool {
        let state = self.state();
        let watch = state.watches.get(collection);
        watch.is_some_and(|watch| watch.health.state == WatchState::Synced || watch.is_of_no_kind())
    }

    pub fn errors(&self) -> BTreeMap<WatchErrorKey, u64> {
        self.state().errors.clone()
    }

    pub fn take_news(&self) -> FeedNews {
        std::mem::take(&mut self.state().news)
    }

    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Changes how a watch stands, and says so to whoever reads the collections.
    fn stand(&self, collection: &Collection, change: impl FnOnce(&mut Watch)) {
        let mut state = self.state();
        let State {
            watches, news, reach, ..
        } = &mut *state;
        // One that was forgotten while its request was under way.
        let Some(watch) = watches.get_mut(collection) else {
            return;
        };
        change(watch);

        let error = match &watch.health.state {
            _ if watch.is_of_no_kind() => None,
            WatchState::Stale(error) | WatchState::Unreadable(error) => Some(error.clone()),
            WatchState::Loading(_) | WatchState::Synced => None,
        };
        if error.is_some() != watch.is_reported {
            watch.is_reported = error.is_some();
            let collection = collection.clone();
            news.watches.push(WatchChange { collection, error });
        }
        let read = read_state(&watch.health.state, &watch.version);
        if read != ReadState::Loading {
            set_read_state(&mut self.collections(), collection, (reach, &watch.fresh), read);
        }
        drop(state);
        self.changed.notify_one();
    }

    fn count(&self, collection: &Collection, error: &ApiError) {
        let key = WatchErrorKey {
            resource: collection.resource.counted(),
            namespace: collection.namespace.clone(),
            reason: reason_of(error),
        };
        *self.state().errors.entry(key).or_default() += 1;
    }

    /// Puts objects into a collection, and notes those that moved.
    fn put(&self, collection: &Collection, objects: Vec<Object>, is_event: bool) {
        let mut state = self.state();
        let State {
            reach, watches, news, ..
        } = &mut *state;
        let Some(watch) = watches.get(collection) else {
            return;
        };
        let notes_moves = is_event || watch.was_read;

        let mut collections = self.collections();
        for object in objects {
            if !reach.holds(object.namespace()) {
                continue;
            }
            let object = reduce(object);
            let held = HeldObject::new(&object);
            let before = collections.upsert(&collection.resource, held);
            if notes_moves && self.differs(&object, before.as_deref()) {
                let moved = news.moved.entry(object.id()).or_default();
                moved.note(&object, before.as_deref(), &collections);
            }
        }
        drop((collections, state));
        self.changed.notify_one();
    }

    /// Whether the content of an object is another than that of the version that was held.
    fn differs(&self, object: &Object, before: Option<&HeldObject>) -> bool {
        let Some(before) = before else { return true };
        // A list that is read again brings most objects as they were.
        before.resource_version() != object.resource_version()
            && before.parse().map_or(true, |before| {
                (self.content_mark)(&before) != (self.content_mark)(object)
            })
    }

    /// Takes an object out of a collection, and notes that it has moved.
    fn remove(&self, state: &mut State, collection: &Collection, namespace: Option<&str>, name: &str) {
        let resource = &collection.resource;
        let mut collections = self.collections();
        let Some(before) = collections.remove(resource, namespace, name) else {
            return;
        };
        let id = ObjectId::new(&resource.group, &resource.kind, namespace, name);
        let moved = state.news.moved.entry(id).or_default();
        if let Ok(object) = before.parse() {
            moved.note(&object, Some(&before), &collections);
        }
    }
}

impl Follower for Arc<Receiver> {
    fn watch_seconds(&self) -> u32 {
        WATCH_SECONDS
    }

    fn longest_pause(&self, error: Option<&ApiError>) -> Duration {
        let is_refused = |error: &ApiError| error.is_forbidden() || error.is_not_found();
        if error.is_some_and(is_refused) {
            REFUSED
        } else {
            FAILED
        }
    }

    fn page(&self, collection: &Collection, objects: Vec<Object>) {
        self.put(collection, objects, false);
    }

    fn listed(&self, collection: &Collection, listed: &BTreeSet<ObjectId>, version: &str, began: Instant) {
        let resource = &collection.resource;
        {
            let mut state = self.state();
            if !state.watches.contains_key(collection) {
                return;
            }
            let held = self
                .collections()
                .names(resource, collection.namespace.as_deref());
            for (namespace, name) in held {
                let id = ObjectId::new(&resource.group, &resource.kind, namespace.as_deref(), &name);
                if !listed.contains(&id) {
                    self.remove(&mut state, collection, namespace.as_deref(), &name);
                }
            }
        }
        self.stand(collection, |watch| {
            watch.health.answered(began);
            version.clone_into(&mut watch.version);
            watch.was_read = true;
            // A list that began before they were in reach has brought nothing of them.
            watch.fresh.retain(|_, since| *since > began);
        });
    }

    fn resumed(&self, collection: &Collection) {
        self.stand(collection, |watch| watch.health.resumed());
    }

    fn take(&self, collection: &Collection, event: WatchEvent) {
        match event {
            WatchEvent::Present(object) => self.put(collection, vec![object], true),
            WatchEvent::Deleted(object) => {
                let mut state = self.state();
                self.remove(&mut state, collection, object.namespace(), object.name());
                drop(state);
                self.changed.notify_one();
            }
            WatchEvent::Bookmark(_) => {}
        }
    }

    fn failed(&self, collection: &Collection, began: Option<Instant>, error: ApiError) {
        let mut is_error = false;
        self.stand(collection, |watch| {
            watch.health.failed(began, error.clone());
            is_error = !watch.is_of_no_kind();
        });
        if is_error {
            self.count(collection, &error);
        }
    }

    fn broken(&self, collection: &Collection, error: &ApiError) {
        self.count(collection, error);
    }
}

/// Whether two watches are of the same objects: one of the whole cluster, and one of a namespace of it.
fn overlaps(one: &Collection, other: &Collection) -> bool {
    one.resource == other.resource && is_wide(one) != is_wide(other)
}

/// Says how far a collection was read. One of the whole cluster speaks for each namespace: what somebody else has listed of
/// them is not as new.
fn set_read_state(
    collections: &mut Collections,
    collection: &Collection,
    (reach, fresh): (&Reach, &BTreeMap<String, Instant>),
    read: ReadState,
) {
    let resource = &collection.resource;
    if is_wide(collection) {
        let own = match &read {
            ReadState::Read { .. } => ReadState::Unread,
            other => other.clone(),
        };
        for namespace in reach.namespaces() {
            let state = match fresh.contains_key(namespace) {
                true => ReadState::Loading,
                false => own.clone(),
            };
            collections.set_state(resource, Some(namespace), state);
        }
    }
    collections.set_state(resource, collection.namespace.as_deref(), read);
}

#[cfg(test)]
mod tests;
