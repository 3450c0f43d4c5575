//! Findings and events → a person's view, JSON, markdown and more. Everything that leaves the program goes through
//! the redactor and [`clean`].

mod clean;
pub mod diff;
pub mod progress;
mod redact;
pub mod release;

pub use clean::clean;
pub use redact::Redactor;
