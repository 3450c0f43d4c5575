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
mod rehearsal;
mod rollback;
#[cfg(test)]
mod scenarios;
mod take_answers;

pub use questions::questions;
pub use refusals::{dropped, lost_an_empty_one};
pub use rehearsal::{RehearsalPolicy, plan_rehearsals, rehearsal_permissions, rehearsal_questions};
pub use rollback::{add_answers, check_rollback, restored_workloads};
pub use take_answers::take_answers;
