//! A promotion or a revert as it happens: what its events say so far, as plain lines and as a live tree.

mod board;
mod lines;
mod tree;

pub use board::Board;
pub use lines::Lines;
pub use tree::{TreeStyle, tree};
