//! Carries out a plan: all of it, or none of it.
//!
//! A pure state machine says what comes next; a loop performs it. Before anything is changed a journal is written into
//! the cluster, so that any later run, on any machine, can finish or undo what this one began.

pub mod follow;
mod services;
pub mod watching;

pub use services::{Ended, Interrupt, Limits, Rollout, Services, Watched};
