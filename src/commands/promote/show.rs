//! What is shown of a plan before anything is changed: for a user on stderr, for a program on stdout.

mod text;

use crate::cli::{Context, Exit};
use crate::commands::console::{Console, OutputMode};
use crate::execute::RunReport;
use crate::model::event::{Event, RunOutcome};
use crate::plan::{self, Planned};
use crate::usecase::CommandError;
use crate::usecase::promote::{Prepared, Session};
use std::io::Write;

/// The plan and its findings for a user, and what a program is to read of them.
pub(super) fn show_plan(
    prepared: &Prepared,
    session: &Session,
    console: &Console<'_>,
) -> Result<(), CommandError> {
    let planned = &prepared.planned;
    let (comparison, environment) = (&prepared.comparison, session.environment());
    text::show(planned, comparison, environment, console.context)?;
    match (console.mode, session.is_dry_run()) {
        (OutputMode::Text, _) => {}
        (OutputMode::Json, true) => show_json(planned, console.context)?,
        (OutputMode::Json, false) => console.channels.events.emit(Event::Preflight {
            findings: planned.findings.clone(),
        }),
    }
    Ok(())
}

/// That the plan changes nothing, where it does not.
pub(super) fn show_nothing_to_do(
    prepared: &Prepared,
    session: &Session,
    console: &Console<'_>,
) -> Result<(), CommandError> {
    // As JSON, the last event of a promotion says it.
    let is_said_here = console.mode == OutputMode::Text || session.is_dry_run();
    if prepared.changes_nothing() && is_said_here {
        writeln!(console.context.stderr(), "{}", nothing_message(&prepared.planned))?;
    }
    Ok(())
}

/// The end of a promotion that has nothing to do.
pub(super) fn finish_idle(prepared: &Prepared, console: &Console<'_>) -> Exit {
    // A user has read it above.
    if console.mode == OutputMode::Text {
        return Exit::OK;
    }
    let report = RunReport {
        outcome: RunOutcome::NothingToDo,
        message: nothing_message(&prepared.planned),
        next: Vec::new(),
    };
    console.finish(report, false)
}

fn nothing_message(planned: &Planned) -> String {
    format!(
        "nothing to do: all {} objects are as desired",
        planned.plan.members.len()
    )
}

/// The plan as JSON on stdout.
fn show_json(planned: &Planned, context: &Context) -> Result<(), CommandError> {
    let mut out = context.stdout();
    let plan = plan::withheld(&planned.plan);
    crate::report::json(&plan, &mut out)?;
    Ok(out.flush()?)
}
