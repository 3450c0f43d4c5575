//! As markdown: the table of what is not in sync, then what was found of each, and never longer than it may be.

use super::super::markdown::{MarkdownLimit, Section, SectionKind, code_span, comment_word, fit, sections};
use super::table::{header, row};
use super::view::{ManyView, ReleaseView};
use crate::model::phrase::{counted, shorten, utc};
use std::io::{self, Write};

/// Characters of a fact in the head.
const FACT: usize = 100;
/// The table has at most one part in so many of the page, and the findings of one release as much.
const SHARE: usize = 4;

/// Which sign is what.
const LEGEND: &str = "In a diff, `-` is live and `+` is the release.\n\n";

/// Writes the view.
pub fn markdown(view: &ManyView, limit: MarkdownLimit<'_>, out: &mut dyn Write) -> io::Result<()> {
    let found = view.releases.iter().filter(|release| release.has_findings());
    let releases: Vec<Section> = found
        .map(|release| release_section(view, release, limit))
        .collect();
    out.write_all(fit(&head(view, limit), &releases, limit).as_bytes())
}

fn head(view: &ManyView, limit: MarkdownLimit<'_>) -> [String; 3] {
    let context = view.cluster.context.as_deref();
    let namespace = view.releases.first().map(|release| &*release.namespace);
    let namespace = namespace.filter(|_| !view.names_namespace);
    // One comment for each cluster, and for each namespace where they are of one.
    let place = [
        namespace.map(|_| "-n"),
        namespace,
        context.map(|_| "--context"),
        context,
    ];
    let words = ["diff", "releases"].into_iter();
    let words = words.chain(place.into_iter().flatten());
    let words: Vec<String> = words.map(comment_word).collect();
    let marker = format!("<!-- kubectl-delivery: {} -->\n", words.join(" "));

    let mut diffs = view.releases.iter().filter_map(|release| release.diff.as_ref());
    let has_drift = diffs.any(|diff| diff.has_drift());
    let sign = if view.is_clean() { "✅" } else { "⚠️" };
    let cluster = shorten(view.cluster.cluster(), FACT);
    [
        marker,
        format!("### {sign} {}\n\n", view.headline),
        format!(
            "cluster {}, compared {}\n\n{}{}",
            code_span(&cluster),
            utc(view.compared_at),
            table(view, limit.max_bytes / SHARE),
            if has_drift { LEGEND } else { "" }
        ),
    ]
}

/// A row for each release that has findings, as many as there is room for; nothing where none has.
fn table(view: &ManyView, max_bytes: usize) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    // A pipe ends a cell, in code as well.
    let cell = |text: String| code_span(&text).replace('|', "\\|");

    let columns = header(view);
    let mut table = line(columns.clone()) + &line(vec!["---".into(); columns.len()]);
    let found = view.releases.iter().filter(|release| release.has_findings());
    let (mut shown, mut left) = (0, 0);
    for release in found {
        let row = line(row(view, release, true).into_iter().map(cell).collect());
        if left == 0 && table.len() + row.len() <= max_bytes {
            table += &row;
            shown += 1;
        } else {
            left += 1;
        }
    }
    match (shown, left) {
        (0, 0) => String::new(),
        (0, left) => format!("{} with findings\n\n", counted(left, "release")),
        (_, 0) => table + "\n",
        (_, left) => format!("{table}\nand {} with findings\n\n", counted(left, "more release")),
    }
}

fn release_section(view: &ManyView, release: &ReleaseView, limit: MarkdownLimit<'_>) -> Section {
    let title = code_span(&release.full_title(view.names_namespace));
    let error = release.error.iter().map(|error| ("not compared", error));
    let causes = release.not_ready().iter().map(|cause| ("not ready", cause));
    let lines: String = error
        .chain(causes)
        .map(|(what, text)| format!("- {what}: {}\n\n", code_span(text)))
        .collect();
    let diff = release.diff.as_ref().filter(|diff| !diff.summary.is_clean());
    let headline = diff.map(|diff| format!("{}\n\n", diff.headline));

    let mut found = diff.map(sections).unwrap_or_default();
    // What rules expect is shown where the release is compared alone.
    found.retain(|section| !section.is_expected);
    let head = format!("#### {title}\n\n{}{lines}", headline.unwrap_or_default());
    let limit = MarkdownLimit {
        max_bytes: limit.max_bytes / SHARE,
        ..limit
    };
    Section {
        kind: SectionKind::Release,
        is_expected: false,
        text: fit(&[head], &found, limit) + "\n",
    }
}
