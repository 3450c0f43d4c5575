//! The view as JUnit XML: one test case an object, for CI systems that show those.
//!
//! What differs unexpectedly is a failure, what could not be checked an error; what is expected passes.

use super::snippet::{Mark, lines};
use super::view::{ObjectView, View};
use std::io::{self, Write};

/// Writes the view.
pub fn junit(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let failures = view
        .objects
        .iter()
        .filter(|object| object.is_unexpected())
        .count()
        + view.summary.images
        + view.summary.stale
        + view.summary.requirements;

    // An object without anything to say has no case of its own, and is counted.
    let tests = view.summary.compared + view.images.len() + view.stale.len() + view.requirements.len();

    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuite name=\"kubectl delivery diff\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{}\">",
        view.summary.unchecked
    )?;

    for object in &view.objects {
        case(
            out,
            &object.id.to_string(),
            object.is_unexpected().then(|| told(object)),
            object.status == "not-checked",
        )?;
    }

    for image in &view.images {
        let runs: Vec<_> = image
            .runs()
            .map(|(digest, pods)| format!("runs {digest} in {pods}"))
            .collect();

        let text = format!(
            "{}: tested {}, {}",
            image.what(),
            image.tested_text(),
            runs.join(", ")
        );
        case(
            out,
            &format!("{}, container {}", image.workload, image.container),
            // What is allowed, or not known yet, passes, and is named all the same.
            image.is_unexpected().then_some(text),
            false,
        )?;
    }

    for stale in &view.stale {
        let name = format!("{}, started before {} changed", stale.workload, stale.source);
        case(out, &name, Some(stale.text(view.compared_at)), false)?;
    }

    for need in &view.requirements {
        case(
            out,
            &need.object.to_string(),
            // What is awaited, or could not be read, is no failure.
            (!need.is_note).then(|| need.message.clone()),
            false,
        )?;
    }

    writeln!(out, "</testsuite>")
}

fn case(out: &mut dyn Write, name: &str, failure: Option<String>, is_error: bool) -> io::Result<()> {
    let name = escape(name);

    match failure {
        None => writeln!(out, "  <testcase classname=\"delivery\" name=\"{name}\"/>"),
        Some(text) => {
            let tag = if is_error { "error" } else { "failure" };
            // The message is an attribute, which holds one line; the text has all of them.
            let first = escape(text.lines().next().unwrap_or_default());
            writeln!(
                out,
                "  <testcase classname=\"delivery\" name=\"{name}\"><{tag} message=\"{first}\">{}</{tag}></testcase>",
                escape(&text)
            )
        }
    }
}

fn told(object: &ObjectView) -> String {
    let mut text = format!(
        "{}{}\n",
        object.status,
        object
            .why
            .as_deref()
            .map(|why| format!(": {why}"))
            .unwrap_or_default()
    );

    // A failure shows what makes it one: expected changes are left out.
    let sides = object
        .changes
        .iter()
        .filter(|change| change.expected.is_none())
        .map(|change| (&change.path, &change.live, &change.desired));
    let untested = object
        .untested
        .iter()
        .filter(|change| change.allowed.is_none())
        .map(|change| (&change.path, &change.tested, &change.desired));

    for (path, from, to) in sides.chain(untested) {
        text += &format!("{path}\n");
        for (mark, line) in lines(from.as_ref(), to.as_ref()) {
            let sign = match mark {
                Mark::Minus => '-',
                Mark::Plus => '+',
                Mark::Same => ' ',
            };
            text += &format!("  {sign} {line}\n");
        }
    }

    text
}

/// XML allows no control characters at all, escaped or not.
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
