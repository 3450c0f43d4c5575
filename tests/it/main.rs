//! The one integration-test binary: everything that needs a cluster, a registry or the built program.

mod harness;
mod proxy;
mod rollout;
mod version;
