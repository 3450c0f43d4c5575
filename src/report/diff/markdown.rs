//! The view as markdown: fit for a comment on a pull request, and never longer than it may be.
//!
//! Every text from outside stands in code, in spans and in blocks whose fences are longer than any run of backticks in
//! them: no forge reads markup, a mention, a reference or a link there. Times are absolute, for a comment is kept.

mod budget;
mod escape;
#[cfg(test)]
mod tests;

pub(super) use self::budget::{Section, SectionKind, fit};
pub(in crate::report) use self::escape::code_span;
pub(super) use self::escape::comment_word;
use self::escape::{html_code, longest_run};
use super::group::{FOLDED, ObjectGroup, StartGroup};
use super::pods::ImageView;
use super::snippet::diff_lines;
use super::view::{ChangeView, UntestedView, View};
use super::wording::{Wording, facts, place, untested};
use crate::model::phrase::{list_first, shorten};
use serde_json::Value;
use std::io::{self, Write};

/// Lines of a value.
const LINES: usize = 40;

/// Characters of a line of a value.
const LINE_CHARS: usize = 500;

/// Fields of an object.
const FIELDS: usize = 50;

/// Names of a group's objects; more than [`FOLDED`] are folded, more than these are counted.
const NAMES: usize = 200;

/// The least that a page can be limited to: its head always fits.
pub const MIN_BYTES: usize = 4_000;

/// In markdown.
const TEXT: Wording = Wording {
    quote: code_span,
    now: None,
};

/// In a line of HTML.
const HTML: Wording = Wording {
    quote: html_code,
    now: None,
};

/// How long the page may be, and what shows all of it.
#[derive(Clone, Copy, Debug)]
pub struct MarkdownLimit<'l> {
    /// Bytes.
    pub max_bytes: usize,
    /// The command to type.
    pub command: &'l str,
}

/// Writes the view.
pub fn markdown(view: &View, limit: MarkdownLimit<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(fit(&head(view), &sections(view), limit).as_bytes())
}

/// What was found, in the order in which it is shown as far as there is room.
pub(super) fn sections(view: &View) -> Vec<Section> {
    let groups = ObjectGroup::list(view);
    let objects = groups.iter().map(object_section);
    let images = view.images.iter().map(image_section);
    let starts = StartGroup::list(&view.would_not_start);
    let starts = starts.iter().map(start_section);
    let remarks = TEXT.remarks(view).into_iter().map(|remark| Section {
        kind: SectionKind::Remark,
        is_expected: false,
        text: format!("- {remark}\n"),
    });

    let mut sections: Vec<Section> = objects.chain(images).chain(starts).chain(remarks).collect();
    // Where there is no room for all, what rules expect goes first.
    sections.sort_by_key(|section| section.is_expected);
    sections
}

/// The marker, by which a bot finds the comment that it wrote before, the headline, and what was compared.
fn head(view: &View) -> [String; 3] {
    let release = view.release.as_ref().map(|release| &*release.name);
    let helm = view.helm.as_ref().map(|revision| &*revision.name);
    let namespace = Some(&*view.namespace).filter(|namespace| !namespace.is_empty());
    let context = view
        .cluster
        .as_ref()
        .and_then(|cluster| cluster.context.as_deref());
    // One comment for each cluster and namespace that a release is compared with.
    let place = [
        namespace.map(|_| "-n"),
        namespace,
        context.map(|_| "--context"),
        context,
    ];
    let what = [Some("diff"), release, helm.map(|_| "--helm"), helm];
    let words = what.into_iter().chain(place);
    let words: Vec<String> = words.flatten().map(escape::comment_word).collect();
    let marker = format!("<!-- kubectl-delivery: {} -->\n", words.join(" "));

    let sign = if view.summary.is_clean() { "✅" } else { "⚠️" };
    let headline = format!("### {sign} {}\n\n", view.headline);

    let facts = facts(view).into_iter().map(|(name, value)| {
        let value = shorten(value, 100);
        format!("{name} {}", code_span(&value))
    });
    let facts: Vec<String> = facts.collect();
    [
        marker,
        headline,
        format!("{}\n\n{}", facts.join(", "), legend(view)),
    ]
}

/// Which sign is what.
fn legend(view: &View) -> String {
    let drift = ("In a diff, `-` is live and `+` is the release.", view.has_drift());
    let untested = "In an untested difference, `-` is tested and `+` is desired.";
    let lines = [drift, (untested, view.has_untested())];

    let shown = lines.into_iter().filter(|(_, is_shown)| *is_shown);
    shown.map(|(line, _)| format!("{line}\n\n")).collect()
}

fn object_section(group: &ObjectGroup) -> Section {
    let object = &group.object;
    let is_expected = !object.is_unexpected();

    // What is expected stays folded. The empty line at the end makes markdown of what stands inside of the HTML.
    let open = if is_expected { "" } else { " open" };
    let mut text = format!("<details{open}><summary>{}</summary>\n\n", HTML.title(group));

    if group.ids.len() > 1 {
        text += &names(group);
    }
    let changes = object.changes.iter().map(change_text);
    let untested = object.untested.iter().map(untested_text);
    text.extend(changes.chain(untested).take(FIELDS));
    let more = (object.changes.len() + object.untested.len()).saturating_sub(FIELDS);
    if more > 0 {
        text.extend(["… and ", &more.to_string(), " more fields\n\n"]);
    }
    text += "</details>\n\n";

    Section {
        kind: SectionKind::Objects {
            status: object.status,
            count: group.ids.len(),
        },
        is_expected,
        text,
    }
}

/// The objects of a group, folded where they are many.
fn names(group: &ObjectGroup) -> String {
    let quoted = group.ids.iter().map(|id| code_span(&place(id)));
    let names = list_first(quoted, NAMES, ", ");

    if group.ids.len() > FOLDED {
        format!(
            "<details><summary>all {}</summary>\n\n{names}\n\n</details>\n\n",
            group.ids.len()
        )
    } else {
        format!("{names}\n\n")
    }
}

fn change_text(change: &ChangeView) -> String {
    let remark = TEXT.change(change);
    let expected = change.expected.as_ref().map(|reason| TEXT.expected(reason));
    let remarks = [Some(remark), expected];
    field_text(
        &change.path,
        &remarks,
        change.note.as_deref(),
        (change.live.as_ref(), change.desired.as_ref()),
    )
}

fn untested_text(change: &UntestedView) -> String {
    let expected = change.expected.as_ref().map(|reason| TEXT.expected(reason));
    let remarks = [Some(untested(change).to_owned()), expected];
    // That a whole object is new or gone needs no picture.
    let sides = if change.path == "/" {
        (None, None)
    } else {
        (change.tested.as_ref(), change.desired.as_ref())
    };
    field_text(&change.path, &remarks, change.note.as_deref(), sides)
}

fn field_text(
    path: &str,
    remarks: &[Option<String>],
    note: Option<&str>,
    sides: (Option<&Value>, Option<&Value>),
) -> String {
    let note = note.map(|note| TEXT.phrase(note));
    let remarks: Vec<&str> = remarks
        .iter()
        .chain([&note])
        .flatten()
        .filter(|remark| !remark.is_empty())
        .map(String::as_str)
        .collect();
    let line = format!("{} {}", code_span(path), remarks.join("; "));
    format!("{}\n\n{}", line.trim_end(), block(sides.0, sides.1))
}

fn block(from: Option<&Value>, to: Option<&Value>) -> String {
    let lines = diff_lines(from, to);
    if lines.is_empty() {
        return String::new();
    }
    let longest = lines.iter().map(|(_, line)| longest_run(line)).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);

    let shown = lines.iter().take(LINES).map(|(mark, line)| {
        // A carriage return would end the line of a block, and what follows it would stand without its sign.
        let line = shorten(line.replace('\r', "\\r"), LINE_CHARS);
        format!("{} {line}\n", mark.sign())
    });
    let shown: String = shown.collect();
    let more = match lines.len().saturating_sub(LINES) {
        0 => String::new(),
        more => format!("  … {more} more lines\n"),
    };
    format!("{fence}diff\n{shown}{more}{fence}\n\n")
}

fn image_section(image: &ImageView) -> Section {
    let expected = image.expected.as_ref();
    let expected = expected.map(|reason| format!("; {}", TEXT.expected(reason)));
    let running: String = image
        .runs()
        .map(|running| format!("  - running {}\n", TEXT.running(running)))
        .collect();

    Section {
        kind: SectionKind::Image,
        is_expected: !image.is_unexpected(),
        text: format!(
            "- {}, container {}: {}; {}{}\n{running}",
            code_span(&image.workload.to_string()),
            code_span(&image.container),
            TEXT.image(image),
            TEXT.tested(image),
            expected.unwrap_or_default()
        ),
    }
}

fn start_section(group: &StartGroup<'_>) -> Section {
    let causes: String = group
        .causes
        .iter()
        .map(|cause| format!("  - {}\n", TEXT.phrase(&cause.message)))
        .collect();
    Section {
        kind: SectionKind::Starts {
            count: group.workloads.len(),
        },
        is_expected: false,
        text: format!("- {}: {}\n{causes}", TEXT.list(&group.workloads), group.title),
    }
}
