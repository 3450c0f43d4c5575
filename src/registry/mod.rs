//! OCI registries: what a reference is, byte for byte.
//!
//! Digests are computed from the bytes that a registry sends, never taken on its word. Whatever it answers is
//! bounded in bytes and in time, and credentials go to the registry and to the token server that it names, never to
//! where a redirect points. A host that does not answer is asked once more and then left alone (`circuit`).
//!
//! `resolve` reads images, `artifact` writes and reads releases with their statements. Both go through one `reader`,
//! which signs in by `access`, `credentials` and `token`, and sends by `transport`.

mod access;
pub mod artifact;
mod circuit;
mod credentials;
mod error;
mod loopback;
mod options;
mod reader;
mod resolve;
mod token;
mod transport;
mod writing;

pub use error::{RegistryError, RegistryFailure};
pub use options::RegistryOptions;
pub use resolve::{Registries, Resolved};
