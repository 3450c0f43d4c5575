//! What a watch of releases has to say: lines for users, or one JSON document a line for programs.

mod text;
mod writer;

pub use writer::{DriftLine, WatchWriter};
