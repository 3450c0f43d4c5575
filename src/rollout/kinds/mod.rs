//! The rule of each kind: what its status says of a rollout. One file a kind.
//!
//! A rule is asked only where the object is the one that was written and its controller has observed it, as
//! far as its kind tells: the counts of the status may be believed. It reads no clock and gives no grace. It
//! says how things stand, which pods count and how long there may be no progress; the judge decides.

mod api_service;
mod assess;
mod autoscaler;
mod claim;
mod cron_job;
mod custom;
mod custom_definition;
mod daemon_set;
mod deployment;
mod disruption_budget;
mod ingress;
mod job;
mod namespace;
mod pod;
mod replica_set;
mod revision;
mod service;
mod stateful_set;
pub(super) mod table;
mod webhook;

pub(super) use assess::assess;
pub use custom::wants_pods;
pub(super) use disruption_budget::failed_sync;
pub use table::is_custom;
