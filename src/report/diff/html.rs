//! The view as one HTML file: no request leaves it, dark and light, filtered by object.
//!
//! Style and script are part of it, so that it can be kept and opened anywhere. Every text of others goes through
//! `escape`, which is made for XML: attributes stand in double quotes.

use super::hand::hand;
use super::junit::escape;
use super::snippet::{Mark, lines};
use super::view::{ObjectView, Reason, RequirementView, View};
use serde_json::Value;
use std::io::{self, Write};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes the view.
pub fn html(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let title = view.release.as_ref().map_or_else(
        || "manifests".to_owned(),
        |release| format!("{} {}", release.name, release.version),
    );

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
        "<title>{} in {}</title><style>{STYLE}</style></head><body>",
        escape(&title),
        escape(&view.namespace)
    )?;

    // What could not be checked is not good, either.
    let state = if view.summary.has_differences() || view.summary.unchecked > 0 {
        "bad"
    } else {
        "good"
    };

    writeln!(
        out,
        "<header><p class=\"where\">{} <span>→</span> {}</p><h1 class=\"{state}\">{}</h1>",
        escape(&title),
        escape(&view.namespace),
        escape(&view.headline)
    )?;
    writeln!(
        out,
        "<p class=\"tools\"><input type=\"search\" id=\"filter\" placeholder=\"Filter by object\" aria-label=\"Filter by object\"> <label><input type=\"checkbox\" id=\"expected\"> expected differences</label> <time>{}</time></p></header><main>",
        view.compared_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    )?;

    for object in &view.objects {
        section(view, object, out)?;
    }

    for image in &view.images {
        let name = escape(&image.workload.to_string());
        writeln!(
            out,
            "<section data-name=\"{name}\" class=\"{}\"><h2>{name}, container {} <small>{}</small></h2><dl>",
            if image.is_unexpected() {
                "unexpected"
            } else {
                "expected"
            },
            escape(&image.container),
            image.what()
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
        writeln!(out, "</dl></section>")?;
    }

    let stale = view.stale.iter().map(|stale| stale.text(view.compared_at));
    let needs = view.requirements.iter().map(RequirementView::text);
    // People count rules from one; the JSON has the index.
    let rules = view
        .rules
        .iter()
        .map(|rule| format!("rule {} ({}) {}", rule.rule + 1, rule.reason, rule.message));

    let remarks: Vec<String> = stale
        .chain(needs)
        .chain(rules)
        .chain(view.notes.iter().cloned())
        .collect();

    if !remarks.is_empty() {
        // Never folded: a remark belongs to no difference that a rule could expect.
        writeln!(out, "<section class=\"unexpected\"><h2>Remarks</h2><ul>")?;
        remarks
            .iter()
            .try_for_each(|text| writeln!(out, "<li>{}</li>", escape(text)))?;
        writeln!(out, "</ul></section>")?;
    }
    writeln!(out, "</main><script>{SCRIPT}</script></body></html>")
}

fn section(view: &View, object: &ObjectView, out: &mut dyn Write) -> io::Result<()> {
    let class = if object.is_unexpected() {
        "unexpected"
    } else {
        "expected"
    };
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
        let whose = change.whose.as_ref().map(|whose| hand(whose, view.compared_at));
        field(
            out,
            &change.path,
            whose.as_deref(),
            change.expected.as_ref(),
            (change.live.as_ref(), change.desired.as_ref()),
        )?;
    }
    for change in &object.untested {
        // The whole object would be its own picture: that it is there, or is not, says it.
        let sides = if change.path == "/" {
            (None, None)
        } else {
            (change.tested.as_ref(), change.desired.as_ref())
        };
        field(
            out,
            &change.path,
            Some("not as tested"),
            change.allowed.as_ref(),
            sides,
        )?;
    }
    writeln!(out, "</section>")
}

fn field(
    out: &mut dyn Write,
    path: &str,
    remark: Option<&str>,
    expected: Option<&Reason>,
    sides: (Option<&Value>, Option<&Value>),
) -> io::Result<()> {
    let class = if expected.is_some() {
        "expected"
    } else {
        "unexpected"
    };
    let reason = expected
        .map(|reason| format!("<p class=\"reason\">expected: {}</p>", escape(&reason.reason)))
        .unwrap_or_default();

    // Each line is a block of its own: a line end between two would be one line more.
    write!(
        out,
        "<div class=\"field {class}\"><p><code>{}</code> <span class=\"whose\">{}</span></p>{reason}<pre>",
        escape(path),
        escape(remark.unwrap_or_default())
    )?;

    for (mark, line) in lines(sides.0, sides.1) {
        let (tag, sign) = match mark {
            Mark::Minus => ("del", "-"),
            Mark::Plus => ("ins", "+"),
            Mark::Same => ("span", " "),
        };
        write!(out, "<{tag}>{sign} {}</{tag}>", escape(&line))?;
    }
    writeln!(out, "</pre></div>")
}
