//! `diff --since`: what changed lately, and by whom.

use super::Args;
use crate::cli::{Context, DiffFormat, Exit};
use crate::load::to_yaml;
use crate::model::phrase::duration;
use crate::report;
use crate::report::diff;
use crate::usecase::CommandError;
use crate::usecase::diff::RecentChanges;
use std::io::Write;

/// Shows them; that there are some is a difference.
pub(super) fn show(changes: &RecentChanges, args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let touched = &changes.touched;
    let mut out = context.stdout();
    match args.output {
        DiffFormat::Text => {
            diff::since(touched, &duration(changes.period), changes.now, &mut out)?;
        }
        DiffFormat::Json => report::json(touched, &mut out)?,
        DiffFormat::Yaml => out.write_all(to_yaml(touched).as_bytes())?,
        _ => {
            return Err(CommandError::usage("--since is printed as text, json or yaml"));
        }
    }
    out.flush()?;
    Ok(Exit::from_differences(!touched.is_empty()))
}
