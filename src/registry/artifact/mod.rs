//! Releases in registries and OCI layouts: an artifact of a type of its own, with statements as its referrers.

mod exchange;
mod layout;
mod location;
mod manifest;
mod remote;
mod store;

pub use exchange::{Artifact, attach, pull, push};
pub use location::Location;
