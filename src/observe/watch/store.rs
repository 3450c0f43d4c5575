//! The store: its watches run as tasks, and end with it.

use super::collection::{Collection, Sink, State, follow};
use super::contents::Contents;
use crate::cluster::Cluster;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Everything that is watched. Dropping it ends the watches.
pub struct Store {
    cluster: Arc<dyn Cluster>,
    sink: Sink,
    changes: watch::Receiver<u64>,
    watched: BTreeSet<Collection>,
    tasks: JoinSet<()>,
}

impl Store {
    /// An empty store.
    pub fn new(cluster: Arc<dyn Cluster>) -> Self {
        let (signal, changes) = watch::channel(0);
        let sink = Sink { contents: Arc::default(), signal };
        Self { cluster, sink, changes, watched: BTreeSet::new(), tasks: JoinSet::new() }
    }

    /// Starts a watch, unless it runs.
    pub fn ensure(&mut self, collection: &Collection) {
        if self.watched.contains(collection) {
            return;
        }
        self.watched.insert(collection.clone());
        self.contents().set_state(collection, State::Loading(None));
        self.tasks.spawn(follow(self.cluster.clone(), collection.clone(), self.sink.clone()));
    }

    /// What is held now. Keep the guard short: watches write through the same lock.
    pub fn contents(&self) -> MutexGuard<'_, Contents> {
        lock(&self.sink.contents)
    }

    /// Waits until something has changed since the last call. Cancel-safe.
    pub async fn changed(&mut self) {
        // The sender lives in `self`, so that it cannot be gone.
        let _ = self.changes.changed().await;
    }

    /// Waits until every watch has been read once or cannot be read, or the time is over. True where it has.
    pub async fn synced(&mut self, limit: Duration) -> bool {
        let is_synced = |store: &Self| {
            let contents = store.contents();
            let is_read = |one| !matches!(contents.state(one), Some(State::Loading(_)) | None);
            store.watched.iter().all(is_read)
        };
        let wait = async {
            while !is_synced(self) {
                self.changed().await;
            }
        };
        tokio::time::timeout(limit, wait).await.is_ok()
    }
}

fn lock(contents: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    contents.lock().unwrap_or_else(PoisonError::into_inner)
}
