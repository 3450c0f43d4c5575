//! The questions before anything is changed: asked of a user, never answered by a missing terminal.

use crate::cli::Context;
use crate::commands::console::{self, Console};
use crate::commands::unconfirmed;
use crate::execute::Unconfirmed;
use crate::model::plan::Plan;
use crate::report::clean;
use crate::usecase::promote::Prepared;
use crate::usecase::{CommandError, ErrorKind};
use std::io::Write;

/// Asks about what nothing else confirms, and then about the plan. Both may have nothing to ask about.
pub(super) async fn confirm(
    prepared: &Prepared,
    unconfirmed: &[Unconfirmed],
    console: &Console<'_>,
) -> Result<(), CommandError> {
    if !unconfirmed.is_empty() {
        unconfirmed::confirm(unconfirmed, console.context).await?;
    }
    if !prepared.changes_nothing() && !console.yes {
        confirm_plan(&prepared.planned.plan, console.context).await?;
    }
    Ok(())
}

async fn confirm_plan(plan: &Plan, context: &Context) -> Result<(), CommandError> {
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
