//! The one integration-test binary: everything that needs a cluster, a registry or the built program.

mod connection;
mod harness;
mod plugin;
mod proxy;
mod rollout;
mod version;
