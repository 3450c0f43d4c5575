//! The view for a person: a headline, then object by object with who and when beside each change, then
//! what to type next.
//!
//! What rules expect is folded away and counted; what is cut off here stands whole in the JSON.

use super::hand::remark;
use super::pods::ImageView;
use super::snippet::{Mark, lines};
use super::view::{ChangeView, ObjectView, Reason, RequirementView, UntestedView, View};
use crate::model::finding::{ChangeKind, ImageState};
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
pub fn person(view: &View, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page {
        style,
        now: view.compared_at,
        out,
    };

    let is_clean = !view.summary.has_differences() && view.summary.unchecked == 0;
    page.line(
        0,
        &page.paint(if is_clean { "1;32" } else { "1;33" }, &view.headline),
    )?;

    for object in &view.objects {
        page.object(object)?;
    }
    for image in &view.images {
        page.image(image)?;
    }
    page.rest(view)?;
    // Last, so that it is in sight when the rest has scrolled away.
    page.next(view)
}

struct Page<'p> {
    style: Style,
    now: Timestamp,
    out: &'p mut dyn Write,
}

impl Page<'_> {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.style.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn line(&mut self, indent: usize, text: &str) -> io::Result<()> {
        writeln!(self.out, "{:indent$}{text}", "")
    }

    /// A line of a value: cut where the terminal ends.
    fn value_line(&mut self, mark: Mark, text: &str) -> io::Result<()> {
        let (sign, code) = match mark {
            Mark::Minus => ("-", "31"),
            Mark::Plus => ("+", "32"),
            Mark::Same => (" ", "2"),
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

        let line = self.paint(code, &format!("{sign} {shown}"));
        self.line(4, &line)
    }

    fn object(&mut self, object: &ObjectView) -> io::Result<()> {
        let unexpected = object.is_unexpected();
        let show_expected = self.style.show_expected;

        let folded = object
            .changes
            .iter()
            .filter(|change| change.expected.is_some())
            .count()
            + object
                .untested
                .iter()
                .filter(|change| change.allowed.is_some())
                .count();

        // Nothing but what is expected: the object is folded away as a whole.
        if !unexpected && !self.style.show_expected {
            return Ok(());
        }
        writeln!(self.out)?;

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

        let title = format!(
            "{}{}",
            self.paint("1", &object.id.to_string()),
            self.paint(code_of(object.status), &status)
        );
        self.line(0, &title)?;

        for change in object
            .changes
            .iter()
            .filter(|change| change.expected.is_none() || show_expected)
        {
            self.change(change)?;
        }
        for change in object
            .untested
            .iter()
            .filter(|change| change.allowed.is_none() || show_expected)
        {
            self.untested(change)?;
        }

        if folded > 0 && !self.style.show_expected {
            let line = self.paint("2", &format!("and {folded} expected (--show-expected)"));
            self.line(2, &line)?;
        }
        Ok(())
    }

    fn change(&mut self, change: &ChangeView) -> io::Result<()> {
        let what = match change.kind {
            // A picture with one side could be read either way: words say what becomes of the field.
            ChangeKind::Changed if change.desired.is_none() => "would be removed",
            ChangeKind::Changed if change.live.is_none() => "is not there",
            ChangeKind::Changed => "",
            ChangeKind::Added => "added",
            ChangeKind::AddedOriginUnknown => "added, origin unknown",
        };

        let whose = change.whose.as_ref().map(|whose| remark(what, whose, self.now));
        self.heading(
            &change.path,
            whose.as_deref().unwrap_or(what),
            change.expected.as_ref(),
            change.note.as_deref(),
        )?;

        for (mark, line) in lines(change.live.as_ref(), change.desired.as_ref()) {
            self.value_line(mark, &line)?;
        }
        Ok(())
    }

    fn untested(&mut self, change: &UntestedView) -> io::Result<()> {
        let what = match (&change.tested, &change.desired) {
            (None, _) => "not in the tests",
            (_, None) => "only in the tests",
            _ => "not as tested",
        };
        self.heading(
            &change.path,
            what,
            change.allowed.as_ref(),
            change.note.as_deref(),
        )?;

        // Of an object that nobody tested, its being there is what matters.
        if change.path == "/" {
            return Ok(());
        }

        for (mark, line) in lines(change.tested.as_ref(), change.desired.as_ref()) {
            self.value_line(mark, &line)?;
        }
        Ok(())
    }

    fn heading(
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

        let line = format!("{}{}", self.paint("36", path), self.paint("2", &remark));
        self.line(2, &line)?;

        if let Some(reason) = expected {
            let owner = reason
                .owner
                .as_deref()
                .map(|owner| format!(" ({owner})"))
                .unwrap_or_default();
            let line = self.paint("32", &format!("expected: {}{owner}", reason.reason));
            self.line(4, &line)?;
        }

        if let Some(note) = note {
            let line = self.paint("33", note);
            self.line(4, &line)?;
        }
        Ok(())
    }

    fn image(&mut self, image: &ImageView) -> io::Result<()> {
        // Declared in the environment: folded like any expected difference.
        if image.allowed.is_some() && !self.style.show_expected {
            return Ok(());
        }
        writeln!(self.out)?;

        let title = format!(
            "{}, container {}  {}",
            self.paint("1", &image.workload.to_string()),
            image.container,
            self.paint("33", image.what())
        );
        self.line(0, &title)?;
        // A tested image runs: only what still ends is worth a line.
        if image.state != ImageState::Match {
            self.line(2, &format!("tested: {}", image.tested_text()))?;
        }

        for (digest, pods) in image.runs() {
            self.line(2, &format!("runs:   {digest} in {pods}"))?;
        }

        if let Some(reason) = &image.allowed {
            let line = self.paint("32", &format!("expected: {reason}"));
            self.line(2, &line)?;
        }
        Ok(())
    }

    fn rest(&mut self, view: &View) -> io::Result<()> {
        let stale = view.stale.iter().map(|stale| stale.text(self.now));

        let mut told: Vec<String> = stale
            .chain(view.requirements.iter().map(RequirementView::text))
            .collect();
        // Counted from one, as whoever reads the file counts.
        for rule in &view.rules {
            told.push(format!(
                "rule {} ({}) {}",
                rule.rule + 1,
                rule.reason,
                rule.message
            ));
        }
        told.extend(view.notes.iter().map(|note| format!("note: {note}")));

        if !told.is_empty() {
            writeln!(self.out)?;
        }
        told.iter().try_for_each(|text| self.line(0, text))
    }

    fn next(&mut self, view: &View) -> io::Result<()> {
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
            (None, _) => without_release(view).to_owned(),
        };

        writeln!(self.out)?;
        let line = self.paint("2", &next);
        self.line(0, &line)
    }
}

/// What brings a cluster to manifests that are no release. An apply takes nothing away that others added.
fn without_release(view: &View) -> &'static str {
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

fn code_of(status: &str) -> &'static str {
    match status {
        "missing" | "being-deleted" | "refused" | "replaced" => "31",
        "extra" => "35",
        "not-checked" | "not-verified" => "33",
        _ => "33",
    }
}
