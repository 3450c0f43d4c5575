//! The plan and every finding, before anything is touched.

use crate::cli::{CommandError, Context};
use crate::model::plan::{Action, PlanStep, PreflightFinding, Severity};
use crate::plan::{self, Planned};
use crate::report::clean;
use std::io::Write;

/// The plan as JSON on stdout where it is asked for; always, for a person, on stderr.
pub(super) fn plan(planned: &Planned, json: bool, context: &Context) -> Result<(), CommandError> {
    if json {
        let mut out = context.stdout();
        let plan = plan::withheld(&planned.plan);
        writeln!(out, "{}", serde_json::to_string_pretty(&plan).map_err(std::io::Error::from)?)?;
        out.flush()?;
    }
    let mut err = context.stderr();
    for step in planned.plan.steps.iter().chain(&planned.plan.prune) {
        writeln!(err, "  {:<8} {} ({})", action(step), step.target, clean(&step.why))?;
    }
    let (refusing, rest): (Vec<_>, Vec<_>) =
        planned.findings.iter().partition(|finding| finding.severity == Severity::Refuse);
    for finding in rest {
        finding_line(&mut err, "note", finding)?;
    }
    for finding in refusing {
        finding_line(&mut err, "refused", finding)?;
    }
    Ok(())
}

fn finding_line(err: &mut dyn Write, word: &str, finding: &PreflightFinding) -> std::io::Result<()> {
    let object = finding.object.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
    writeln!(err, "{word} [{}] {}", finding.check, clean(&format!("{object}{}", finding.message)))?;
    if let Some(hint) = &finding.hint {
        writeln!(err, "  hint: {}", clean(hint))?;
    }
    Ok(())
}

fn action(step: &PlanStep) -> &'static str {
    match step.action {
        Action::Create { .. } => "create",
        Action::Apply { .. } => "change",
        Action::Recreate { .. } => "replace",
        Action::Delete { .. } => "prune",
    }
}
