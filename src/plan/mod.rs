//! The plan of a promotion, and the checks of a plan. Pure: what was read comes in, data goes out.
//!
//! A plan is made in two steps: [`draft`] says what is to be done from what was compared, and [`settle`] takes in
//! what the server answered when it was asked to do it dry.

mod absence;
mod approved;
mod autoscaled;
mod charge;
mod checks;
mod content;
mod data_loss;
mod draft;
mod dress;
mod emptied;
mod fields_v1;
mod final_object;
mod firsts;
mod going;
#[cfg(test)]
mod hook_scenarios;
mod hooked;
mod hooks;
mod item;
mod limits;
mod merge;
mod misused;
mod moving;
mod new_quota;
mod owners;
mod pods;
mod policy;
mod prune;
mod questions;
mod quota;
mod reached;
mod refusals;
mod restart;
mod rights;
#[cfg(test)]
mod scenarios;
mod scopes;
mod settle;
mod take_over;
mod told;
mod undo;
mod usage;
mod waive;
mod waves;
mod whose;
mod workload;

pub use absence::{Excuse, Past, absence_of_member, excused, may_be_absent, needs_record};
pub use approved::{moved, withheld};
pub use autoscaled::leave_autoscaled;
pub use checks::quarantine;
pub use content::{content_hash, expect_holds, expect_present, same_content};
pub use data_loss::{allowance, claims_needed, claims_of, data_lost_by_undo, lost_by_undo, name_data_loss};
pub use draft::draft;
pub use dress::{dress, dress_as_live};
pub use emptied::{emptied, is_emptied_alone, vanishing};
pub use final_object::{is_lost_default, with_lost_defaults};
pub use hooks::not_applied;
pub use merge::{Merged, differing, merge, merged_ownership, same_ownership};
pub use moving::{OtherReleases, Source, tell_moves, told_of_moved};
pub use policy::{Facts, Planned, Policy};
pub use questions::questions;
pub use refusals::{dropped, lost_an_empty_one};
pub use restart::configuration_read_by;
pub use settle::settle;
pub use told::told;
pub use undo::is_immutable;
pub use waive::{merge_findings, waive, waiver_hint};
pub use waves::{is_aggregated, rank};
