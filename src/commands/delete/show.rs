//! What is shown of a deletion before anything is changed: what is deleted, in which order, and what stays and why. Where it
//! only is looked at as the command's result on stdout, else beside the question on stderr; its findings on stderr.

use crate::commands::console::{Console, OutputMode};
use crate::commands::promote::report_findings;
use crate::model::StepVerb;
use crate::report::{clean, columns};
use crate::usecase::CommandError;
use crate::usecase::delete::{Deletion, Prepared};
use std::io::Write;

/// Columns of the plan.
const HEADER: [&str; 3] = ["ACTION", "OBJECT", "REASON"];

/// The first event of a deletion. A user reads the same in the question.
pub(super) fn announce(deletion: &Deletion, console: &Console<'_>) {
    if console.mode == OutputMode::Json && !deletion.is_dry_run() {
        console.channels.events.emit(deletion.started());
    }
}

/// The plan and its findings.
pub(super) fn plan(
    prepared: &Prepared,
    deletion: &Deletion,
    console: &Console<'_>,
) -> Result<(), CommandError> {
    let stream = console.plan_stream(deletion.is_dry_run());
    let mut out = console.context.stream(stream);
    text(prepared, deletion, &mut out)?;
    report_findings(&prepared.planned, deletion.is_dry_run(), console)
}

fn text(prepared: &Prepared, deletion: &Deletion, out: &mut dyn Write) -> Result<(), CommandError> {
    let steps = prepared.planned.plan.steps.iter();
    let goes = steps.map(|step| {
        let verb = StepVerb::Delete.to_string();
        [verb, step.target.id().to_string(), step.why.clone()]
    });
    let stays = prepared.left.iter();
    let stays = stays.map(|one| {
        // The action says that it is left in place.
        let reason = one.reason.strip_prefix("left in place: ").unwrap_or(&one.reason);
        ["keep".to_owned(), one.object.to_string(), reason.to_owned()]
    });
    writeln!(out, "{}", title(deletion, prepared))?;
    let header = HEADER.map(String::from);
    write!(
        out,
        "{}",
        columns(std::iter::once(header).chain(goes).chain(stays), 2)
    )?;

    let lost = &prepared.planned.plan.data_loss;
    if !lost.is_empty() {
        writeln!(out, "\nDATA THAT WILL BE DELETED")?;
    }
    for lost in lost {
        writeln!(out, "  {}: {}", clean(&lost.object.to_string()), clean(&lost.why))?;
    }
    if prepared.left.iter().any(|one| one.can_be_named) {
        writeln!(out, "hint: add --prune-kept KIND/NAME to delete one that is kept")?;
    }
    let dry = if deletion.is_dry_run() { " (dry run)" } else { "" };
    writeln!(out, "{}{dry}", totals(prepared))?;
    Ok(out.flush()?)
}

/// What is about to be deleted, and where.
fn title(deletion: &Deletion, prepared: &Prepared) -> String {
    let release = &prepared.planned.plan.release;
    let revision = deletion.current().map_or(0, |entry| entry.revision);
    let title = format!(
        "delete {} {} (revision {revision}) from {}",
        release.name,
        release.version,
        deletion.identity(),
    );
    clean(&title).into_owned()
}

/// `2 to delete, 1 left in place`.
fn totals(prepared: &Prepared) -> String {
    let plan = &prepared.planned.plan;
    let goes = format!("{} to delete", plan.steps.len());
    match plan.unchanged.len() {
        0 => goes,
        stays => format!("{goes}, {stays} left in place"),
    }
}

/// What is about to be done, with its counts.
pub(super) fn summary(prepared: &Prepared, deletion: &Deletion) -> String {
    format!("{}: {}", title(deletion, prepared), totals(prepared))
}
