//! A promotion, from what is asked for to the execution of its plan.
//!
//! A [`Session`] is opened on a [`Request`] and carries all that its steps share. Its caller takes the steps in this order:
//! what an earlier run left open ends first ([`OpenPromotion`]); then the plan is made, and the server is asked about it
//! ([`Prepared`]); then, where the user agrees, it is executed. Nothing is changed before the last of them but by the first.

mod approved_plan;
mod executing;
mod images;
mod material;
mod open_journal;
mod plan_view;
mod preparing;
mod recorded;
mod request;
mod rolling_back;
mod session;
mod sources;
mod target;

pub use open_journal::{JournalGoal, OpenPromotion, ResumeRequest, resume};
pub use preparing::{Prepared, check_refusals};
pub use request::{DryRun, OnOpen, ReleaseSource, Request, RunOptions};
pub use session::Session;
pub use sources::parse_adopt;
pub use target::PromotionTarget;
