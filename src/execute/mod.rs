//! Carries out a plan: all of it, or none of it.
//!
//! A pure state machine says what comes next; a loop performs it. Before anything is changed a journal is written into
//! the cluster, so that any later run, on any machine, can finish or undo what this one began.

mod accepting;
mod applying;
mod codec;
mod emptying;
mod ending;
mod fence;
mod foreigners;
mod lock;
mod locks;
mod losing;
mod machine;
mod moving;
mod order;
mod own_namespace;
mod packing;
mod patience;
mod perform;
mod pristine;
mod process;
mod promote;
mod renewing;
mod requests;
mod reread;
mod restoring;
mod run;
mod sealing;
mod services;
mod settle;
mod standing;
mod steps;
mod store;
mod unconfirmed;
mod undo;
mod undo_job;
mod well;

pub use accepting::{NewKey, seal_anew};
pub use lock::{LockError, remove_abandoned_lock, seems_held};
pub use promote::{ExecuteError, Promotion, changes_nothing, promote};
pub use sealing::stopped_by as stopped_by_state;
pub use services::{Ended, Interrupt, Limits, Services};
pub use settle::{RevertOptions, Settling, resume, revert, settle};
pub use store::StoreError;
pub use unconfirmed::{Confirmed, Unconfirmed, unconfirmed_plan, unconfirmed_prunes};
