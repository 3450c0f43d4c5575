//! What a revert would do: for users object by object with its fields, old and new, and for programs as one document.
//!
//! `RollbackView` is redacted data; both formats show nothing else.

use super::diff::write_values;
use super::{Palette, Redactor, Tone};
use crate::model::names::API_VERSION;
use crate::model::rollback_plan::{PromotedRevision, RollbackAction, RollbackPlan, RollbackStep};
use crate::model::{ClusterIdentity, FieldPath, Object, ObjectId};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// A plan without values of Secrets.
// The names are those of docs/revert.md.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RollbackView {
    api_version: &'static str,
    kind: &'static str,
    /// The promotion that is undone.
    #[serde(flatten)]
    reverted: PromotedRevision,
    cluster: ClusterIdentity,
    steps: Vec<StepView>,
    promoted_after: Option<PromotedRevision>,
    totals: BTreeMap<&'static str, usize>,
    #[serde(skip)]
    title: String,
    #[serde(skip)]
    total: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StepView {
    #[serde(flatten)]
    object: ObjectId,
    action: RollbackAction,
    changes: Vec<ChangeView>,
    notes: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeView {
    path: String,
    live: Option<Value>,
    restored: Option<Value>,
}

/// How it is laid out.
#[derive(Clone, Copy, Debug, Default)]
pub struct RollbackStyle {
    /// Whether colours are used.
    pub color: bool,
    /// Columns; none where lines may be as long as they are.
    pub width: Option<usize>,
}

impl RollbackView {
    /// Makes the view; the redactor has learned the plan's objects.
    pub fn new(plan: &RollbackPlan, redactor: &Redactor) -> Self {
        let count = |action: RollbackAction| (name(action), plan.count(action));
        Self {
            api_version: API_VERSION,
            kind: "RevertPlan",
            reverted: plan.reverted(),
            cluster: plan.cluster.clone(),
            steps: plan.steps.iter().map(|step| step_view(step, redactor)).collect(),
            promoted_after: plan.promoted_after.clone(),
            totals: RollbackAction::ALL.map(count).into(),
            title: plan.title(),
            total: plan.totals(),
        }
    }
}

fn step_view(step: &RollbackStep, redactor: &Redactor) -> StepView {
    let value = |path: &FieldPath, object: &Option<Object>| {
        let value = object.as_ref().and_then(|object| path.get(object.value()))?;
        Some(redactor.value(&step.object, path, value))
    };
    let change = |path: &FieldPath| ChangeView {
        path: redactor.text(&path.to_string()),
        live: value(path, &step.live),
        restored: value(path, &step.restored),
    };
    StepView {
        object: redactor.id(&step.object),
        action: step.action,
        changes: step.changes.iter().map(change).collect(),
        notes: step.notes.iter().map(|note| redactor.text(note)).collect(),
    }
}

/// As programs read an action.
fn name(action: RollbackAction) -> &'static str {
    match action {
        RollbackAction::Delete => "delete",
        RollbackAction::Restore => "restore",
        RollbackAction::Recreate => "recreate",
        RollbackAction::Leave => "leave",
        RollbackAction::NotReverted => "notReverted",
    }
}

/// As users read an action, and how it is painted.
fn label(action: RollbackAction) -> (&'static str, Tone) {
    match action {
        RollbackAction::Delete => ("delete", Tone::Negative),
        RollbackAction::Restore => ("restore", Tone::Notice),
        RollbackAction::Recreate => ("recreate", Tone::Notice),
        RollbackAction::Leave => ("leave", Tone::Faint),
        RollbackAction::NotReverted => ("not reverted", Tone::Failure),
    }
}

/// Writes the plan for a user.
pub fn rollback_plan(view: &RollbackView, style: RollbackStyle, out: &mut dyn Write) -> io::Result<()> {
    let palette = Palette::new(style.color);
    writeln!(out, "{}", palette.paint(Tone::Heading, &view.title))?;

    for step in &view.steps {
        let (word, tone) = label(step.action);
        let word = palette.paint(tone, &format!("{word:<8}"));
        writeln!(out, "{word}  {}{}", step.object, remark(step))?;
        for change in &step.changes {
            write_change(change, style, out)?;
        }
        if step.action == RollbackAction::Restore && step.changes.is_empty() {
            writeln!(out, "  field ownership")?;
        }
        for note in notes_below(step) {
            writeln!(out, "  note: {note}")?;
        }
    }

    let after = view.promoted_after.as_ref();
    let after = after.map_or_else(
        || "no release is promoted".into(),
        |revision| format!("{revision} is promoted"),
    );
    writeln!(out, "\nafterwards: {after}")?;
    writeln!(out, "total: {}", view.total)
}

/// What stands behind an object's name: why nothing is done to it.
fn remark(step: &StepView) -> String {
    match (step.action, step.notes.first()) {
        (RollbackAction::Leave | RollbackAction::NotReverted, Some(why)) => format!(": {why}"),
        _ => String::new(),
    }
}

fn notes_below(step: &StepView) -> impl Iterator<Item = &String> {
    let shown = usize::from(!remark(step).is_empty());
    step.notes.iter().skip(shown)
}

fn write_change(change: &ChangeView, style: RollbackStyle, out: &mut dyn Write) -> io::Result<()> {
    let palette = Palette::new(style.color);
    writeln!(out, "  {}", palette.paint(Tone::Path, &change.path))?;
    write_values(
        (change.live.as_ref(), change.restored.as_ref()),
        palette,
        style.width,
        out,
    )
}
