//! kubectl-delivery: closes the gap between what CI tested and what runs.
//!
//! The folders are the pipeline, and data flows one way:
//! `commands → load → observe → compare → plan → preflight → execute → report`, with [`model`] under all of them.
//! `ARCHITECTURE.md` tells the house to a newcomer.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
// A test may panic: that is how it fails.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented
    )
)]

pub mod app;
mod cli;
mod cluster;
mod commands;
mod compare;
mod complete;
mod drift;
mod execute;
mod load;
mod model;
mod monitor;
mod notify;
mod objects;
mod observe;
mod plan;
mod platform;
mod preflight;
mod registry;
mod report;
mod rollout;
mod signing;
#[doc(hidden)]
#[allow(missing_docs, reason = "names of other places")]
pub mod testing;
mod usecase;
