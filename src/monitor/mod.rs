//! Judges the rollouts of an execution: follows them, tells a failure with what helps to understand it, proves the
//! images, runs the gates, and sees that everything stays well.

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
