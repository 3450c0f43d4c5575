//! One file a command: the only place where the parts are put together.

pub mod comparing;
pub mod completion;
pub mod history;
pub mod inputs;
pub mod man;
pub mod promote;
pub mod record;
pub mod revert;
pub mod running;
pub mod status;
pub mod version;
pub mod wait;
