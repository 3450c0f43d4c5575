//! Reads of a cluster: what is asked comes in as data, what was answered goes out as data. Nothing is decided here.

mod preflight;
pub mod watch;

pub use preflight::preflight;
