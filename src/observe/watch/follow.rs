//! One watch, kept going: list, watch, and again from where it broke.
//!
//! Two loops: the inner one resumes a watch from the last version that was seen, the outer one lists
//! everything again where that cannot help. Watches are short on purpose: on a connection that has died
//! without a word nothing comes, and only the end that was asked for tells it from a quiet one. The outer
//! loop never gives up; how it stands is noted. What is done with what comes is the follower's to say.

use super::collection::Collection;
use crate::cluster::{ApiError, Cluster, ListRequest, Pages, WatchEvent, WatchRequest};
use crate::model::{Object, ObjectId};
use futures::StreamExt;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Objects a page: a page of pods is some 3 MB.
const PAGE: u32 = 250;

/// How often a broken watch is resumed from where it was before everything is listed again.
const RESUMES: u32 = 3;

/// Who takes what a watch brings. Each call is of one collection, in the order in which the server answers.
pub trait Follower: Send + Sync {
    /// After how many seconds the server ends a watch, which is resumed then: a connection on which nothing arrives any more
    /// is noticed by that.
    fn watch_seconds(&self) -> u32;

    /// How long it is waited at most before what failed so is tried again; without an error, before a watch is opened that ended
    /// at once.
    fn longest_pause(&self, error: Option<&ApiError>) -> Duration;

    /// A page of a list; more may follow.
    fn page(&self, collection: &Collection, objects: Vec<Object>);

    /// The list has ended: it held these, and is of this version. It began at `began`: what it holds is at least as new.
    fn listed(&self, collection: &Collection, listed: &BTreeSet<ObjectId>, version: &str, began: Instant);

    /// The watch goes on where it was: nothing was missed.
    fn resumed(&self, collection: &Collection);

    /// One event.
    fn take(&self, collection: &Collection, event: WatchEvent);

    /// A list that began then has failed, or, without a time, a watch. It is tried again.
    fn failed(&self, collection: &Collection, began: Option<Instant>, error: ApiError);

    /// A watch has ended so that only a list helps: its version is too old, or it may not be read any more.
    fn broken(&self, collection: &Collection, error: &ApiError);
}

/// Follows a collection for ever. Each ring of `anew` has it listed again.
pub async fn follow<F: Follower>(
    cluster: Arc<dyn Cluster>,
    collection: Collection,
    follower: F,
    anew: Arc<Notify>,
) {
    let mut pause = Pause::default();

    loop {
        let longest;
        // Before the request: what it answers is at least as new as this.
        let began = Instant::now();
        match list(&*cluster, &collection, &follower, began).await {
            Ok(version) => {
                tokio::select! {
                    error = resume(&*cluster, &collection, &follower, version) => {
                        longest = follower.longest_pause(error.as_ref());
                    }
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
                longest = follower.longest_pause(Some(&error));
                follower.failed(&collection, Some(began), error);
            }
        }
        pause.wait(longest).await;
    }
}

/// Lists all pages; returns the resourceVersion to watch from.
async fn list(
    cluster: &dyn Cluster,
    collection: &Collection,
    follower: &impl Follower,
    began: Instant,
) -> Result<String, ApiError> {
    let mut request = ListRequest::all(&collection.resource, collection.namespace.as_deref());
    request.fields = collection.fields.clone();
    request.labels = collection.labels.clone();
    request.limit = Some(PAGE);

    let (mut listed, mut pages) = (BTreeSet::new(), Pages::default());
    loop {
        let page = cluster.list(&request).await?;
        listed.extend(page.items.iter().map(Object::id));
        // Page by page: of a whole list only what is reduced is held.
        follower.page(collection, page.items);
        if !pages.go_on(&mut request, page.continue_from)? {
            // Only a whole list says what is gone: one that broke half-way takes nothing away.
            follower.listed(collection, &listed, &page.resource_version, began);
            return Ok(page.resource_version);
        }
    }
}

/// Watches from a resourceVersion, and from the last one seen each time the watch ends. Returns when everything must
/// be listed again; with an error where only that helps.
async fn resume(
    cluster: &dyn Cluster,
    collection: &Collection,
    follower: &impl Follower,
    mut version: String,
) -> Option<ApiError> {
    let mut pause = Pause::default();
    let mut failures = 0;

    while failures <= RESUMES {
        let opened = Instant::now();
        let outcome = match cluster
            .watch(&watch_request(collection, follower, &version))
            .await
        {
            Ok(mut events) => {
                // The server has taken the version: all that came
                // since then will follow, and nothing was missed.
                follower.resumed(collection);
                let mut outcome = Ok(());
                while let Some(event) = events.next().await {
                    match event {
                        Ok(event) => {
                            // What brings an event is no broken watch, even if it ends badly each time.
                            (failures, pause) = (0, Pause::default());
                            advance(&mut version, &event);
                            follower.take(collection, event);
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
                follower.broken(collection, &error);
                return Some(error);
            }
            let longest = follower.longest_pause(Some(&error));
            // Without a time: a watch is no read whose answer somebody may wait for.
            follower.failed(collection, None, error);
            failures += 1;
            pause.wait(longest).await;
        } else if opened.elapsed() < Duration::from_secs(1) {
            // A server or proxy that ends each watch at once is not asked in a tight loop.
            pause.wait(follower.longest_pause(None)).await;
        }
    }
    None
}

fn watch_request(collection: &Collection, follower: &impl Follower, version: &str) -> WatchRequest {
    WatchRequest {
        resource: collection.resource.clone(),
        namespace: collection.namespace.clone(),
        labels: collection.labels.clone(),
        fields: collection.fields.clone(),
        resource_version: version.to_owned(),
        timeout_seconds: follower.watch_seconds(),
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

/// Waits longer each time, up to the longest.
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
    async fn wait(&mut self, longest: Duration) {
        tokio::time::sleep(self.next.min(longest)).await;
        self.next = (self.next * 2).min(longest);
    }
}
