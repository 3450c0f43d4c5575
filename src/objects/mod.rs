//! Algebra of objects that comparison, planning and execution share. Pure: contents and whether they are the same, merges,
//! sets of fields and who owns them, and what an apply takes from others.
//!
//! Objects are JSON as the server sent it, and no schema is at hand: what a list's keys or an atomic map are is read
//! from managedFields, or from the model's table of keys. What is done with an answer is the callers' to decide.

mod content;
mod content_mark;
mod controller_pod;
mod differing;
mod emptied;
mod fields_v1;
mod final_object;
mod hand_over;
mod managed_fields;
mod merge;
mod mergeable;
mod merged_ownership;
mod take_over;

pub use content::{content_hash, expect_holds, expect_present, same_content};
pub use content_mark::content_mark;
pub use controller_pod::{pod_of, template};
pub use differing::differing;
pub use emptied::{emptied, is_emptied_alone, vanishing};
pub use final_object::{final_object, is_lost_default, with_defaults_after, with_lost_defaults};
pub use hand_over::hand_over;
pub use managed_fields::{Owners, class_of, is_our_apply};
pub use merge::merge;
pub use merged_ownership::{merged_ownership, same_ownership};
pub use take_over::{Change, take_over};
