//! What changed lately, for a person.
//!
//! As far as managedFields tell: a field that was removed leaves no trace, and of a manager's writes only the last
//! one's time is kept.

use super::field_manager::{age, class_name};
use crate::model::finding::Touched;
use crate::report::clean;
use jiff::Timestamp;
use std::io::{self, Write};

/// Paths of one hand that are shown; more are counted.
const SHOWN: usize = 12;

/// A headline, then object by object whose hand wrote what.
pub fn since(touched: &[Touched], period: &str, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
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

        for hand in &one.hands {
            let whose = &hand.whose;
            // A write through `scale` has no time.
            let when = whose
                .time
                .map_or("at a time that is not known".into(), |time| age(time, now));
            writeln!(
                out,
                "  {} ({}), {when}",
                clean(&whose.manager),
                class_name(whose.class)
            )?;

            for path in hand.fields.iter().take(SHOWN) {
                writeln!(out, "    {}", clean(&path.to_string()))?;
            }

            if hand.fields.len() > SHOWN {
                writeln!(out, "    and {} more", hand.fields.len() - SHOWN)?;
            }
        }
    }
    Ok(())
}
