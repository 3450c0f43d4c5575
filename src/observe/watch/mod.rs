//! Watches into a store: one for each kind and namespace, kept going whatever breaks.
//!
//! Objects are reduced as they arrive: a pod becomes [`PodFacts`](crate::model::k8s::pod::PodFacts), an Event an
//! [`Occurrence`](crate::model::occurrence::Occurrence), and everything else loses what no verdict reads.
//!
//! A verdict looks at several kinds as of one moment, so that all watches write into one [`Contents`] under
//! one lock, and each write rings. A collection is listed once and followed from there. It is listed again
//! where the server has forgotten the version, where a right or the kind is gone, after some failures in a
//! row, and where somebody wants to be sure ([`WatchStore::refresh`]). Only a whole list takes away what it does
//! not hold.
//!
//! How each collection stands is a part of what is held: what could not be read is never taken for absent,
//! and what could not be followed for a while is told from what could. Nothing is judged here.

mod affected;
mod collection;
mod contents;
mod follow;
mod indexed;
mod reduce;
mod server_liveness;
mod standing;
mod store;

pub use affected::AffectedObjects;
pub use collection::{Collection, WatchState};
pub use contents::Contents;
pub(super) use follow::{Follower, follow};
pub(in crate::observe) use reduce::reduce_controlled;
pub use server_liveness::ServerLiveness;
pub(super) use standing::WatchHealth;
pub use store::WatchStore;
