//! The view as one HTML file: it needs nothing else, runs no script, and is dark or light as the reader likes it.
//!
//! A page is kept: its times are absolute, and its head says what was compared. Every text from outside goes through
//! `escape`.

use super::group::{FOLDED, ObjectGroup, StartGroup};
use super::pods::ImageView;
use super::rules::Reason;
use super::snippet::{Mark, diff_lines};
use super::view::{ChangeView, UntestedView, View};
use super::wording::{Wording, facts, place, untested};
use crate::model::phrase::counted;
use serde_json::Value;
use std::io::{self, Write};

const STYLE: &str = include_str!("page.css");

const WORDING: Wording = Wording {
    quote: code,
    now: None,
};

/// Writes the view.
pub fn html(view: &View, out: &mut dyn Write) -> io::Result<()> {
    write_head(view, out)?;
    write_legend(view, out)?;
    writeln!(out, "</header><main>")?;
    write_body(view, out)?;
    writeln!(out, "</main></body></html>")
}

/// Writes what was found.
pub(super) fn write_body(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let groups = ObjectGroup::list(view);
    let objects = groups
        .iter()
        .map(|group| (group.object.is_unexpected(), object_section(group)));
    let images = view
        .images
        .iter()
        .map(|image| (image.is_unexpected(), image_section(image)));
    let (unexpected, expected): (Vec<_>, Vec<_>) = objects
        .chain(images)
        .partition(|(is_unexpected, _)| *is_unexpected);

    for (_, section) in &unexpected {
        out.write_all(section.as_bytes())?;
    }
    for group in StartGroup::list(&view.would_not_start) {
        out.write_all(start_section(&group).as_bytes())?;
    }
    write_remarks(view, out)?;
    if !expected.is_empty() {
        let count = counted(expected.len(), "other finding");
        writeln!(
            out,
            "<details><summary>{count}, expected or not known to differ</summary>"
        )?;
        for (_, section) in &expected {
            out.write_all(section.as_bytes())?;
        }
        writeln!(out, "</details>")?;
    }
    Ok(())
}

/// Up to the first object: the title, the headline and what was compared.
fn write_head(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let title = match (&view.release, &view.helm) {
        (Some(release), _) => format!("{} {}", release.name, release.version),
        (None, Some(revision)) => revision.to_string(),
        (None, None) => "manifests".to_owned(),
    };

    write_page_head(&title, out)?;
    let state = if view.summary.is_clean() { "good" } else { "bad" };
    writeln!(
        out,
        "<header><h1 class=\"{state}\">{}</h1><dl>",
        escape(&view.headline)
    )?;
    for (name, value) in facts(view) {
        writeln!(out, "<dt>{name}</dt><dd>{}</dd>", code(&value))?;
    }
    writeln!(out, "</dl>")
}

/// Up to what a page says itself.
pub(super) fn write_page_head(title: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    )?;
    // Nothing is loaded from anywhere and nothing runs, whatever a text in the page might ask for.
    writeln!(
        out,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )?;
    writeln!(
        out,
        "<title>diff of {}</title><style>{STYLE}</style></head><body>",
        escape(title)
    )
}

/// Which sign is what.
fn write_legend(view: &View, out: &mut dyn Write) -> io::Result<()> {
    if view.has_drift() {
        writeln!(
            out,
            "<p class=\"legend\"><del>− live</del> <ins>+ the release</ins></p>"
        )?;
    }
    if view.has_untested() {
        writeln!(
            out,
            "<p class=\"legend\">untested difference: <del>− tested</del> <ins>+ desired</ins></p>"
        )?;
    }
    Ok(())
}

fn object_section(group: &ObjectGroup) -> String {
    let object = &group.object;
    let mut section = format!(
        "<section class=\"{}\"><h2>{}</h2>\n",
        object.status,
        WORDING.title(group)
    );

    if group.ids.len() > 1 {
        section += &names(group);
    }
    section.extend(object.changes.iter().map(change_field));
    section.extend(object.untested.iter().map(untested_field));
    section + "</section>\n"
}

/// The objects of a group, folded where they are many.
fn names(group: &ObjectGroup) -> String {
    let names: Vec<String> = group.ids.iter().map(|id| code(&place(id))).collect();
    let names = names.join(", ");

    if group.ids.len() > FOLDED {
        format!(
            "<details><summary>all {}</summary>{names}</details>\n",
            group.ids.len()
        )
    } else {
        format!("<p>{names}</p>\n")
    }
}

fn change_field(change: &ChangeView) -> String {
    let remark = WORDING.change(change);
    let sides = (change.live.as_ref(), change.desired.as_ref());
    field(
        &change.path,
        &remark,
        change.expected.as_ref(),
        change.note.as_deref(),
        sides,
    )
}

fn untested_field(change: &UntestedView) -> String {
    // The whole object would be its own picture: that it exists, or does not, says it.
    let sides = if change.path == "/" {
        (None, None)
    } else {
        (change.tested.as_ref(), change.desired.as_ref())
    };
    let remark = untested(change);
    field(
        &change.path,
        remark,
        change.expected.as_ref(),
        change.note.as_deref(),
        sides,
    )
}

/// One field; folded where a rule expects it.
fn field(
    path: &str,
    remark: &str,
    expected: Option<&Reason>,
    note: Option<&str>,
    sides: (Option<&Value>, Option<&Value>),
) -> String {
    let note = note.map(|note| format!("<p class=\"note\">{}</p>", WORDING.phrase(note)));
    let lines = diff_lines(sides.0, sides.1).into_iter().map(|(mark, line)| {
        let (tag, sign) = match mark {
            Mark::Minus => ("del", '−'),
            Mark::Plus => ("ins", '+'),
            Mark::Same => ("span", ' '),
        };
        format!("<{tag}>{sign} {}</{tag}>", escape(&line))
    });

    // Each line is a block of its own: a line end between two would be one line more.
    let field = format!(
        "<div class=\"field\"><p>{} <span class=\"by\">{remark}</span></p>{}<pre>{}</pre></div>\n",
        code(path),
        note.unwrap_or_default(),
        lines.collect::<String>()
    );
    match expected {
        Some(reason) => format!(
            "<details><summary>{}</summary>{field}</details>\n",
            WORDING.expected(reason)
        ),
        None => field,
    }
}

fn image_section(image: &ImageView) -> String {
    let running: String = image
        .runs()
        .map(|running| format!("<dt>running</dt><dd>{}</dd>\n", WORDING.running(running)))
        .collect();
    let expected = image.expected.as_ref();
    let expected = expected.map(|reason| format!("<p>{}</p>\n", WORDING.expected(reason)));

    format!(
        "<section><h2>{}, container {}: {}</h2>\n{}<p>{}</p>\n<dl>{running}</dl></section>\n",
        code(&image.workload.to_string()),
        code(&image.container),
        WORDING.image(image),
        expected.unwrap_or_default(),
        WORDING.tested(image)
    )
}

fn start_section(group: &StartGroup<'_>) -> String {
    let causes: String = group
        .causes
        .iter()
        .map(|cause| format!("<li>{}</li>\n", WORDING.phrase(&cause.message)))
        .collect();
    format!(
        "<section><h2>{}: {}</h2>\n<ul>{causes}</ul></section>\n",
        WORDING.list(&group.workloads),
        group.title
    )
}

/// What belongs to no object.
fn write_remarks(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let remarks = WORDING.remarks(view);
    if remarks.is_empty() {
        return Ok(());
    }

    writeln!(out, "<section><h2>Remarks</h2><ul>")?;
    for remark in remarks {
        writeln!(out, "<li>{remark}</li>")?;
    }
    writeln!(out, "</ul></section>")
}

/// A text from outside inside of a sentence.
pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// Text from outside must not become markup. Control characters have no place in a page, escaped or not.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
    {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // An apostrophe can stay: attributes stand in double quotes.
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}
