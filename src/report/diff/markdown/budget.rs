//! A page that is never longer than its limit: whole sections or none, and a line about those that have no room.

use super::MarkdownLimit;
use super::escape::code_span;
use crate::model::phrase::counted;
use std::collections::BTreeMap;

/// Bytes of a command that is named in the line about what was cut: a longer one is left out.
const COMMAND: usize = 500;

/// A part of the page that is shown as a whole.
pub(in crate::report::diff) struct Section {
    pub kind: SectionKind,
    /// Whether a rule expects all of it.
    pub is_expected: bool,
    pub text: String,
}

/// What a section is about, to count it by.
pub(in crate::report::diff) enum SectionKind {
    /// Objects of one status.
    Objects { status: &'static str, count: usize },
    /// A container.
    Image,
    /// Workloads that would not start.
    Starts { count: usize },
    /// A sentence.
    Remark,
    /// All that was found of a release.
    Release,
}

/// The page.
pub(in crate::report::diff) fn fit(
    head: &[String],
    sections: &[Section],
    limit: MarkdownLimit<'_>,
) -> String {
    let all: usize = sections.iter().map(|section| section.text.len()).sum();
    let mut page = Page {
        text: String::new(),
        max: limit.max_bytes,
    };
    for part in head {
        page.push(part);
    }
    if page.text.len() + all <= limit.max_bytes {
        page.text.extend(sections.iter().map(|section| &*section.text));
        return page.text;
    }

    // The line about all of them is the longest one.
    let reserved = cut_line(&sections.iter().collect::<Vec<_>>(), limit.command).len();
    page.max = limit.max_bytes.saturating_sub(reserved);
    let cut: Vec<&Section> = sections
        .iter()
        .filter(|section| !page.push(&section.text))
        .collect();

    page.max = limit.max_bytes;
    page.push(&cut_line(&cut, limit.command));
    page.text
}

struct Page {
    text: String,
    max: usize,
}

impl Page {
    /// Adds a part, where there is room for it.
    fn push(&mut self, part: &str) -> bool {
        let fits = self.text.len() + part.len() <= self.max;
        if fits {
            self.text += part;
        }
        fits
    }
}

/// What has no room, counted, and the command that shows all.
fn cut_line(cut: &[&Section], command: &str) -> String {
    let mut statuses: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut images, mut starts, mut remarks, mut releases) = (0, 0, 0, 0);
    for section in cut {
        match section.kind {
            SectionKind::Objects { status, count } => *statuses.entry(status).or_default() += count,
            SectionKind::Image => images += 1,
            SectionKind::Starts { count } => starts += count,
            SectionKind::Remark => remarks += 1,
            SectionKind::Release => releases += 1,
        }
    }

    let by_status: Vec<String> = statuses
        .iter()
        .map(|(status, count)| format!("{count} {}", status.replace('-', " ")))
        .collect();
    let mut parts = Vec::new();
    if !by_status.is_empty() {
        let objects = counted(statuses.values().sum(), "more object");
        parts.push(format!("{objects}: {}", by_status.join(", ")));
    }
    let others = [
        (images, "more image"),
        (starts, "more workload"),
        (remarks, "more remark"),
        (releases, "more release"),
    ];
    for (count, noun) in others {
        if count > 0 {
            parts.push(counted(count, noun));
        }
    }

    let command = if command.len() <= COMMAND {
        format!("; run {} for all", code_span(command))
    } else {
        String::new()
    };
    format!("\n{}{command}\n", parts.join("; "))
}
