//! One file a command: the only place where the parts are put together.

pub mod attest;
pub mod compare;
pub mod completion;
pub mod console;
pub mod diff;
pub mod history;
pub mod images;
pub mod inputs;
pub mod kept;
pub mod man;
pub mod promote;
pub mod pull;
pub mod push;
pub mod record;
pub mod render;
pub mod revert;
pub mod show;
pub mod sign;
pub mod state;
pub mod status;
mod unconfirmed;
pub mod verify;
pub mod version;
pub mod wait;
