//! The view as markdown: fit for a comment on a pull request.

use super::hand::hand;
use super::snippet::{Mark, lines};
use super::view::View;
use serde_json::Value;
use std::io::{self, Write};

/// Comments have a limit of 65,536 characters on most forges.
const LINES_A_VALUE: usize = 40;

/// Writes the view.
pub fn markdown(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let is_clean = !view.summary.has_differences() && view.summary.unchecked == 0;
    writeln!(
        out,
        "### {} {}\n",
        if is_clean { "✅" } else { "⚠️" },
        escape(&view.headline)
    )?;

    if let Some(release) = &view.release {
        writeln!(
            out,
            "Release `{} {}` (`{}`) in namespace `{}`.\n",
            release.name,
            release.version,
            release.digest.short(),
            view.namespace
        )?;
    }

    for object in &view.objects {
        // What is expected stays folded: it is there for whoever wants to know.
        let mark = if object.is_unexpected() { "open" } else { "" };
        let why = object
            .why
            .as_deref()
            .map(|why| format!(": {why}"))
            .unwrap_or_default();

        // The empty line at the end makes markdown of what stands inside of the HTML.
        writeln!(
            out,
            "<details {mark}><summary><b>{}</b> {}{}</summary>\n",
            escape(&object.id.to_string()),
            object.status,
            escape(&why)
        )?;

        for change in &object.changes {
            let whose = change.whose.as_ref().map(|whose| hand(whose, view.compared_at));

            let whose = whose
                .map(|whose| format!(" {}", escape(&whose)))
                .unwrap_or_default();
            let expected = change
                .expected
                .as_ref()
                .map(|reason| format!(" (expected: {})", escape(&reason.reason)))
                .unwrap_or_default();

            writeln!(out, "`{}`{whose}{expected}", change.path)?;
            block(out, change.live.as_ref(), change.desired.as_ref())?;
        }

        for change in &object.untested {
            let allowed = change.allowed.as_ref().map_or_else(
                || "not tested".to_owned(),
                |reason| format!("expected: {}", escape(&reason.reason)),
            );
            writeln!(out, "`{}` {allowed}", change.path)?;
            // That a whole object is new or gone needs no picture.
            if change.path != "/" {
                block(out, change.tested.as_ref(), change.desired.as_ref())?;
            }
        }
        writeln!(out, "\n</details>\n")?;
    }

    for image in &view.images {
        writeln!(
            out,
            "- **{}**, container `{}`: {}; tested `{}`",
            escape(&image.workload.to_string()),
            image.container,
            image.what(),
            image.tested_text()
        )?;
        for (digest, pods) in image.runs() {
            writeln!(out, "  - runs `{digest}` in {pods}")?;
        }
    }

    for stale in &view.stale {
        writeln!(out, "- {}", escape(&stale.text(view.compared_at)))?;
    }

    for need in &view.requirements {
        writeln!(
            out,
            "- {} {}",
            escape(&need.object.to_string()),
            escape(&need.message)
        )?;
    }

    for rule in &view.rules {
        writeln!(
            out,
            "- rule {} ({}) {}",
            rule.rule + 1,
            escape(&rule.reason),
            escape(&rule.message)
        )?;
    }

    view.notes
        .iter()
        .try_for_each(|note| writeln!(out, "- {}", escape(note)))
}

fn block(out: &mut dyn Write, from: Option<&Value>, to: Option<&Value>) -> io::Result<()> {
    let lines = lines(from, to);

    // A fence longer than any in the text cannot be closed by it.
    let longest = lines
        .iter()
        .map(|(_, line)| line.split(|c| c != '`').map(str::len).max().unwrap_or(0))
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);

    writeln!(out, "\n{fence}diff")?;
    for (mark, line) in lines.iter().take(LINES_A_VALUE) {
        let sign = match mark {
            Mark::Minus => '-',
            Mark::Plus => '+',
            Mark::Same => ' ',
        };
        writeln!(out, "{sign} {line}")?;
    }

    if lines.len() > LINES_A_VALUE {
        writeln!(out, "  … {} more lines", lines.len() - LINES_A_VALUE)?;
    }

    writeln!(out, "{fence}\n")
}

/// Text from a cluster must not become markup.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // A line end would leave the heading or the item that the text stands in.
            '\n' => escaped.push(' '),
            '*' | '_' | '`' | '[' | ']' | '|' | '\\' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}
