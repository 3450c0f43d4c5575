//! One watch, kept going: list, watch, and again from where it broke.
//!
//! Two loops: the inner one resumes a watch from the last version that was seen, the outer one lists
//! everything again where that cannot help. Watches are short on purpose: on a connection that has died
//! without a word nothing comes, and only the end that was asked for tells it from a quiet one. The outer
//! loop never gives up; how it stands is noted.

use super::collection::Collection;
use super::contents::Contents;
use super::server_liveness::ServerLiveness;
use crate::cluster::{ApiError, Cluster, ListRequest, Pages, WatchEvent, WatchRequest};
use crate::model::Object;
use futures::StreamExt;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Short, so that a connection on which nothing arrives any more is noticed.
const WATCH_SECONDS: u32 = 30;

/// Objects a page: a page of pods is some 3 MB.
const PAGE: u32 = 250;

/// How often a broken watch is resumed from where it was before everything is listed again.
const RESUMES: u32 = 3;

/// Where a watch writes what it sees.
#[derive(Clone)]
pub(super) struct Sink {
    pub contents: Arc<Mutex<Contents>>,
    pub signal: watch::Sender<u64>,
    pub liveness: ServerLiveness,
}

impl Sink {
    fn write(&self, change: impl FnOnce(&mut Contents)) {
        // A panic elsewhere leaves whole values behind: every change is one call.
        change(&mut self.contents.lock().unwrap_or_else(PoisonError::into_inner));
        self.signal.send_modify(|count| *count += 1);
    }

    /// A bookmark comes from the server's memory, and says nothing of what is behind it.
    fn take(&self, event: WatchEvent) {
        let is_change = !matches!(event, WatchEvent::Bookmark(_));
        if is_change {
            self.liveness.now();
        }

        self.write(|contents| contents.take(event));
    }
}

/// Follows a collection for ever. Each ring of `anew` has it listed again.
pub(super) async fn follow(cluster: Arc<dyn Cluster>, collection: Collection, sink: Sink, anew: Arc<Notify>) {
    let mut pause = Pause::default();

    loop {
        // Before the request: what it answers is at least as new as this.
        let began = Instant::now();
        match list(&*cluster, &collection, &sink).await {
            Ok(version) => {
                // A list is read from the store: whoever answers it does more than hold connections.
                sink.liveness.now();
                sink.write(|contents| contents.answered(&collection, began));
                tokio::select! {
                    () = resume(&*cluster, &collection, &sink, version) => {}
                    // A ring that came while the list was read is kept by the
                    // Notify: the watch ends at once, and no ring is lost.
                    () = anew.notified() => continue,
                }
                // A watch that is refused each time is not asked for in a tight loop.
                if began.elapsed() > Duration::from_secs(1) {
                    pause = Pause::default();
                }
            }
            Err(error) => {
                tracing::debug!(kind = collection.resource.kind, %error, "cannot list");
                // Whether it was an answer at all, its standing tells from the error.
                sink.write(|contents| contents.failed(&collection, Some(began), error));
            }
        }
        pause.wait().await;
    }
}

/// Lists all pages; returns the resourceVersion to watch from.
async fn list(cluster: &dyn Cluster, collection: &Collection, sink: &Sink) -> Result<String, ApiError> {
    let mut request = ListRequest::all(&collection.resource, collection.namespace.as_deref());
    request.fields = collection.fields.clone();
    request.limit = Some(PAGE);

    let (mut listed, mut pages) = (BTreeSet::new(), Pages::default());
    loop {
        let page = cluster.list(&request).await?;
        listed.extend(page.items.iter().map(Object::id));
        // Page by page: of a whole list only what is reduced is held.
        sink.write(|contents| page.items.into_iter().for_each(|object| contents.insert(object)));
        if !pages.go_on(&mut request, page.continue_from)? {
            // Only a whole list says what is gone: one that broke half-way takes nothing away.
            sink.write(|contents| contents.keep_only(collection, &listed));
            return Ok(page.resource_version);
        }
    }
}

/// Watches from a resourceVersion, and from the last one seen each time the watch ends. Returns when everything must
/// be listed again.
async fn resume(cluster: &dyn Cluster, collection: &Collection, sink: &Sink, mut version: String) {
    let mut pause = Pause::default();
    let mut failures = 0;

    while failures <= RESUMES {
        let request = WatchRequest {
            resource: collection.resource.clone(),
            namespace: collection.namespace.clone(),
            labels: String::new(),
            fields: collection.fields.clone(),
            resource_version: version.clone(),
            timeout_seconds: WATCH_SECONDS,
        };

        let opened = Instant::now();
        let outcome = match cluster.watch(&request).await {
            Ok(mut events) => {
                // The server has taken the version: all that came
                // since then will follow, and nothing was missed.
                sink.write(|contents| contents.resumed(collection));
                let mut outcome = Ok(());
                while let Some(event) = events.next().await {
                    match event {
                        Ok(event) => {
                            // What brings an event is no broken watch, even if it ends badly each time.
                            (failures, pause) = (0, Pause::default());
                            advance(&mut version, &event);
                            sink.take(event);
                        }
                        // The stream ends by itself after an error.
                        Err(error) => outcome = Err(error),
                    }
                }
                outcome
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            tracing::debug!(kind = collection.resource.kind, %error, "watch failed");
            // None of them goes away by asking from here again. What
            // it means the list says, with an error of its own.
            if error.is_expired() || error.is_forbidden() || error.is_not_found() {
                return;
            }
            // Without a time: a watch is no read whose answer somebody may wait for.
            sink.write(|contents| contents.failed(collection, None, error));
            failures += 1;
            pause.wait().await;
        } else if opened.elapsed() < Duration::from_secs(1) {
            // A server or proxy that ends each watch at once is not asked in a tight loop.
            pause.wait().await;
        }
    }
}

fn advance(version: &mut String, event: &WatchEvent) {
    // A bookmark moves on as well: that is all it is for.
    let seen = match event {
        WatchEvent::Present(object) | WatchEvent::Deleted(object) => object.resource_version(),
        WatchEvent::Bookmark(version) => version,
    };
    if !seen.is_empty() {
        *version = seen.to_owned();
    }
}

/// Waits longer each time, up to some seconds.
struct Pause {
    next: Duration,
}

impl Default for Pause {
    fn default() -> Self {
        Self {
            next: Duration::from_millis(100),
        }
    }
}

impl Pause {
    async fn wait(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(Duration::from_secs(3));
    }
}
