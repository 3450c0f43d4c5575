//! Use cases: a request in, an outcome out. They put the parts together, decide nothing that a part decides, know no flags
//! and print nothing.

mod acting;
pub mod compare;
pub mod comparing;
pub mod diff;
pub mod differences;
mod error;
pub mod external_diff;
pub mod gating;
pub mod history;
pub mod images;
pub mod inputs;
pub mod kept;
pub mod kinds;
pub mod promote;
pub mod random;
pub mod record;
pub mod releases;
pub mod running_images;
pub mod scope;
pub mod signals;
pub mod state_access;
pub mod status;
pub mod verify;
pub mod version;
pub mod wait;

pub use acting::{Acting, kind_of, services};
pub use error::{CommandError, ErrorKind};
pub use scope::{Scope, today};
