//! The questions before anything is changed: asked of a user, never answered by a missing terminal.

use crate::cli::Context;
use crate::commands::console::{self, Console};
use crate::commands::unconfirmed;
use crate::execute::Unconfirmed;
use crate::model::plan::Plan;
use crate::model::release::PublicRelease;
use crate::usecase::CommandError;
use crate::usecase::promote::Prepared;

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
    let count = plan.steps.len() + plan.prune.len();
    let PublicRelease { name, version, .. } = &plan.release;
    let question = format!("promote {name} {version} in {count} steps?");

    let message = "expected a terminal to ask on, or -y, found neither; nothing was changed";
    let cannot_ask = CommandError::usage(message)
        .with_hint("look at the plan with --dry-run=server, then type the same command with -y");
    console::confirm(&question, cannot_ask, context).await
}
