//! Findings and events → a person's view, JSON, markdown and more. Everything that leaves the program goes through
//! the redactor and [`clean`].
//!
//! Nothing is decided here: what is a difference, a failure or a refusal was decided before, and is
//! only put into words.

mod asides;
pub mod ci;
mod clean;
pub mod diff;
mod history;
mod images;
mod paint;
mod plan;
mod preflight;
pub mod progress;
mod redact;
pub mod release;
mod rollback_plan;
mod status;
mod table;
mod typed;
pub mod watch;

pub use asides::aside_notes;
use clean::clean_line;
pub use clean::{clean, clean_json};
pub use history::{histories, history};
pub use images::images;
pub use paint::{Palette, Tone};
pub use plan::{PlanStyle, PlanView, StepView, nothing_to_do, plan, plan_question, plan_title, plan_totals};
pub use preflight::{FindingGroup, group_findings};
pub use redact::Redactor;
pub use rollback_plan::{RollbackStyle, RollbackView, rollback_plan};
pub use status::status;
pub use table::columns;
pub use typed::{command, set_command, typed};

use serde::Serialize;
use std::io::{self, Write};

/// A value as one JSON document for programs, with its line end.
pub fn json<T: Serialize + ?Sized>(value: &T, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    // By JSON's own escapes, so that a program reads the very same value.
    writeln!(out, "{}", clean_json(&text))
}
