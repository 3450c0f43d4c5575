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
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod compare;
pub mod complete;
pub mod execute;
pub mod load;
pub mod model;
pub mod monitor;
pub mod objects;
pub mod observe;
pub mod plan;
pub mod preflight;
pub mod registry;
pub mod report;
pub mod rollout;
pub mod signing;
pub mod usecase;
