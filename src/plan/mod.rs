//! The plan of a promotion, and the checks of a plan. Pure: what was compared comes in, data goes out. What the server
//! answers when it is asked to do it dry is taken in by `preflight`.
//!
//! `draft` is the way in: what becomes of each object and of its fields (`items`, `item`, `fields`), whether it is another
//! owner's (`owners`, `moving`), what hooks and restarts follow, in which order the steps go (`steps`, `waves`), how each is
//! undone (`undo`), and what is pruned. `draft_deletion` plans the deletion of a release, by the rules of a prune. A plan
//! leaves no choice to execution. What speaks against it is a finding beside it: a plan that is refused is made to its end,
//! and shown.

mod absence;
mod approved;
mod autoscaled;
mod change_names;
mod checks;
mod claims;
mod data_loss;
mod deletion;
mod draft;
mod field_decision;
mod fields;
mod findings;
mod hooked;
mod hooks;
mod item;
mod items;
mod misuse;
mod moving;
mod other_releases;
mod owners;
mod ownership_moves;
mod planned_steps;
mod policy;
mod prune;
mod restart;
mod steps;
mod termination;
mod tool_metadata;
mod undo;
mod waive;
mod waves;

pub use absence::{AbsenceReason, Past, absence_of_member, allowed_absences, may_be_absent, needs_record};
pub use approved::{moved, withheld};
pub use autoscaled::ignore_autoscaled_replicas;
pub use checks::quarantine;
pub use claims::claims_of;
pub use data_loss::{allowance, claims_needed, data_lost_by_undo, lost_by_undo, name_data_loss};
pub use deletion::draft_deletion;
pub use draft::draft;
pub(crate) use findings::{note, refuse};
pub use hooks::not_applied;
pub use moving::{add_move_findings, moved_member_notes};
pub use other_releases::{OtherReleases, Source};
pub use ownership_moves::ownership_moves;
pub use planned_steps::planned_steps;
pub use policy::{Facts, PlanPolicy, Planned, Repair};
pub(crate) use termination::terminating_namespace_finding;
pub use tool_metadata::carry_tool_metadata;
pub use undo::is_immutable;
pub use waive::{merge_findings, waive, waiver_hint};
pub use waves::{is_aggregated, rank};
