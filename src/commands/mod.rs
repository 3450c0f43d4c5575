//! One file a command. It turns its arguments into a request, calls a use case and reports the outcome: what is to be
//! decided is decided below.

pub mod attest;
pub mod compare;
pub mod completion;
mod consent_args;
pub mod console;
pub mod delete;
pub mod diff;
pub mod forget;
pub mod history;
pub mod images;
pub mod inputs;
pub mod man;
pub mod markdown_args;
pub mod promote;
pub mod pull;
pub mod push;
pub mod record;
pub mod render;
pub mod revert;
mod selection_args;
pub mod show;
pub mod sign;
mod sink_args;
pub mod state;
pub mod state_args;
pub mod status;
mod unconfirmed;
pub mod verify;
pub mod version;
pub mod wait;
pub mod watch;
