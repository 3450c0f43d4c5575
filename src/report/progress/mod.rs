//! A run as it happens: what its events say so far, as plain lines, as documents and as a live tree.
//!
//! `board` takes the events in; `text`, `wait` and `tree` lay out what they say; `sink` writes it, `screen` draws it.

mod board;
mod ending;
mod heartbeat;
mod screen;
mod sink;
mod start;
mod text;
mod tree;
mod wait;

pub(super) use ending::state_line;
pub use screen::Screen;
pub use sink::{CiOutput, EventWriter, Stamped};
pub use text::ProgressText;
pub(super) use text::phase_title;
pub use tree::{TreeStyle, outcome_tree, tree};
