//! Verdicts: pure functions of one object and of what belongs to its new revision.
//!
//! [`judge`] takes everything as arguments: the [`MonitoredObject`] (what our write made of the object), its
//! [`RolloutContext`] (what the watches show), the [`RolloutPolicy`], the [`Memory`] of earlier calls and the time. The order
//! is always the same: is it the object that we wrote, and has its controller seen our generation (`observation.rs`);
//! what does its kind's rule say (`kinds/`, one file a kind); must containers without a readiness probe live a little
//! longer (`settle.rs`); do pods of the new revision show a failure that will not go away (`signals.rs`); is there still
//! progress (`deadline.rs`). The last three are weighed in `rules.rs`.

mod assess;
mod attribution;
mod deadline;
mod demand;
mod failure_signal;
mod fields;
mod gate;
mod health;
mod judgement;
mod kinds;
mod needs;
mod observation;
mod old_status;
mod outside;
mod pod_text;
mod policy;
mod prove;
mod pull;
mod refused;
mod rules;
mod settle;
mod signals;
mod soak;
mod status;
mod subject;
mod verify;
mod waiting;
mod workload_images;

pub use assess::assess;
pub use deadline::ProgressDeadline;
pub use gate::{holds, samples};
pub use judgement::{Assessment, StuckPod};
pub use kinds::{is_custom, wants_pods};
pub use needs::{WatchScope, has_baseline, is_watched, needs, rolls_out, runs_pods};
pub use outside::{is_awaited_late, pending_before};
pub use policy::RolloutPolicy;
pub use prove::{Proof, TestedImages, prove, prove_chained};
pub use subject::{Baseline, Memory, MonitoredObject, RolloutContext, status_before, written_at};
pub use verify::{verify, verify_absent, verify_unnamed};
pub use workload_images::{WorkloadImages, WorkloadPods};
