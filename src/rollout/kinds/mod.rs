//! The rule of each kind: what its status says of a rollout. One file a kind.

mod api_service;
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
mod table;
mod webhook;

pub(super) use disruption_budget::failed_sync;
pub(super) use table::{beside, is_custom, is_watched, observes_generation, read};
