//! Judges the rollouts of an execution: follows them, tells a failure with what helps to understand it,
//! proves the images, runs the gates, and sees that everything stays well.
//!
//! It reads through watches and lets the pure functions of `rollout` decide. It changes nothing but two
//! things: a pod that holds a StatefulSet up is deleted, and a gate's Job is made and taken away, each after
//! [`Bounds::before_write`] has said that the lock is held. Whatever it does may be dropped at any moment;
//! what must not get lost by that stands in its state.
//!
//! Two ends are kept apart throughout: something is not as it should be ([`Stopped::Failed`]), and nothing
//! can be known ([`Stopped::CutOff`]). The second one is never blamed on a release.

mod before;
mod contract;
mod failing;
pub mod follow;
mod gate_job;
mod gates;
mod health;
mod hearing;
mod helping;
mod hidden;
mod options;
mod prometheus;
mod proving;
mod service;
mod soaking;
mod telling;

pub use contract::{Bounds, Problem, Rollout, Stopped, Watched};
pub use gates::{GateCheck, ReadyGate};
pub use health::{Health, health};
pub use options::{ImageResolver, WatchingOptions};
pub use service::Watching;
pub use telling::{Telling, tell};

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
