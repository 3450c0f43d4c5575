//! The question before anything is touched: asked of a person, never answered by a missing terminal.

use crate::cli::Context;
use crate::commands::console;
use crate::model::plan::Plan;
use crate::report::clean;
use crate::usecase::{CommandError, ErrorKind};
use std::io::Write;

/// Asks, unless `yes`.
pub(super) async fn confirm(yes: bool, plan: &Plan, context: &Context) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    if !context.can_ask() {
        let message = "expected a terminal to ask on, or -y, found neither; nothing was changed";
        return Err(CommandError::usage(message)
            .with_hint("look at the plan with --dry-run=server, then type the same command with -y"));
    }
    let mut err = context.stderr();
    let count = plan.steps.len() + plan.prune.len();
    let release = &plan.release;
    write!(
        err,
        "promote {} {} in {count} steps? [y/N] ",
        clean(&release.name),
        clean(&release.version)
    )?;
    err.flush()?;
    if matches!(&*console::answer().await?, "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(CommandError::new(
        ErrorKind::Refused,
        "not confirmed; nothing was changed",
    ))
}
