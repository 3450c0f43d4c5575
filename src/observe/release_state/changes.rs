//! Which releases' stored state has changed: a watch of the inventories and journals of a namespace, or of all.
//!
//! Nothing of them is believed or held, but which there are and in which version: who wants to know more reads the state and
//! its seal.

use super::kind_of;
use crate::cluster::{ApiError, Cluster, WatchEvent};
use crate::model::moves::ReleaseRef;
use crate::model::names::{RELEASE_LABEL, ROLE_LABEL};
use crate::model::{Object, ObjectId};
use crate::observe::watch::{Collection, Follower, WatchHealth, WatchState, follow};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The server keeps the watch open for so long.
const WATCH_SECONDS: u32 = 60;
/// What failed is tried again this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// A watch of the stored states of releases. Dropping it ends it.
pub struct StateChanges {
    receiver: Arc<Receiver>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct Receiver {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    health: WatchHealth,
    /// Inventories and journals: their releases and versions.
    versions: BTreeMap<ObjectId, (ReleaseRef, String)>,
    changed: BTreeSet<ReleaseRef>,
    errors: Vec<ApiError>,
}

/// Errors that are held until somebody takes them.
const MOST_ERRORS: usize = 100;

impl StateChanges {
    /// Of a namespace, or of all of them.
    pub fn follow(cluster: Arc<dyn Cluster>, namespace: Option<&str>) -> Self {
        let receiver = Arc::<Receiver>::default();
        let collection = Collection::new(&kind_of(false), namespace)
            .with_labels(&format!("{ROLE_LABEL} in (inventory,journal)"));
        let mut task = JoinSet::new();
        task.spawn(follow(
            cluster,
            collection,
            receiver.clone(),
            Arc::new(Notify::new()),
        ));
        Self {
            receiver,
            _task: task,
        }
    }

    /// Waits until something has changed, or a watch has failed. Cancel-safe.
    pub async fn changed(&self) {
        self.receiver.changed.notified().await;
    }

    /// The releases whose inventory or journal was written, came or went since the last call.
    pub fn take(&self) -> BTreeSet<ReleaseRef> {
        std::mem::take(&mut self.receiver.state().changed)
    }

    /// Errors of the watch since the last call.
    pub fn take_errors(&self) -> Vec<ApiError> {
        std::mem::take(&mut self.receiver.state().errors)
    }

    /// Whether all of them were listed once.
    pub fn has_listed(&self) -> bool {
        self.receiver.state().health.answered.is_some()
    }

    /// Why it does not follow; none where it does, but for some seconds.
    pub fn failure(&self) -> Option<ApiError> {
        match &self.receiver.state().health.state {
            WatchState::Stale(error) | WatchState::Unreadable(error) => Some(error.clone()),
            WatchState::Loading(error) => error.clone(),
            WatchState::Synced => None,
        }
    }

    /// The versions of what is stored of a release: another one means that it was written.
    pub fn version(&self, release: &ReleaseRef) -> Vec<String> {
        let state = self.receiver.state();
        let of_release = state.versions.values().filter(|(of, _)| of == release);
        of_release.map(|(_, version)| version.clone()).collect()
    }
}

impl Receiver {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_one();
    }
}

impl State {
    fn put(&mut self, object: &Object) {
        let Some(name) = object.label(RELEASE_LABEL) else {
            return;
        };
        let release = ReleaseRef::new(object.namespace().unwrap_or_default(), name);
        let now = (release.clone(), object.resource_version().to_owned());
        let before = self.versions.insert(object.id(), now.clone());
        if before.as_ref() != Some(&now) {
            self.changed.insert(release);
            // A label that was changed makes it that of another one.
            self.changed.extend(before.map(|(release, _)| release));
        }
    }

    fn remove(&mut self, id: &ObjectId) {
        let before = self.versions.remove(id);
        self.changed.extend(before.map(|(release, _)| release));
    }

    fn add_error(&mut self, error: ApiError) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(error);
        }
    }
}

impl Follower for Arc<Receiver> {
    fn watch_seconds(&self) -> u32 {
        WATCH_SECONDS
    }

    fn longest_pause(&self, _: Option<&ApiError>) -> Duration {
        LONGEST_PAUSE
    }

    fn page(&self, _: &Collection, objects: Vec<Object>) {
        self.change(|state| objects.iter().for_each(|object| state.put(object)));
    }

    fn listed(&self, _: &Collection, listed: &BTreeSet<ObjectId>, _: &str, began: Instant) {
        self.change(|state| {
            let gone = state.versions.keys().filter(|id| !listed.contains(id));
            let gone: Vec<ObjectId> = gone.cloned().collect();
            gone.iter().for_each(|id| state.remove(id));
            state.health.answered(began);
        });
    }

    fn resumed(&self, _: &Collection) {
        self.change(|state| state.health.resumed());
    }

    fn take(&self, _: &Collection, event: WatchEvent) {
        match event {
            WatchEvent::Present(object) => self.change(|state| state.put(&object)),
            WatchEvent::Deleted(object) => self.change(|state| state.remove(&object.id())),
            WatchEvent::Bookmark(_) => {}
        }
    }

    fn failed(&self, _: &Collection, began: Option<Instant>, error: ApiError) {
        self.change(|state| {
            state.add_error(error.clone());
            state.health.failed(began, error);
        });
    }

    fn broken(&self, _: &Collection, error: &ApiError) {
        self.change(|state| state.add_error(error.clone()));
    }
}
