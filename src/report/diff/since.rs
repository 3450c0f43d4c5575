//! What changed lately, for a person.
//!
//! As far as managedFields tell: a field that was removed leaves no trace, and of a manager's writes only the last
//! one's time is kept.

use super::field_manager::{age, class_name};
use crate::model::finding::{ManagerFields, RecentChange};
use crate::report::clean;
use jiff::Timestamp;
use std::io::{self, Write};

/// Paths of one manager that are shown; more are counted.
const SHOWN: usize = 12;

/// A headline, then object by object who wrote what.
pub fn since(touched: &[RecentChange], period: &str, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    match touched.len() {
        0 => writeln!(
            out,
            "nothing changed in the last {period}, as far as managedFields tell"
        )?,
        1 => writeln!(out, "1 object changed in the last {period}")?,
        count => writeln!(out, "{count} objects changed in the last {period}")?,
    }

    for one in touched {
        let created = one
            .created
            .map(|time| format!("  created {}", age(time, now)))
            .unwrap_or_default();
        writeln!(out, "\n{}{created}", clean(&one.object.to_string()))?;

        for owned in &one.managers {
            write_manager(owned, now, out)?;
        }
    }
    Ok(())
}

/// Who wrote and when, then the fields.
fn write_manager(owned: &ManagerFields, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let manager = &owned.owner;
    // A write through `scale` has no time.
    let when = manager
        .time
        .map_or("at a time that is not known".into(), |time| age(time, now));
    writeln!(
        out,
        "  {} ({}), {when}",
        clean(&manager.manager),
        class_name(manager.class)
    )?;

    for path in owned.fields.iter().take(SHOWN) {
        writeln!(out, "    {}", clean(&path.to_string()))?;
    }
    if owned.fields.len() > SHOWN {
        writeln!(out, "    and {} more", owned.fields.len() - SHOWN)?;
    }
    Ok(())
}
