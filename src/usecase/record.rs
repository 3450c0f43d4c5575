//! What a recording looks up: digests in registries, and what ran in the test cluster.

mod from_cluster;
mod resolving;

pub use from_cluster::{Seen, look};
pub use resolving::resolve;
