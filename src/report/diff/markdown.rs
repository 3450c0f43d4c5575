//! The view as markdown: fit for a comment on a pull request.
//!
//! Texts of others stand escaped in the line, values in spans and blocks of code, whose fences are longer than any
//! run of backticks in them: no text becomes markup.

use super::field_manager::describe_manager;
use super::pods::ImageView;
use super::snippet::diff_lines;
use super::view::{ChangeView, ObjectView, RuleView, UntestedView, View};
use jiff::Timestamp;
use serde_json::Value;
use std::io::{self, Write};

/// Comments have a limit of 65,536 characters on most forges.
const LINES_A_VALUE: usize = 40;

/// Writes the view.
pub fn markdown(view: &View, out: &mut dyn Write) -> io::Result<()> {
    write_heading(view, out)?;

    for object in &view.objects {
        write_object(object, view.compared_at, out)?;
    }
    for image in &view.images {
        write_image(image, out)?;
    }
    remarks(view)
        .iter()
        .try_for_each(|remark| writeln!(out, "- {}", escape(remark)))
}

fn write_heading(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let sign = if view.summary.is_clean() { "✅" } else { "⚠️" };
    writeln!(out, "### {sign} {}\n", escape(&view.headline))?;

    let Some(release) = &view.release else {
        return Ok(());
    };
    writeln!(
        out,
        "Release {} ({}) in namespace {}.\n",
        code_span(&format!("{} {}", release.name, release.version)),
        code_span(&release.digest.short()),
        code_span(&view.namespace)
    )
}

fn write_object(object: &ObjectView, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
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
        write_change(change, now, out)?;
    }
    for change in &object.untested {
        write_untested(change, out)?;
    }
    writeln!(out, "\n</details>\n")
}

fn write_change(change: &ChangeView, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let manager = change
        .owner
        .as_ref()
        .map(|manager| format!(" {}", escape(&describe_manager(manager, now))))
        .unwrap_or_default();
    let expected = change
        .expected
        .as_ref()
        .map(|reason| format!(" (expected: {})", escape(&reason.reason)))
        .unwrap_or_default();

    writeln!(out, "{}{manager}{expected}", code_span(&change.path))?;
    write_block(change.live.as_ref(), change.desired.as_ref(), out)
}

fn write_untested(change: &UntestedView, out: &mut dyn Write) -> io::Result<()> {
    let allowed = change.allowed.as_ref().map_or_else(
        || "not tested".to_owned(),
        |reason| format!("expected: {}", escape(&reason.reason)),
    );
    writeln!(out, "{} {allowed}", code_span(&change.path))?;

    // That a whole object is new or gone needs no picture.
    if change.path == "/" {
        return Ok(());
    }
    write_block(change.tested.as_ref(), change.desired.as_ref(), out)
}

fn write_block(from: Option<&Value>, to: Option<&Value>, out: &mut dyn Write) -> io::Result<()> {
    let lines = diff_lines(from, to);
    let longest = lines.iter().map(|(_, line)| longest_run(line)).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);

    writeln!(out, "\n{fence}diff")?;
    for (mark, line) in lines.iter().take(LINES_A_VALUE) {
        writeln!(out, "{} {line}", mark.sign())?;
    }
    if lines.len() > LINES_A_VALUE {
        writeln!(out, "  … {} more lines", lines.len() - LINES_A_VALUE)?;
    }
    writeln!(out, "{fence}\n")
}

fn write_image(image: &ImageView, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "- **{}**, container {}: {}; tested {}",
        escape(&image.workload.to_string()),
        code_span(&image.container),
        escape(&image.state_text()),
        code_span(&image.tested_text())
    )?;

    image
        .runs()
        .try_for_each(|(digest, pods)| writeln!(out, "  - runs {} in {}", code_span(&digest), escape(&pods)))
}

/// What belongs to no object, an item each.
fn remarks(view: &View) -> Vec<String> {
    let stale = view.stale.iter().map(|stale| stale.text(view.compared_at));
    let requirements = view
        .requirements
        .iter()
        .map(|requirement| format!("{} {}", requirement.object, requirement.message));

    stale
        .chain(requirements)
        .chain(view.rules.iter().map(RuleView::text))
        .chain(view.notes.iter().cloned())
        .collect()
}

/// A text as code inside of a line.
fn code_span(text: &str) -> String {
    // A line end is a space in a span, and two of them would end the paragraph.
    let text = text.replace('\n', " ");
    let fence = "`".repeat(longest_run(&text) + 1);

    // A space at both ends is taken off again: it keeps a backtick of the text apart from the fence.
    let needs_space = text.starts_with('`') || text.ends_with('`');
    let is_stripped = text.starts_with(' ') && text.ends_with(' ');
    let space = if needs_space || is_stripped { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// The longest run of backticks in a text.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Text from a cluster must not become markup.
fn escape(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("shop 1.4.2", "`shop 1.4.2`")]
    #[case::a_backtick("a`b", "``a`b``")]
    #[case::a_longer_run("a``b`c", "```a``b`c```")]
    #[case::at_the_ends("`x`", "`` `x` ``")]
    #[case::spaces_at_both_ends(" x ", "`  x  `")]
    #[case::lines("a\n\nb", "`a  b`")]
    fn a_value_does_not_break_out_of_its_span(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(code_span(text), expected);
    }
}
