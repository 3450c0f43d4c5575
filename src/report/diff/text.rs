//! The view as text: a headline, then object by object with who and when beside each change, then what to type next.
//!
//! What rules expect is folded away and counted; what is cut off here stands whole in the JSON.

use super::group::StartGroup;
use super::pods::ImageView;
use super::rules::Reason;
use super::snippet::{Mark, diff_lines, fit_line};
use super::view::{ChangeView, ObjectView, UntestedView, View};
use super::wording::{Wording, status_words, unquoted, untested};
use crate::model::finding::{ChangeKind, ImageState};
use crate::model::helm::HelmRevision;
use crate::report::{Palette, Tone, typed};
use jiff::Timestamp;
use serde_json::Value;
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
        wording: Wording {
            quote: unquoted,
            now: Some(view.compared_at),
        },
        out,
    };

    let tone = if view.summary.is_clean() {
        Tone::Success
    } else {
        Tone::Warning
    };
    if let Some(revision) = &view.helm {
        page.write_line(0, &revision.to_string())?;
    }
    page.write_painted(0, tone, &view.headline)?;

    for object in &view.objects {
        page.write_object(object)?;
    }
    for image in &view.images {
        page.write_image(image)?;
    }
    for group in StartGroup::list(&view.would_not_start) {
        page.write_start(&group)?;
    }
    page.write_remarks(view)?;
    // Last, so that it is in sight when the rest has scrolled away.
    page.write_next_step(view)
}

/// Writes changes of one object, below a line that names it.
pub(in crate::report) fn write_changes(
    changes: &[ChangeView],
    style: Style,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = TextPage {
        style,
        palette: Palette::new(style.color),
        wording: Wording {
            quote: unquoted,
            now: Some(now),
        },
        out,
    };
    changes.iter().try_for_each(|change| page.write_change(change))
}

/// Writes how a value changes, line by line, each cut where the terminal ends.
pub(in crate::report) fn write_values(
    (before, after): (Option<&Value>, Option<&Value>),
    palette: Palette,
    width: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (mark, line) in diff_lines(before, after) {
        let tone = match mark {
            Mark::Minus => Tone::Negative,
            Mark::Plus => Tone::Positive,
            Mark::Same => Tone::Faint,
        };
        let line = format!("{} {}", mark.sign(), fit_line(&line, width));
        writeln!(out, "    {}", palette.paint(tone, &line))?;
    }
    Ok(())
}

struct TextPage<'p> {
    style: Style,
    palette: Palette,
    wording: Wording,
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

    fn write_values(&mut self, before: Option<&Value>, after: Option<&Value>) -> io::Result<()> {
        write_values((before, after), self.palette, self.style.width, self.out)
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
            if self.is_shown(change.expected.as_ref()) {
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
        let message = object.message.as_deref();
        let message = message.map(|message| format!(": {message}")).unwrap_or_default();
        let status = status_words(object).map(|status| format!("  {status}{message}"));

        let name = self.palette.paint(Tone::Heading, &object.id.to_string());
        let status = self
            .palette
            .paint(status_tone(object.status), &status.unwrap_or_default());
        self.write_line(0, &format!("{name}{status}"))
    }

    fn write_change(&mut self, change: &ChangeView) -> io::Result<()> {
        let remark = self.wording.change(change);
        self.write_field(
            &change.path,
            &remark,
            change.expected.as_ref(),
            change.note.as_deref(),
        )?;

        self.write_values(change.live.as_ref(), change.desired.as_ref())
    }

    fn write_untested(&mut self, change: &UntestedView) -> io::Result<()> {
        self.write_field(
            &change.path,
            untested(change),
            change.expected.as_ref(),
            change.note.as_deref(),
        )?;

        // Of an untested object its existence is what matters.
        if change.path == "/" {
            return Ok(());
        }

        self.write_values(change.tested.as_ref(), change.desired.as_ref())
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
            self.write_painted(4, Tone::Positive, &self.wording.expected(reason))?;
        }

        match note {
            Some(note) => self.write_painted(4, Tone::Notice, note),
            None => Ok(()),
        }
    }

    fn write_image(&mut self, image: &ImageView) -> io::Result<()> {
        // Expected by the environment: folded like any expected difference.
        if !self.is_shown(image.expected.as_ref()) {
            return Ok(());
        }
        writeln!(self.out)?;

        let title = format!(
            "{}, container {}  {}",
            self.palette.paint(Tone::Heading, &image.workload.to_string()),
            image.container,
            self.palette.paint(Tone::Notice, &self.wording.image(image))
        );
        self.write_line(0, &title)?;
        // A tested image runs: only what still ends is worth a line.
        if image.state != ImageState::Match {
            self.write_line(2, &self.wording.tested(image))?;
        }

        for running in image.runs() {
            let running = self.wording.running(running);
            self.write_line(2, &format!("running: {running}"))?;
        }

        match &image.expected {
            Some(reason) => self.write_painted(2, Tone::Positive, &self.wording.expected(reason)),
            None => Ok(()),
        }
    }

    fn write_start(&mut self, group: &StartGroup<'_>) -> io::Result<()> {
        writeln!(self.out)?;
        let name = self
            .palette
            .paint(Tone::Heading, &self.wording.list(&group.workloads));
        let title = self.palette.paint(Tone::Negative, group.title);
        self.write_line(0, &format!("{name}  {title}"))?;

        let mut causes = group.causes.iter();
        causes.try_for_each(|cause| self.write_line(2, &cause.message))
    }

    /// What belongs to no object.
    fn write_remarks(&mut self, view: &View) -> io::Result<()> {
        let remarks = self.wording.remarks(view);
        if !remarks.is_empty() {
            writeln!(self.out)?;
        }
        remarks.iter().try_for_each(|remark| self.write_line(0, remark))
    }

    fn write_next_step(&mut self, view: &View) -> io::Result<()> {
        // What could not be checked alone ends with an error, which says what to type; what pods miss is for others to bring.
        if !view.summary.may_be_promoted_away() {
            return Ok(());
        }

        let namespace = match view.namespace.as_str() {
            "" => String::new(),
            namespace => format!(" -n {namespace}"),
        };
        // A dry run comes first: it shows the plan and changes nothing.
        let hint = match (&view.release, &view.given) {
            (Some(_), Some(given)) => {
                // Files alone have nothing that could be fixed.
                let what = if namespace.is_empty() { "promotion" } else { "fix" };
                format!("preview the {what}: kubectl delivery promote {given}{namespace} --dry-run=server")
            }
            // The release came out of the cluster: no file of it is needed.
            (Some(release), None) => format!(
                "preview the fix: kubectl delivery promote {} --promoted{namespace} --dry-run=server",
                release.name
            ),
            (None, _) => hint_without_release(view, &namespace),
        };

        writeln!(self.out)?;
        self.write_painted(0, Tone::Faint, &format!("hint: {}", typed(&hint)))
    }
}

/// What brings a cluster to manifests that are no release. Neither an apply nor Helm takes away what others added.
fn hint_without_release(view: &View, namespace: &str) -> String {
    let is_added = |change: &ChangeView| {
        change.expected.is_none() && matches!(change.kind, ChangeKind::Added | ChangeKind::AddedOriginUnknown)
    };
    let mut changes = view.objects.iter().flat_map(|object| &object.changes);

    match (&view.helm, changes.any(is_added)) {
        (None, true) => "a promotion removes fields that others added, kubectl apply keeps them: kubectl delivery record -f FILE --name NAME --version VERSION -o NAME.release.yaml".into(),
        // Without --force-conflicts: kubectl names whose fields it would take, a release's among them.
        (None, false) => format!("to apply these manifests: kubectl apply --server-side{namespace} -f FILE"),
        (Some(HelmRevision { name, revision, .. }), true) => format!(
            "a promotion removes fields that others added, helm keeps them: helm get manifest {name} --revision {revision}{namespace} | kubectl delivery record -f - --name {name} --version {revision} -o {name}.release.yaml"
        ),
        (Some(HelmRevision { name, revision, .. }), false) => {
            format!("to apply this revision again: helm rollback {name} {revision}{namespace}")
        }
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
