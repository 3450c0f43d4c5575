//! Use cases: a request in, an outcome out. They put the parts together, decide nothing that a part decides, know no flags
//! and print nothing.

mod run_context;
pub mod comparing;
mod error;
pub mod gates;
pub mod images;
pub mod inputs;
pub mod kept;
pub mod kinds;
pub mod promote;
pub mod random;
pub mod record;
pub mod releases;
pub mod scope;
pub mod signals;
pub mod wait;

pub use run_context::{RunContext, kind_of, services};
pub use error::{CommandError, ErrorKind};
pub use scope::{Scope, today};
