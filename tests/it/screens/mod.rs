//! Whole screens: what a user sees of each command and each of its outcomes, as one snapshot a screen.
//!
//! A stage is a namespace and a directory; a line on it is what a user types, run against the real control plane.
//! A snapshot holds the line, both streams and the exit code. What differs from run to run becomes a token of the same
//! width, so that a table's columns stay where they are seen.

mod attest;
mod bad_input;
mod compare;
mod delete;
mod diff;
mod diff_helm;
mod forget;
mod help;
mod history;
mod images;
mod many;
mod promote;
mod promote_failed;
mod promote_refused;
mod promote_rehearsed;
mod push;
mod record;
mod render;
mod revert;
mod show;
mod sign;
pub mod stage;
mod state;
mod status;
mod tokens;
mod wait;
mod watch;

use stage::Stage;
