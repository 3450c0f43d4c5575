//! The store: its watches run as tasks, and end with it.

use super::collection::Collection;
use super::contents::Contents;
use super::follow::{Follower, follow};
use super::server_liveness::ServerLiveness;
use super::standing::WatchHealth;
use crate::cluster::{ApiError, Cluster, WatchEvent};
use crate::model::{Object, ObjectId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A first read that has failed for so long is not waited for: what follows shows the error.
const HOPELESS: Duration = Duration::from_secs(2);

/// Short, so that a connection on which nothing arrives any more is noticed.
const WATCH_SECONDS: u32 = 30;
/// What failed is tried again this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Where a watch writes what it sees.
#[derive(Clone)]
struct Sink {
    contents: Arc<Mutex<Contents>>,
    signal: watch::Sender<u64>,
    liveness: ServerLiveness,
}

impl Sink {
    fn write(&self, change: impl FnOnce(&mut Contents)) {
        // A panic elsewhere leaves whole values behind: every change is one call.
        change(&mut lock(&self.contents));
        self.signal.send_modify(|count| *count += 1);
    }
}

impl Follower for Sink {
    fn watch_seconds(&self) -> u32 {
        WATCH_SECONDS
    }

    fn longest_pause(&self, _: Option<&ApiError>) -> Duration {
        LONGEST_PAUSE
    }

    fn page(&self, _: &Collection, objects: Vec<Object>) {
        self.write(|contents| objects.into_iter().for_each(|object| contents.insert(object)));
    }

    fn listed(&self, collection: &Collection, listed: &BTreeSet<ObjectId>, _: &str, began: Instant) {
        // A list is read from the store: whoever answers it does more than hold connections.
        self.liveness.now();
        self.write(|contents| {
            contents.keep_only(collection, listed);
            contents.answered(collection, began);
        });
    }

    fn resumed(&self, collection: &Collection) {
        self.write(|contents| contents.resumed(collection));
    }

    /// A bookmark comes from the server's memory, and says nothing of what is behind it.
    fn take(&self, _: &Collection, event: WatchEvent) {
        if !matches!(event, WatchEvent::Bookmark(_)) {
            self.liveness.now();
        }
        self.write(|contents| contents.take(event));
    }

    fn failed(&self, collection: &Collection, began: Option<Instant>, error: ApiError) {
        self.write(|contents| contents.failed(collection, began, error));
    }

    fn broken(&self, _: &Collection, _: &ApiError) {
        // The list that follows tells how it stands.
    }
}

/// Everything that is watched. Dropping it ends the watches.
pub struct WatchStore {
    cluster: Arc<dyn Cluster>,
    sink: Sink,
    changes: watch::Receiver<u64>,
    /// Each with what has it listed again.
    watched: BTreeMap<Collection, Arc<Notify>>,
    tasks: JoinSet<()>,
}

impl WatchStore {
    /// An empty store.
    pub fn new(cluster: Arc<dyn Cluster>) -> Self {
        Self::with_liveness(cluster, ServerLiveness::default())
    }

    /// An empty store that notes each time that the API server is heard.
    pub fn with_liveness(cluster: Arc<dyn Cluster>, liveness: ServerLiveness) -> Self {
        let (signal, changes) = watch::channel(0);
        let sink = Sink {
            contents: Arc::default(),
            signal,
            liveness,
        };

        Self {
            cluster,
            sink,
            changes,
            watched: BTreeMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// When the API server was last heard.
    pub fn liveness(&self) -> &ServerLiveness {
        &self.sink.liveness
    }

    /// Starts a watch, unless it runs.
    pub fn ensure(&mut self, collection: &Collection) {
        if self.watched.contains_key(collection) {
            return;
        }

        let anew = Arc::new(Notify::new());
        self.watched.insert(collection.clone(), anew.clone());
        // Before the task runs: from now on it counts as loading, and not as one that nobody asked for.
        self.contents().begin(collection);
        self.tasks.spawn(follow(
            self.cluster.clone(),
            collection.clone(),
            self.sink.clone(),
            anew,
        ));
    }

    /// What is held now. Keep the guard short: watches write through the same lock.
    pub fn contents(&self) -> MutexGuard<'_, Contents> {
        lock(&self.sink.contents)
    }

    /// Waits until something has changed since the last call. Cancel-safe.
    pub async fn changed(&mut self) {
        // The sender lives in `self`, so that it cannot be gone.
        self.changes.changed().await.ok();
    }

    /// Waits until every watch has been read once or cannot be read, or the time is over. True where it has.
    pub async fn synced(&mut self, limit: Duration) -> bool {
        // One that fails for so long would have everybody wait for the limit, and in vain.
        let is_hopeless = |one: &WatchHealth| one.failing.is_some_and(|since| since.elapsed() >= HOPELESS);
        let is_read =
            |one: Option<&WatchHealth>| one.is_some_and(|one| one.answered.is_some() || is_hopeless(one));

        let is_synced = |store: &Self| {
            let contents = store.contents();
            store.watched.keys().all(|one| is_read(contents.standing(one)))
        };
        self.wait_until(is_synced, limit).await
    }

    /// Reads these anew, and waits for the answers, at most so long. True where all are answered: then nothing is held
    /// that is older than the call.
    pub async fn refresh(&mut self, collections: &[Collection], limit: Duration) -> bool {
        let asked = Instant::now();
        collections
            .iter()
            // Each keeps one ring at most: two who ask at once share a list.
            .filter_map(|one| self.watched.get(one))
            .for_each(|anew| anew.notify_one());

        let is_fresh = |store: &Self| {
            let contents = store.contents();
            // A list that was under way when it was asked for began too early, and does not count.
            let answered = |one| contents.standing(one).and_then(|standing| standing.answered);
            collections
                .iter()
                .all(|one| answered(one).is_some_and(|at| at >= asked))
        };

        self.wait_until(is_fresh, limit).await
    }

    async fn wait_until(&mut self, holds: impl Fn(&Self) -> bool, limit: Duration) -> bool {
        // Each write of a watch rings, failures too: there is always another look.
        let wait = async {
            while !holds(self) {
                self.changed().await;
            }
        };
        tokio::time::timeout(limit, wait).await.is_ok()
    }
}

fn lock(contents: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    contents.lock().unwrap_or_else(PoisonError::into_inner)
}
