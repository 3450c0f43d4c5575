//! Watches into a store: one for each kind and namespace, kept going whatever breaks.
//!
//! Objects are reduced as they arrive: a pod becomes [`PodFacts`](crate::model::k8s::pod::PodFacts), an Event an
//! [`Occurrence`](crate::model::occurrence::Occurrence), and everything else loses what no verdict reads.

mod collection;
mod contents;
mod heard;
mod indexed;
mod reduce;
mod standing;
mod store;
mod touched;

pub use collection::{Collection, State};
pub use contents::Contents;
pub use heard::Heard;
pub use store::Store;
pub use touched::Touched;
