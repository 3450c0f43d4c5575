//! Findings and events → a person's view, JSON, markdown and more. Everything that leaves the program goes through
//! the redactor and [`clean`].

mod clean;

pub use clean::clean;
