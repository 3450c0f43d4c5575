//! Whole collections that are held in memory: many releases are compared by what few lists have brought.
//!
//! Three parts, each with one job. [`Collections`] is the store: objects as compact bytes, found by kind, namespace, name
//! and label, and of each collection whether it was read. It asks nobody and decides nothing. The loader (`loader.rs`)
//! fills it on demand: what nobody asks for is not read. [`HeldCluster`] is a [`Cluster`](crate::cluster::Cluster) that
//! answers reads from the store; dry runs and all that is not held go to the server.
//!
//! Whoever stays has the store filled by a [`Feed`] of watches instead, which also says what moved.
//!
//! Secrets are never listed and never held. A collection that could not be read is never taken for an empty one: its state
//! says why.

mod cluster;
mod collections;
mod feed;
mod loader;
mod recorder;
mod served;

pub use cluster::HeldCluster;
pub use collections::{Collections, HeldObject, ReadState};
pub use feed::{Demand, Feed, Moved, WatchChange, reason_of};
pub use loader::Reach;
pub use recorder::{ReadRecorder, Reads, StoredReleases};
pub use served::ServedKinds;

use crate::model::ResourceType;
use crate::model::names::ROLE_LABEL;

/// The selector of the list that fills a collection; empty where that is of everything.
///
/// ConfigMaps that carry a role are a release's stored state: of each release every revision, up to a MiB each, of which
/// a comparison reads one, by name.
pub fn list_selector(resource: &ResourceType) -> String {
    if resource.group.is_empty() && resource.kind == "ConfigMap" {
        format!("!{ROLE_LABEL}")
    } else {
        String::new()
    }
}
