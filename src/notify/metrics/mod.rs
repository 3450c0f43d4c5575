//! `/metrics` for Prometheus, and the probes of a pod: `/healthz` and `/readyz`.
//!
//! Series are made of the last snapshot at each scrape, so that a release that is watched no longer has none. They hold names and
//! numbers, and no value of a field.

mod collector;
mod exposition;
mod listen;
mod server;

pub use exposition::{Exposition, MetricsSink, Role};
pub use listen::ListenAddress;
pub use server::serve;
