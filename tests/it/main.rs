//! The one integration-test binary: everything that needs a cluster, a registry or the built program.

mod bad_input;
mod completion;
mod connection;
mod deploy;
mod diff;
mod docs;
mod door;
mod e2e;
mod evidence;
mod execute;
mod harness;
mod plugin;
mod promote;
mod proof;
mod proxy;
mod recording;
mod registries;
mod releases;
mod retries;
mod rollout;
mod schema;
mod signing;
mod terminal;
mod version;
mod wait;
mod yaml;
