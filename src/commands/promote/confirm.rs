//! The questions before anything is changed: asked of a user, never answered by a missing terminal.

use crate::cli::Context;
use crate::commands::console::{self, Console};
use crate::commands::unconfirmed;
use crate::execute::Unconfirmed;
use crate::model::plan::Plan;
use crate::report::{plan_question, plan_title};
use crate::usecase::CommandError;
use crate::usecase::promote::{Prepared, Session};

/// Asks about what nothing else confirms, and then about the plan. Both may have nothing to ask about.
pub(super) async fn confirm(
    prepared: &Prepared,
    unconfirmed: &[Unconfirmed],
    session: &Session,
    console: &Console<'_>,
) -> Result<(), CommandError> {
    if !unconfirmed.is_empty() {
        unconfirmed::confirm(unconfirmed, console.context).await?;
    }
    if !prepared.changes_nothing() && !console.yes {
        confirm_plan(&prepared.planned.plan, session, console.context).await?;
    }
    Ok(())
}

async fn confirm_plan(plan: &Plan, session: &Session, context: &Context) -> Result<(), CommandError> {
    let title = plan_title(plan, &session.identity());
    let rollback = plan.rollback.as_ref();
    let rollback = rollback.map(|outlook| format!(" (rollback: {outlook})"));
    let question = format!(
        "{title}: {}{}?",
        plan_question(plan),
        rollback.unwrap_or_default()
    );

    console::confirm(&question, "add --yes to promote without confirmation", context).await
}
