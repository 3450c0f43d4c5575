//! A promotion: from what is asked for to a plan that the server has been asked about.

mod images;
pub mod open_journal;
mod preparing;
mod recorded;
mod request;
mod sources;

pub use preparing::{PromotionTarget, Prepared, prepare, read_plan};
pub use recorded::{Again, recorded};
pub use request::{DryRun, OnOpen, Request, RunOptions, with_environment};
pub use sources::{parse_adopt, releases};
