//! What is asked of the server before a promotion, and what its answers mean for the plan. Pure: the questions go out, and
//! the answers come in.
//!
//! `questions` makes everything that is asked of one plan, and `settle` takes everything that was answered into it; in
//! between somebody else asks. All checks run to their end, so that one look shows all that is in the way. What the plan
//! itself brings or mends first is no reason to refuse it.

mod charge;
mod dry_runs;
mod limits;
mod missing_permissions;
mod new_quota;
mod permissions;
mod pod_charge;
mod pods;
mod prerequisites;
mod questions;
mod quota;
mod reached;
mod refusals;
#[cfg(test)]
mod scenarios;
mod scopes;
mod take_answers;
mod usage;
mod workload;

pub use questions::questions;
pub use refusals::{dropped, lost_an_empty_one};
pub use take_answers::take_answers;
