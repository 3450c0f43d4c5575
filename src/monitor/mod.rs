//! Judges the rollouts of an execution: follows them, tells a failure with what helps to understand it,
//! proves the images, runs the gates, and sees that everything stays well.
//!
//! It reads through watches, lets the pure functions of `rollout` decide, and writes nothing: a stuck pod's
//! deletion and a gate's Job it hands as a [`MonitorWrite`] to its [`MonitorContext`], which sends them under the
//! lock. Whatever it does may be dropped at any moment; what must not get lost by that stands in its state.
//!
//! Two ends are kept apart throughout: something is not as it should be ([`Stopped::Failed`]), and nothing
//! can be known ([`Stopped::CannotContinue`]). The second one is never blamed on a release.

mod baselines;
mod contract;
mod diagnostics;
mod failure_report;
pub mod follow;
mod gate_job;
mod gates;
mod health;
mod heartbeat;
mod hidden;
mod liveness;
mod options;
mod phases;
mod prometheus;
mod proving;
mod rehearsal;
mod service;
mod soaking;
mod state;
mod stuck_pods;
mod subjects;
mod temporary;
mod unproved;
mod waits;

pub use contract::{
    MonitorContext, MonitorWrite, Rehearsed, Rollout, StopReason, Stopped, Watched, WriteAnswer,
};
pub use diagnostics::collect_diagnostics;
pub use health::{ObjectHealth, health};
pub use heartbeat::Heartbeat;
pub use options::{GateCheck, ImageResolver, ReadyGate, WatchingOptions};
pub use service::Watching;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
