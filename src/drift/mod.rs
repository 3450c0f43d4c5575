//! Drift over time, pure: what was found of each release, and when, makes the findings that open, close and are unknown; what
//! moved, and when, makes what is compared next.
//!
//! Nobody is asked anything here: comparisons and times are arguments.

mod ledger;
mod open;
mod schedule;
#[cfg(test)]
mod tests;

pub use ledger::{Checked, Ledger, LedgerOptions, Standing};
pub use open::{Compared, Unverified};
pub use schedule::{Due, Schedule, ScheduleOptions, Stir};
