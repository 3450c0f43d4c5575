//! Reads of a cluster: what is asked comes in as data, what was answered goes out as data. Nothing is decided here.
//!
//! Failures are part of what is answered. An object that could not be read, a kind that is not served, a
//! state whose seal may not be read: each is told as such, for unknown is not absent. Nothing here writes,
//! but for dry runs.

mod admission;
mod aside;
mod dry_run;
mod dry_run_result;
pub mod held;
mod helm;
mod kinds;
mod objects;
mod owners;
mod pod_dry_runs;
mod pods;
mod preflight;
mod rehearsal;
pub mod release_state;
pub mod sealing;
mod starts;
pub mod watch;
mod whole_kinds;

pub use admission::admission;
pub use aside::{Aside, aside};
pub use dry_run::{fresh, predict, replacement};
pub use helm::{HelmStorage, helm_payload, helm_revisions};
pub use kinds::{kinds, served};
pub use objects::{each, objects, read};
pub use owners::{NamedOwner, OwnerReader};
pub use pod_dry_runs::try_pods;
pub use pods::{PodNamespace, Pods, pods};
pub use preflight::{preflight, try_creation};
pub use rehearsal::rehearsal_facts;
pub use starts::{makes_nodes, nodes, quotas};
pub use whole_kinds::{autoscalers, claims};
