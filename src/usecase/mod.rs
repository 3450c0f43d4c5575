//! Use cases: a request in, an outcome out. They put the parts together, decide nothing that a part decides, know no flags
//! and print nothing.

pub mod compare;
pub mod comparing;
pub mod delete;
pub mod diff;
pub mod differences;
mod error;
pub mod evidence;
pub mod external_diff;
pub mod forget;
pub mod gates;
pub mod history;
pub mod images;
pub mod inputs;
pub mod many;
pub mod promote;
pub mod record;
mod recovery;
pub mod release_state;
pub mod releases;
pub mod render;
pub mod revert;
mod run_context;
pub mod running_images;
pub mod schema;
pub mod scope;
pub mod signals;
pub mod state;
pub mod state_access;
pub mod status;
pub mod system;
pub mod verify;
pub mod version;
pub mod wait;
pub mod watch;

pub use error::{CommandError, ErrorKind};
pub use recovery::{Attempt, Recovery};
pub use run_context::Channels;
pub use scope::Scope;
