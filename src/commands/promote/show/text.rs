//! A plan as a user reads it: its steps, what data it deletes, declared differences, and every finding.

use crate::cli::{Context, Stream};
use crate::model::StepVerb;
use crate::model::environment::Environment;
use crate::model::event::PlannedStep;
use crate::model::finding::Comparison;
use crate::model::plan::{PreflightFinding, Severity};
use crate::plan::{self, Planned};
use crate::report::{Palette, Tone, clean, finding_text};
use crate::usecase::CommandError;
use comfy_table::{ContentArrangement, Table, presets};
use std::collections::BTreeSet;
use std::io::Write;

/// The plan for a user, on stderr.
pub(super) fn show(
    planned: &Planned,
    comparison: &Comparison,
    environment: &Environment,
    context: &Context,
) -> Result<(), CommandError> {
    let mut err = context.stderr();
    let steps = plan::planned_steps(&planned.plan);
    if !steps.is_empty() {
        writeln!(err, "{}", table(&steps, context.width(Stream::Stderr)))?;
    }
    let lost = &planned.plan.data_loss;
    if !lost.is_empty() {
        writeln!(err, "\nDATA THAT WILL BE DELETED")?;
    }
    for lost in lost {
        writeln!(err, "  {}: {}", clean(&lost.object.to_string()), clean(&lost.why))?;
    }
    for line in declared(comparison, environment) {
        let line = format!("expected: {}", clean(&line));
        let palette = Palette::new(context.color(Stream::Stderr));
        writeln!(err, "{}", palette.paint(Tone::Faint, &line))?;
    }
    for severity in [Severity::Note, Severity::Waived, Severity::Refuse] {
        for finding in planned
            .findings
            .iter()
            .filter(|finding| finding.severity == severity)
        {
            finding_line(&mut err, finding)?;
        }
    }
    Ok(())
}

fn table(steps: &[PlannedStep], width: Option<usize>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = width {
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    }
    let risks = steps.iter().any(|step| step.risk.is_some());
    let mut head = vec!["ACTION", "OBJECT", "WHY"];
    head.extend(risks.then_some("RISK"));
    table.set_header(head);
    for step in steps {
        let mut cells = vec![
            word(step.action).to_owned(),
            clean(&step.object.to_string()).into_owned(),
            clean(&step.why).into_owned(),
        ];
        cells.extend(risks.then(|| clean(step.risk.as_deref().unwrap_or_default()).into_owned()));
        table.add_row(cells);
    }
    table
}

/// What a person calls an action.
fn word(action: StepVerb) -> &'static str {
    match action {
        StepVerb::Apply => "change",
        StepVerb::Recreate => "replace",
        other => other.as_str(),
    }
}

/// The rules that allow a difference from what was tested, once each, with their reasons.
fn declared(comparison: &Comparison, environment: &Environment) -> Vec<String> {
    let untested = comparison
        .objects
        .iter()
        .flat_map(|object| object.untested.iter().map(move |change| (object.id(), change)))
        .chain(comparison.dropped.iter().map(|(id, change)| (id.clone(), change)));
    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for (id, change) in untested {
        let Some(rule) = change.allowed_by else { continue };
        if seen.insert((rule, id.clone())) {
            let reason = environment
                .spec
                .differences
                .get(rule)
                .map(|rule| rule.reason.as_str());
            lines.push(format!("{id} {}: {}", change.path, reason.unwrap_or("allowed")));
        }
    }
    lines
}

fn finding_line(err: &mut dyn Write, finding: &PreflightFinding) -> std::io::Result<()> {
    let word = match finding.severity {
        Severity::Refuse => "refused",
        Severity::Waived => "waived",
        Severity::Note => "note",
    };
    writeln!(
        err,
        "{word} [{}] {}",
        finding.check,
        clean(&finding_text(finding))
    )?;
    let waiver = || plan::waiver_hint(finding).filter(|_| finding.severity == Severity::Refuse);
    for hint in finding.hint.clone().into_iter().chain(waiver()) {
        writeln!(err, "  hint: {}", clean(&hint))?;
    }
    Ok(())
}
