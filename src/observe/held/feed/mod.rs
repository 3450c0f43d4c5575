//! Keeps collections as the server has them: one watch for each kind and namespace, or for a kind of the whole cluster where
//! the namespaces are more than a few and that is permitted.
//!
//! What is followed is said as a whole ([`Feed::demand`]): what is new is watched, what is no longer wanted is dropped with
//! all that was held of it. Nothing is decided here. What moved, and which watches stand otherwise than before, is noted
//! until somebody takes it ([`Feed::take_news`]).

mod news;
mod receiver;

pub use news::{FeedNews, Moved, WatchChange, reason_of};
use receiver::Receiver;

use super::collections::{Collections, ReadState};
use super::list_selector;
use super::loader::Reach;
use crate::cluster::Cluster;
use crate::model::drift::WatchErrorKey;
use crate::model::{Object, ResourceType};
use crate::observe::watch::{Collection, follow};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, RwLock};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

/// The namespaces of each kind that are followed; none of a cluster-scoped kind.
pub type Demand = BTreeMap<ResourceType, BTreeSet<Option<String>>>;

/// Says whether two versions of an object are the same to whoever compares: objects of equal marks are.
pub type ContentMark = fn(&Object) -> u64;

/// Watches that fill collections. Dropping it ends them.
pub struct Feed {
    cluster: Arc<dyn Cluster>,
    receiver: Arc<Receiver>,
    watched: HashMap<Collection, Running>,
    /// Kinds of which no watch of the whole cluster is permitted.
    narrow: HashSet<ResourceType>,
    wanted: Demand,
    reach: Reach,
    tasks: JoinSet<()>,
}

/// A watch at work.
struct Running {
    anew: Arc<Notify>,
    task: AbortHandle,
}

impl Feed {
    /// Over collections that others read.
    pub fn new(
        cluster: Arc<dyn Cluster>,
        collections: Arc<RwLock<Collections>>,
        content_mark: ContentMark,
    ) -> Self {
        Self {
            cluster,
            receiver: Arc::new(Receiver::new(collections, content_mark)),
            watched: HashMap::new(),
            narrow: HashSet::new(),
            wanted: Demand::new(),
            reach: Reach::default(),
            tasks: JoinSet::new(),
        }
    }

    /// Follows these, and nothing else any more. Secrets and Events are never followed.
    pub fn demand(&mut self, mut wanted: Demand) {
        wanted.retain(|resource, _| !resource.is_secret() && resource.kind != "Event");
        let namespaces = wanted.values().flatten().flatten().cloned();
        let reach = Reach::new(namespaces);
        let has_grown = !reach.is_within(&self.reach);
        self.wanted = wanted;
        self.reach = reach.clone();
        // Before new watches begin: what they list is of all that is in reach.
        self.receiver.set_reach(&reach);
        if has_grown {
            // What lies in new namespaces was dropped as it arrived.
            let wide = self.watched.iter().filter(|(collection, _)| is_wide(collection));
            wide.for_each(|(_, running)| running.anew.notify_one());
        }
        self.apply_demand();
    }

    /// Follows namespace by namespace what may not be followed in the whole cluster. To be called whenever there are news.
    pub fn narrow_down(&mut self) {
        let refused = |collection: &&Collection| is_wide(collection) && self.receiver.is_refused(collection);
        let refused: Vec<ResourceType> = self
            .watched
            .keys()
            .filter(refused)
            .map(|collection| collection.resource.clone())
            .collect();
        if !refused.is_empty() {
            self.narrow.extend(refused);
            self.apply_demand();
        }
    }

    /// Starts and ends watches so that they are those that are wanted.
    fn apply_demand(&mut self) {
        let wanted: HashSet<Collection> = self.wanted_collections().collect();
        let gone: Vec<Collection> = self
            .watched
            .keys()
            .filter(|collection| !wanted.contains(*collection))
            .cloned()
            .collect();
        // Before others end: what those hold is what the first lists of the new ones are compared with.
        for collection in wanted {
            if !self.watched.contains_key(&collection) {
                self.start(collection);
            }
        }

        for collection in gone {
            if let Some(running) = self.watched.remove(&collection) {
                running.task.abort();
            }
            self.receiver.forget(&collection);
        }
        // Ended tasks are not held on to.
        while self.tasks.try_join_next().is_some() {}
    }

    fn wanted_collections(&self) -> impl Iterator<Item = Collection> {
        self.wanted.iter().flat_map(|(resource, namespaces)| {
            let is_wide = resource.namespaced && self.reach.is_wide() && !self.narrow.contains(resource);
            let namespaces: BTreeSet<Option<String>> = if is_wide {
                [None].into()
            } else {
                namespaces.clone()
            };
            let selector = list_selector(resource);
            namespaces
                .into_iter()
                .map(move |namespace| Collection::new(resource, namespace.as_deref()).with_labels(&selector))
        })
    }

    fn start(&mut self, collection: Collection) {
        // Before the task runs: from now on nobody else fills it.
        self.receiver.begin(&collection);
        let anew = Arc::new(Notify::new());
        let task = self.tasks.spawn(follow(
            self.cluster.clone(),
            collection.clone(),
            self.receiver.clone(),
            anew.clone(),
        ));
        self.watched.insert(collection, Running { anew, task });
    }

    /// Whether every watch has been read once, or has failed.
    pub fn is_synced(&self) -> bool {
        self.watched.keys().all(|one| self.receiver.has_answered(one))
    }

    /// The namespaces of which collections are followed.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Waits until there are news. Cancel-safe.
    pub async fn changed(&self) {
        self.receiver.changed().await;
    }

    /// What has moved, and which watches stand otherwise, since the last call.
    pub fn take_news(&self) -> FeedNews {
        self.receiver.take_news()
    }

    /// How many watches there are, and how many of them do not follow at the moment.
    pub fn count_watches(&self) -> (usize, usize) {
        let failing = self.watched.keys().filter(|one| !self.receiver.follows(one));
        (self.watched.len(), failing.count())
    }

    /// Errors since the start.
    pub fn errors(&self) -> BTreeMap<WatchErrorKey, u64> {
        self.receiver.errors()
    }
}

/// Whether it is of a namespaced kind in the whole cluster.
fn is_wide(collection: &Collection) -> bool {
    collection.resource.namespaced && collection.namespace.is_none()
}

/// How far others may use what is held of a collection that is followed.
fn read_state(state: &crate::observe::watch::WatchState, version: &str) -> ReadState {
    use crate::observe::watch::WatchState::{Loading, Stale, Synced, Unreadable};
    match state {
        Loading(_) => ReadState::Loading,
        Synced => ReadState::Read {
            resource_version: version.to_owned(),
        },
        Stale(error) | Unreadable(error) => ReadState::Failed(error.clone()),
    }
}
