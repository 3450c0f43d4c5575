//! What changed lately, as text.
//!
//! As far as managedFields tell: a field that was removed leaves no trace, and of a manager's writes only the last
//! one's time is kept.

use super::wording::class_name;
use crate::model::finding::{ManagerFields, RecentChange};
use crate::model::phrase::{ago, counted};
use crate::report::clean;
use jiff::Timestamp;
use std::io::{self, Write};

/// Paths of one manager that are shown; more are counted.
const SHOWN: usize = 12;

/// A headline, then object by object who wrote what.
pub fn since(touched: &[RecentChange], period: &str, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    match touched.len() {
        0 => writeln!(out, "no changes in the last {period} according to managedFields")?,
        count => writeln!(out, "{} changed in the last {period}", counted(count, "object"))?,
    }

    for one in touched {
        let created = one
            .created
            .map(|time| format!("  created {}", ago(time, now)))
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
    let when = manager.time.map_or("time unknown".into(), |time| ago(time, now));
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
