//! Reads of a cluster: what is asked comes in as data, what was answered goes out as data. Nothing is decided here.

mod admission;
mod dry_run;
pub mod home;
mod kinds;
mod objects;
mod pods;
mod preflight;
pub mod sealing;
pub mod watch;
mod whole_kinds;

pub use admission::admission;
pub use dry_run::{fresh, predict, replacement};
pub use kinds::kinds;
pub use objects::{each, objects, read};
pub use pods::{Pods, pods};
pub use preflight::preflight;
pub use whole_kinds::{autoscalers, claims};
