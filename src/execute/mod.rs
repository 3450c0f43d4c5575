//! Carries out a plan: all of it, or none of it.
//!
//! A pure state machine says what comes next; a loop performs it. Before anything is changed a journal is written into
//! the cluster, so that any later run, on any machine, can finish or undo what this one began.

mod accepting;
mod acquisition;
mod applying;
mod codec;
mod earlier_run;
mod emptying;
mod ending;
mod fence;
mod foreigners;
mod forgetting;
mod goal;
mod history;
mod lease;
mod lock;
mod locks;
mod losing;
mod machine;
mod monitor_writes;
mod moving;
mod not_begun;
mod order;
mod outcome;
mod own_namespace;
mod packing;
mod perform;
mod pre_images;
mod process;
mod promote;
mod readiness;
mod recreate;
mod renewing;
mod requests;
mod reread;
mod resolve;
mod restoring;
mod retry_budget;
mod run;
mod sealing;
mod services;
mod source_inventories;
mod step_status;
mod steps;
mod store;
mod unconfirmed;
mod undo;
mod undo_by_job;
mod undo_job;
mod writer;

pub use accepting::{NewKey, seal_anew};
pub use acquisition::LockError;
pub use forgetting::{forget, handover};
pub use goal::{OpenJournalAction, RevertOptions};
pub use lease::{remove_abandoned_lock, seems_held};
pub use not_begun::ExecuteError;
pub use promote::{Promotion, promote};
pub use resolve::{resolve_open_journal, resume, revert};
pub use sealing::stopped_by as stopped_by_state;
pub use services::{Interrupt, RunLimits, RunReport, Services};
pub use unconfirmed::{Confirmed, Unconfirmed, unconfirmed_plan, unconfirmed_prunes};
pub use writer::StoreError;
