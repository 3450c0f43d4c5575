//! A plan as a user reads it: each step with its reason, the fields that it changes with both values, and a total.
//!
//! Fields are laid out as `diff` lays them out. Of many objects they are folded: the steps themselves stay in sight.

use super::diff::{ChangeView, Style, write_changes};
use super::table::{Cell, rows};
use super::{Palette, Redactor, Tone, clean};
use crate::model::event::PlannedStep;
use crate::model::finding::{ChangeKind, FieldChange, ObjectComparison};
use crate::model::phrase::{counted, list_first};
use crate::model::plan::{Action, DataLoss, Plan, PlanStep};
use crate::model::{ClusterIdentity, FieldPath, Object, StepVerb};
use jiff::Timestamp;
use std::io::{self, Write};

/// Changed objects whose fields are shown; of more they are folded.
const UNFOLDED: usize = 20;

/// Fields of one manager that are named; more are counted.
const NAMED: usize = 10;

/// Columns that a value has at any width.
const LONGEST_NAME: usize = 400;

/// A plan, as it is shown: without values of Secrets.
pub struct PlanView {
    /// What is promoted, and where.
    pub title: String,
    /// Its steps in order.
    pub steps: Vec<StepView>,
    /// Pods that are tried before the first step, a line each.
    pub rehearsals: Vec<String>,
    /// Data that it deletes.
    pub data_loss: Vec<DataLoss>,
    /// Differences that the environment expects, a line each.
    pub expected: Vec<String>,
    /// How many steps of each kind, and how many objects have none.
    pub totals: String,
    /// Whether a failure could be rolled back; none where that was not checked.
    pub rollback: Option<String>,
    /// When it was made: ages are counted from here.
    pub now: Timestamp,
}

/// A step, as it is shown.
pub struct StepView {
    step: PlannedStep,
    changes: Vec<ChangeView>,
    /// Fields that become ours, a line for each manager.
    ownership: Vec<String>,
}

impl StepView {
    /// With the values of its fields, and with the fields that it takes from each other manager.
    pub fn new<'m>(
        planned: PlannedStep,
        step: &PlanStep,
        compared: Option<&ObjectComparison>,
        moves: impl IntoIterator<Item = (&'m String, Vec<&'m FieldPath>)>,
        redactor: &Redactor,
    ) -> Self {
        let changes = field_changes(step, compared);
        let taken = moves.into_iter().map(|(manager, paths)| {
            let paths = list_first(paths.into_iter(), NAMED, ", ");
            redactor.text(&format!("takes ownership of {paths} from {manager}"))
        });
        Self {
            changes: changes
                .iter()
                .map(|change| ChangeView::new(&planned.object, change, redactor))
                .collect(),
            ownership: taken.collect(),
            step: planned,
        }
    }

    fn has_fields(&self) -> bool {
        !self.changes.is_empty() || !self.ownership.is_empty()
    }
}

/// What a step changes, from what is there to what it is expected to leave.
fn field_changes(step: &PlanStep, compared: Option<&ObjectComparison>) -> Vec<FieldChange> {
    let Some(compared) = compared else {
        return Vec::new();
    };
    let Action::Apply { expected, .. } = &step.action else {
        // Of a replacement what was compared tells what differs; what is created or deleted has no two sides.
        let is_replaced = matches!(step.action, Action::Recreate { .. });
        return compared.changes.iter().filter(|_| is_replaced).cloned().collect();
    };

    let value =
        |object: Option<&Object>, path: &FieldPath| object.and_then(|one| path.get(one.value()).cloned());
    let change = |path: &FieldPath| {
        let known = compared.changes.iter().find(|change| change.path == *path);
        let change = FieldChange {
            path: path.clone(),
            kind: ChangeKind::Changed,
            live: value(compared.live.object(), path),
            desired: value(Some(expected), path),
            owner: known.and_then(|change| change.owner.clone()),
            expected_by: None,
            rule_note: None,
        };
        (change.live != change.desired).then_some(change)
    };
    step.changes.iter().filter_map(change).collect()
}

/// `promote shop 1.4.2 to namespace shop of context prod-eu (https://…)`.
pub fn plan_title(plan: &Plan, cluster: &ClusterIdentity) -> String {
    format!(
        "promote {} {} to {cluster}",
        plan.release.name, plan.release.version
    )
}

/// The counts of a plan's steps, and what is tried before them: `2 to update after a rehearsal with 3 pods`.
pub fn plan_question(plan: &Plan) -> String {
    let counts = plan_counts(plan);
    match plan.rehearsals.len() {
        0 => counts,
        pods => format!("{counts} after a rehearsal with {}", counted(pods, "pod")),
    }
}

/// `2 to create, 3 to update, 1 to delete`; empty where there is no step.
pub fn plan_counts(plan: &Plan) -> String {
    let steps = || plan.steps.iter().chain(&plan.prune);
    let count = |verb: StepVerb| steps().filter(|step| step.action.verb() == verb).count();

    let verbs = [
        StepVerb::Create,
        StepVerb::Update,
        StepVerb::Replace,
        StepVerb::Delete,
    ];
    let counts = verbs.map(|verb| (count(verb), verb));
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, verb)| format!("{count} to {verb}")).collect();
    counts.join(", ")
}

/// The same, and how many objects stay as they are.
pub fn plan_totals(plan: &Plan) -> String {
    let counts = plan_counts(plan);
    match plan.unchanged.len() {
        0 => counts,
        count if counts.is_empty() => format!("{count} in sync"),
        count => format!("{counts}, {count} in sync"),
    }
}

/// That a plan changes nothing.
pub fn nothing_to_do(plan: &Plan) -> String {
    format!("nothing to do: {} in sync", counted(plan.members.len(), "object"))
}

/// How a plan is laid out.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanStyle {
    /// Whether colours are used.
    pub color: bool,
    /// Columns; none where lines may be as long as they are.
    pub width: Option<usize>,
    /// Whether the fields of many objects are unfolded.
    pub show_diff: bool,
}

/// Writes it.
pub fn plan(view: &PlanView, style: PlanStyle, out: &mut dyn Write) -> io::Result<()> {
    let palette = Palette::new(style.color);
    writeln!(out, "{}", palette.paint(Tone::Heading, &clean(&view.title)))?;
    if !view.steps.is_empty() {
        write_steps(view, style, out)?;
    }

    if !view.rehearsals.is_empty() {
        writeln!(out, "\nREHEARSED BEFORE ANYTHING IS CHANGED")?;
    }
    for line in &view.rehearsals {
        writeln!(out, "  {}", clean(line))?;
    }
    if !view.data_loss.is_empty() {
        writeln!(out, "\nDATA THAT WILL BE DELETED")?;
    }
    for lost in &view.data_loss {
        writeln!(out, "  {}: {}", clean(&lost.object.to_string()), clean(&lost.why))?;
    }
    for line in &view.expected {
        let line = format!("expected: {}", clean(line));
        writeln!(out, "{}", palette.paint(Tone::Faint, &line))?;
    }
    // Last, so that it is in sight when the rest has scrolled away.
    if view.steps.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", view.totals)?;
    match &view.rollback {
        Some(outlook) => writeln!(out, "rollback: {}", clean(outlook)),
        None => Ok(()),
    }
}

fn write_steps(view: &PlanView, style: PlanStyle, out: &mut dyn Write) -> io::Result<()> {
    let has_impact = view.steps.iter().any(|one| one.step.impact.is_some());
    let head = ["ACTION", "OBJECT", "REASON", "IMPACT"];
    let cells = std::iter::once(head.map(str::to_owned)).chain(view.steps.iter().map(|one| row(&one.step)));
    let cells = cells.map(|[action, object, reason, impact]| {
        let mut cells = vec![Cell::Name(action), Cell::Name(object), Cell::Prose(reason)];
        cells.extend(has_impact.then_some(Cell::Prose(impact)));
        cells
    });
    let cells: Vec<_> = cells.collect();
    let mut table = rows(&cells, style.width).into_iter();

    let changed = view.steps.iter().filter(|one| one.has_fields()).count();
    let is_folded = changed > UNFOLDED && !style.show_diff;
    table.next().map_or(Ok(()), |head| write_lines(&head, out))?;
    for (one, lines) in view.steps.iter().zip(table) {
        write_lines(&lines, out)?;
        write_fields(one, is_folded, view.now, style, out)?;
    }
    Ok(())
}

fn row(step: &PlannedStep) -> [String; 4] {
    [
        step.action.to_string(),
        clean(&step.object.to_string()).into_owned(),
        clean(&step.reason).into_owned(),
        clean(step.impact.as_deref().unwrap_or_default()).into_owned(),
    ]
}

fn write_lines(lines: &[String], out: &mut dyn Write) -> io::Result<()> {
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn write_fields(
    one: &StepView,
    is_folded: bool,
    now: Timestamp,
    style: PlanStyle,
    out: &mut dyn Write,
) -> io::Result<()> {
    if is_folded && !one.changes.is_empty() {
        let fields = counted(one.changes.len(), "field");
        writeln!(out, "  ({fields}; --show-diff shows them)")?;
    } else {
        let style = Style {
            color: style.color,
            // A reference with its digest is no longer than that, and is never cut.
            width: style.width.map(|width| width.max(LONGEST_NAME)),
            show_expected: true,
        };
        write_changes(&one.changes, style, now, out)?;
    }
    // Never folded: a line for each manager, and another client decides about them no longer.
    one.ownership
        .iter()
        .try_for_each(|line| writeln!(out, "  {line}"))
}

#[cfg(test)]
mod tests;
