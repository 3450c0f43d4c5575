//! The house as ARCHITECTURE.md tells it, held against the sources.

mod circles;
mod names;
mod rooms;
mod size;
mod source;
mod words;
