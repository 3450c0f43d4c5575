//! What is shown of a promotion before anything is changed: the plan, where it only is looked at as the command's result on
//! stdout and else beside the question on stderr; its findings on stderr.

use crate::cli::{Context, Exit, Stream};
use crate::commands::console::{Console, OutputMode};
use crate::execute::RunReport;
use crate::model::event::{Event, RunCommand, RunOutcome};
use crate::model::plan::Severity;
use crate::plan::{self, Planned};
use crate::report::{self, PlanStyle, group_findings, nothing_to_do};
use crate::usecase::CommandError;
use crate::usecase::promote::{Prepared, Session};
use std::io::Write;

/// The first event of a promotion. A user reads the same above the plan.
pub(super) fn announce(session: &Session, console: &Console<'_>) {
    if console.mode == OutputMode::Json && !session.is_dry_run() {
        console.channels.events.emit(session.started());
    }
}

/// The plan and its findings for a user, and what a program is to read of them.
pub(super) fn show_plan(
    prepared: &Prepared,
    session: &Session,
    show_diff: bool,
    console: &Console<'_>,
) -> Result<(), CommandError> {
    let (planned, context) = (&prepared.planned, console.context);
    let stream = console.plan_stream(session.is_dry_run());
    let style = PlanStyle {
        color: context.color(stream),
        width: context.width(stream),
        show_diff,
    };
    let mut out = context.stream(stream);
    report::plan(&prepared.view(session)?, style, &mut out)?;
    // What refuses may be what has no step for it.
    let is_in_sync = prepared.changes_nothing() && prepared.check_refusals().is_ok();
    if is_in_sync && says_nothing_to_do(session, console) {
        writeln!(out, "{}", nothing_to_do(&planned.plan))?;
    }
    out.flush()?;
    report_findings(planned, session.is_dry_run(), console)
}

/// The findings for a user, and what a program is to read of the plan.
pub(in crate::commands) fn report_findings(
    planned: &Planned,
    is_dry_run: bool,
    console: &Console<'_>,
) -> Result<(), CommandError> {
    show_findings(planned, console.context)?;
    match (console.mode, is_dry_run) {
        (OutputMode::Text, _) => {}
        (OutputMode::Json, true) => show_json(planned, console.context)?,
        (OutputMode::Json, false) => console.channels.events.emit(Event::Preflight {
            findings: planned.findings.clone(),
        }),
    }
    Ok(())
}

/// As JSON, the last event of a promotion says it.
fn says_nothing_to_do(session: &Session, console: &Console<'_>) -> bool {
    console.mode == OutputMode::Text || session.is_dry_run()
}

/// Errors last: they are what stands in the way.
fn show_findings(planned: &Planned, context: &Context) -> Result<(), CommandError> {
    let mut err = context.stderr();
    let width = context.width(Stream::Stderr);
    let groups = group_findings(&planned.findings);
    for severity in [Severity::Note, Severity::Waived, Severity::Error] {
        let of_severity = groups.iter().filter(|group| group.finding.severity == severity);
        for group in of_severity {
            let waiver = plan::waiver_hint(&group.finding).filter(|_| severity == Severity::Error);
            for line in group.lines(width, waiver) {
                writeln!(err, "{line}")?;
            }
        }
    }
    Ok(())
}

/// The end of a promotion that has nothing to do.
pub(super) fn finish_idle(prepared: &Prepared, console: &Console<'_>) -> Exit {
    // A user has read it above.
    if console.mode == OutputMode::Text {
        return Exit::OK;
    }
    let message = nothing_to_do(&prepared.planned.plan);
    let report = RunReport::new(RunOutcome::NothingToDo, message, Vec::new());
    console.finish(report, RunCommand::Promote)
}

/// The plan as JSON on stdout.
fn show_json(planned: &Planned, context: &Context) -> Result<(), CommandError> {
    let mut out = context.stdout();
    let plan = plan::withheld(&planned.plan);
    report::json(&plan, &mut out)?;
    Ok(out.flush()?)
}
