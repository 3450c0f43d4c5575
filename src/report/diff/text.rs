//! The view for a person: a headline, then object by object with who and when beside each change, then
//! what to type next.
//!
//! What rules expect is folded away and counted; what is cut off here stands whole in the JSON.

use super::field_manager::describe_change;
use super::pods::ImageView;
use super::snippet::{Mark, diff_lines};
use super::view::{ChangeView, ObjectView, Reason, RequirementView, RuleView, UntestedView, View};
use crate::model::finding::{ChangeKind, ImageState};
use crate::report::{Palette, Tone};
use jiff::Timestamp;
use std::io::{self, Write};

/// How it is laid out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Whether colours are used.
    pub color: bool,
    /// Columns; none where lines may be as long as they are.
    pub width: Option<usize>,
    /// Whether expected differences are unfolded.
    pub show_expected: bool,
}

/// Writes the view.
pub fn text(view: &View, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut page = TextPage {
        style,
        palette: Palette::new(style.color),
        now: view.compared_at,
        out,
    };

    let tone = if view.summary.is_clean() {
        Tone::Success
    } else {
        Tone::Warning
    };
    page.write_painted(0, tone, &view.headline)?;

    for object in &view.objects {
        page.write_object(object)?;
    }
    for image in &view.images {
        page.write_image(image)?;
    }
    page.write_remarks(view)?;
    // Last, so that it is in sight when the rest has scrolled away.
    page.write_next_step(view)
}

struct TextPage<'p> {
    style: Style,
    palette: Palette,
    now: Timestamp,
    out: &'p mut dyn Write,
}

impl TextPage<'_> {
    fn write_line(&mut self, indent: usize, text: &str) -> io::Result<()> {
        writeln!(self.out, "{:indent$}{text}", "")
    }

    fn write_painted(&mut self, indent: usize, tone: Tone, text: &str) -> io::Result<()> {
        let line = self.palette.paint(tone, text);
        self.write_line(indent, &line)
    }

    /// Whether a difference is unfolded, given the rule that expects it.
    fn is_shown<T>(&self, expected_by: Option<&T>) -> bool {
        expected_by.is_none() || self.style.show_expected
    }

    /// A line of a value: cut where the terminal ends.
    fn write_value_line(&mut self, mark: Mark, text: &str) -> io::Result<()> {
        let tone = match mark {
            Mark::Minus => Tone::Negative,
            Mark::Plus => Tone::Positive,
            Mark::Same => Tone::Faint,
        };

        // The indent, the sign and its space take six columns; a full last one would wrap on some terminals.
        let room = self
            .style
            .width
            .map_or(usize::MAX, |width| width.saturating_sub(7).max(20));

        let shown: String = if text.chars().count() > room {
            text.chars().take(room - 1).chain(['…']).collect()
        } else {
            text.to_owned()
        };
        self.write_painted(4, tone, &format!("{} {shown}", mark.sign()))
    }

    fn write_object(&mut self, object: &ObjectView) -> io::Result<()> {
        // Nothing but what is expected: the object is folded away as a whole.
        if !object.is_unexpected() && !self.style.show_expected {
            return Ok(());
        }
        writeln!(self.out)?;
        self.write_object_title(object)?;

        for change in &object.changes {
            if self.is_shown(change.expected.as_ref()) {
                self.write_change(change)?;
            }
        }
        for change in &object.untested {
            if self.is_shown(change.allowed.as_ref()) {
                self.write_untested(change)?;
            }
        }

        match object.count_expected() {
            folded if folded > 0 && !self.style.show_expected => self.write_painted(
                2,
                Tone::Faint,
                &format!("and {folded} expected (--show-expected)"),
            ),
            _ => Ok(()),
        }
    }

    fn write_object_title(&mut self, object: &ObjectView) -> io::Result<()> {
        let why = object
            .why
            .as_deref()
            .map(|why| format!(": {why}"))
            .unwrap_or_default();

        // An object can be as desired and yet not as tested.
        let status = if object.status == "same" {
            String::new()
        } else {
            format!("  {}{why}", object.status.replace('-', " "))
        };

        let name = self.palette.paint(Tone::Heading, &object.id.to_string());
        let status = self.palette.paint(status_tone(object.status), &status);
        self.write_line(0, &format!("{name}{status}"))
    }

    fn write_change(&mut self, change: &ChangeView) -> io::Result<()> {
        let what = match change.kind {
            // A picture with one side could be read either way: words say what becomes of the field.
            ChangeKind::Changed if change.desired.is_none() => "would be removed",
            ChangeKind::Changed if change.live.is_none() => "is not there",
            ChangeKind::Changed => "",
            ChangeKind::Added => "added",
            ChangeKind::AddedOriginUnknown => "added, origin unknown",
        };

        let manager = change.owner.as_ref();
        let remark = manager.map(|manager| describe_change(what, manager, self.now));
        self.write_field(
            &change.path,
            remark.as_deref().unwrap_or(what),
            change.expected.as_ref(),
            change.note.as_deref(),
        )?;

        for (mark, line) in diff_lines(change.live.as_ref(), change.desired.as_ref()) {
            self.write_value_line(mark, &line)?;
        }
        Ok(())
    }

    fn write_untested(&mut self, change: &UntestedView) -> io::Result<()> {
        let what = match (&change.tested, &change.desired) {
            (None, _) => "not in the tests",
            (_, None) => "only in the tests",
            _ => "not as tested",
        };
        self.write_field(
            &change.path,
            what,
            change.allowed.as_ref(),
            change.note.as_deref(),
        )?;

        // Of an object that nobody tested, its being there is what matters.
        if change.path == "/" {
            return Ok(());
        }

        for (mark, line) in diff_lines(change.tested.as_ref(), change.desired.as_ref()) {
            self.write_value_line(mark, &line)?;
        }
        Ok(())
    }

    fn write_field(
        &mut self,
        path: &str,
        remark: &str,
        expected: Option<&Reason>,
        note: Option<&str>,
    ) -> io::Result<()> {
        let remark = if remark.is_empty() {
            String::new()
        } else {
            format!("  {remark}")
        };

        let path = self.palette.paint(Tone::Path, path);
        let remark = self.palette.paint(Tone::Faint, &remark);
        self.write_line(2, &format!("{path}{remark}"))?;

        if let Some(reason) = expected {
            let owner = reason
                .owner
                .as_deref()
                .map(|owner| format!(" ({owner})"))
                .unwrap_or_default();
            self.write_painted(4, Tone::Positive, &format!("expected: {}{owner}", reason.reason))?;
        }

        match note {
            Some(note) => self.write_painted(4, Tone::Notice, note),
            None => Ok(()),
        }
    }

    fn write_image(&mut self, image: &ImageView) -> io::Result<()> {
        // Declared in the environment: folded like any expected difference.
        if !self.is_shown(image.allowed.as_ref()) {
            return Ok(());
        }
        writeln!(self.out)?;

        let title = format!(
            "{}, container {}  {}",
            self.palette.paint(Tone::Heading, &image.workload.to_string()),
            image.container,
            self.palette.paint(Tone::Notice, &image.state_text())
        );
        self.write_line(0, &title)?;
        // A tested image runs: only what still ends is worth a line.
        if image.state != ImageState::Match {
            self.write_line(2, &format!("tested: {}", image.tested_text()))?;
        }

        for (digest, pods) in image.runs() {
            self.write_line(2, &format!("runs:   {digest} in {pods}"))?;
        }

        match &image.allowed {
            Some(reason) => self.write_painted(2, Tone::Positive, &format!("expected: {reason}")),
            None => Ok(()),
        }
    }

    /// What belongs to no object.
    fn write_remarks(&mut self, view: &View) -> io::Result<()> {
        let stale = view.stale.iter().map(|stale| stale.text(self.now));
        let remarks: Vec<String> = stale
            .chain(view.requirements.iter().map(RequirementView::text))
            .chain(view.rules.iter().map(RuleView::text))
            .chain(view.notes.iter().map(|note| format!("note: {note}")))
            .collect();

        if !remarks.is_empty() {
            writeln!(self.out)?;
        }
        remarks.iter().try_for_each(|remark| self.write_line(0, remark))
    }

    fn write_next_step(&mut self, view: &View) -> io::Result<()> {
        // What could not be checked alone ends with an error, which says what to type.
        if !view.summary.has_differences() {
            return Ok(());
        }

        let namespace = match view.namespace.as_str() {
            "" => String::new(),
            namespace => format!(" -n {namespace}"),
        };
        // A dry run comes first: it shows the plan and changes nothing.
        let next = match (&view.release, &view.given) {
            (Some(_), Some(given)) => format!(
                "kubectl delivery promote {given}{namespace} --dry-run=server shows what would be done about it"
            ),
            // The release came out of the cluster: no file of it was named.
            (Some(release), None) => format!(
                "kubectl delivery promote FILE{namespace} --dry-run=server, with the file of {} {}, shows what would be done about it",
                release.name, release.version
            ),
            (None, _) => next_without_release(view).to_owned(),
        };

        writeln!(self.out)?;
        self.write_painted(0, Tone::Faint, &next)
    }
}

/// What brings a cluster to manifests that are no release. An apply takes nothing away that others added.
fn next_without_release(view: &View) -> &'static str {
    let is_added = |change: &ChangeView| {
        change.expected.is_none() && matches!(change.kind, ChangeKind::Added | ChangeKind::AddedOriginUnknown)
    };

    if view
        .objects
        .iter()
        .flat_map(|object| &object.changes)
        .any(is_added)
    {
        "kubectl apply --server-side --force-conflicts would leave what others added; kubectl delivery record, then promote, takes it out"
    } else {
        "kubectl apply --server-side --force-conflicts would bring the cluster to these manifests"
    }
}

fn status_tone(status: &str) -> Tone {
    match status {
        "missing" | "being-deleted" | "refused" | "replaced" => Tone::Negative,
        "extra" => Tone::Surplus,
        // Changed, or not known.
        _ => Tone::Notice,
    }
}
