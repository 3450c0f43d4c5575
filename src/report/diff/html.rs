//! The view as one HTML file: no request leaves it, dark and light, filtered by object.
//!
//! Style and script are part of it, so that it can be kept and opened anywhere. Every text of others goes through
//! `escape`.

use super::field_manager::describe_manager;
use super::pods::ImageView;
use super::snippet::{Mark, diff_lines};
use super::view::{ObjectView, Reason, RequirementView, RuleView, View};
use jiff::Timestamp;
use serde_json::Value;
use std::io::{self, Write};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes the view.
pub fn html(view: &View, out: &mut dyn Write) -> io::Result<()> {
    write_head(view, out)?;
    for object in &view.objects {
        write_object(object, view.compared_at, out)?;
    }
    for image in &view.images {
        write_image(image, out)?;
    }
    write_remarks(view, out)?;
    writeln!(out, "</main><script>{SCRIPT}</script></body></html>")
}

/// Up to the first object: the title, the headline and the filter.
fn write_head(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let title = view.release.as_ref().map_or_else(
        || "manifests".to_owned(),
        |release| format!("{} {}", release.name, release.version),
    );
    let (title, namespace) = (escape(&title), escape(&view.namespace));

    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    )?;
    // Nothing is loaded from anywhere, whatever a text in the page might ask for.
    writeln!(
        out,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
    )?;
    writeln!(
        out,
        "<title>{title} in {namespace}</title><style>{STYLE}</style></head><body>"
    )?;

    let state = if view.summary.is_clean() { "good" } else { "bad" };
    writeln!(
        out,
        "<header><p class=\"where\">{title} <span>→</span> {namespace}</p><h1 class=\"{state}\">{}</h1>",
        escape(&view.headline)
    )?;
    writeln!(
        out,
        "<p class=\"tools\"><input type=\"search\" id=\"filter\" placeholder=\"Filter by object\" aria-label=\"Filter by object\"> <label><input type=\"checkbox\" id=\"expected\"> expected differences</label> <time>{}</time></p></header><main>",
        view.compared_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    )
}

fn write_image(image: &ImageView, out: &mut dyn Write) -> io::Result<()> {
    let name = escape(&image.workload.to_string());
    writeln!(
        out,
        "<section data-name=\"{name}\" class=\"{}\"><h2>{name}, container {} <small>{}</small></h2><dl>",
        class(image.is_unexpected()),
        escape(&image.container),
        escape(&image.state_text())
    )?;
    writeln!(
        out,
        "<dt>tested</dt><dd><code>{}</code></dd>",
        escape(&image.tested_text())
    )?;

    for (digest, pods) in image.runs() {
        writeln!(
            out,
            "<dt>runs</dt><dd><code>{}</code> in {}</dd>",
            escape(&digest),
            escape(&pods)
        )?;
    }
    writeln!(out, "</dl></section>")
}

/// What belongs to no object.
fn write_remarks(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let stale = view.stale.iter().map(|stale| stale.text(view.compared_at));
    let requirements = view.requirements.iter().map(RequirementView::text);
    let rules = view.rules.iter().map(RuleView::text);

    let mut remarks = stale
        .chain(requirements)
        .chain(rules)
        .chain(view.notes.iter().cloned())
        .peekable();
    if remarks.peek().is_none() {
        return Ok(());
    }

    // Never folded: a remark belongs to no difference that a rule could expect.
    writeln!(out, "<section class=\"unexpected\"><h2>Remarks</h2><ul>")?;
    for remark in remarks {
        writeln!(out, "<li>{}</li>", escape(&remark))?;
    }
    writeln!(out, "</ul></section>")
}

/// By which the page's filter folds away what rules expect.
fn class(is_unexpected: bool) -> &'static str {
    if is_unexpected { "unexpected" } else { "expected" }
}

fn write_object(object: &ObjectView, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let class = class(object.is_unexpected());
    let name = escape(&object.id.to_string());
    let why = object
        .why
        .as_deref()
        .map(|why| format!("<p class=\"why\">{}</p>", escape(why)))
        .unwrap_or_default();

    writeln!(
        out,
        "<section data-name=\"{name}\" class=\"{class}\"><h2>{name} <small class=\"{}\">{}</small></h2>{why}",
        object.status,
        object.status.replace('-', " ")
    )?;

    for change in &object.changes {
        let manager = change.owner.as_ref();
        let manager = manager.map(|manager| describe_manager(manager, now));
        let field = Field {
            path: &change.path,
            remark: manager.as_deref().unwrap_or_default(),
            expected: change.expected.as_ref(),
            sides: (change.live.as_ref(), change.desired.as_ref()),
        };
        field.write(out)?;
    }
    for change in &object.untested {
        // The whole object would be its own picture: that it is there, or is not, says it.
        let sides = if change.path == "/" {
            (None, None)
        } else {
            (change.tested.as_ref(), change.desired.as_ref())
        };
        let field = Field {
            path: &change.path,
            remark: "not as tested",
            expected: change.allowed.as_ref(),
            sides,
        };
        field.write(out)?;
    }
    writeln!(out, "</section>")
}

/// One differing field.
struct Field<'f> {
    path: &'f str,
    remark: &'f str,
    expected: Option<&'f Reason>,
    sides: (Option<&'f Value>, Option<&'f Value>),
}

impl Field<'_> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let reason = self
            .expected
            .map(|reason| format!("<p class=\"reason\">expected: {}</p>", escape(&reason.reason)))
            .unwrap_or_default();

        // Each line is a block of its own: a line end between two would be one line more.
        write!(
            out,
            "<div class=\"field {}\"><p><code>{}</code> <span class=\"whose\">{}</span></p>{reason}<pre>",
            class(self.expected.is_none()),
            escape(self.path),
            escape(self.remark)
        )?;

        for (mark, line) in diff_lines(self.sides.0, self.sides.1) {
            let tag = match mark {
                Mark::Minus => "del",
                Mark::Plus => "ins",
                Mark::Same => "span",
            };
            write!(out, "<{tag}>{} {}</{tag}>", mark.sign(), escape(&line))?;
        }
        writeln!(out, "</pre></div>")
    }
}

/// Text from a cluster must not become markup. Control characters have no place in a page, escaped or not.
fn escape(text: &str) -> String {
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
