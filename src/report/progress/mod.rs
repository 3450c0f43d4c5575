//! A run as it happens: what its events say so far, as plain lines, as documents and as a live tree.
//!
//! `board` takes the events in; `text`, `wait` and `tree` lay out what they say; `sink` writes it.

mod board;
mod sink;
mod text;
mod tree;
mod wait;

pub use sink::EventWriter;
pub use text::ProgressText;
pub use tree::{TreeStyle, tree};
