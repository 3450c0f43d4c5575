//! Use cases: a request in, an outcome out. They put the parts together, decide nothing that a part decides, know no flags
//! and print nothing.

pub mod comparing;
mod error;
pub mod evidence;
pub mod gates;
pub mod images;
pub mod inputs;
pub mod kept;
pub mod kinds;
pub mod promote;
pub mod random;
pub mod record;
mod recovery;
pub mod releases;
pub mod render;
pub mod revert;
mod run_context;
pub mod scope;
pub mod signals;
pub mod state;
pub mod wait;

pub use error::{CommandError, ErrorKind};
pub use recovery::{Attempt, Recovery};
pub use run_context::{Channels, RunContext};
pub use scope::{Scope, today};
