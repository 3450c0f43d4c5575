//! OCI registries: what a reference is, byte for byte.
//!
//! Digests are computed from the bytes that a registry sends, never taken on its word.

mod access;
pub mod artifact;
mod credentials;
mod error;
mod loopback;
mod reader;
mod resolve;
mod token;
mod writing;

pub use error::{RegistryError, Trouble};
pub use resolve::{Presence, Registries, RegistryOptions, Resolved};
