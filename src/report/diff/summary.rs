//! A comparison in numbers, and in one line.
//!
//! Counted from the words that formats show, and not from the comparison: only `compared` is of more.
//! `has_differences` decides between exit code 0 and 1.

use super::pods::ImageView;
use super::starts::StartView;
use super::view::{ObjectView, RequirementView, Summary};

/// Counts what a view shows.
pub(super) fn summarise(
    objects: &[ObjectView],
    images: &[ImageView],
    requirements: &[RequirementView],
    starts: &[StartView],
    stale: usize,
) -> Summary {
    let with = |status: &str| objects.iter().filter(|object| object.status == status).count();

    Summary {
        compared: objects.len(),
        // Whatever rules say of the fields: a refusal or a replacement is about the whole object.
        differ: with("refused")
            + with("replaced")
            + objects
                .iter()
                .filter(|object| {
                    // A prediction without an unexpected field is no difference.
                    matches!(object.status, "changed" | "not-verified")
                        && object.changes.iter().any(|change| change.expected.is_none())
                })
                .count(),
        missing: with("missing"),
        being_deleted: with("being-deleted"),
        extra: with("extra"),
        images: images.iter().filter(|image| image.is_unexpected()).count(),
        untested: objects
            .iter()
            .flat_map(|object| &object.untested)
            .filter(|change| change.expected.is_none())
            .count(),
        stale,
        would_not_start: starts.len(),
        requirements: requirements.iter().filter(|need| !need.is_note).count(),
        expected: objects.iter().map(ObjectView::count_expected).sum(),
        unchecked: with("not-checked"),
    }
}

/// One line: what is not as expected, then what is.
pub(super) fn headline(summary: &Summary) -> String {
    let count = |number: usize, one: &str, many: &str| {
        (number > 0).then(|| format!("{number} {}", if number == 1 { one } else { many }))
    };

    let parts: Vec<String> = [
        count(summary.differ, "object differs", "objects differ"),
        count(summary.missing, "object is missing", "objects are missing"),
        count(
            summary.being_deleted,
            "object is being deleted",
            "objects are being deleted",
        ),
        count(summary.extra, "extra object", "extra objects"),
        count(
            summary.images,
            "image differs from the release",
            "images differ from the release",
        ),
        count(summary.untested, "untested difference", "untested differences"),
        count(
            summary.stale,
            "workload has stale configuration",
            "workloads have stale configuration",
        ),
        count(
            summary.would_not_start,
            "workload would not start again",
            "workloads would not start again",
        ),
        count(
            summary.requirements,
            "requirement is not met",
            "requirements are not met",
        ),
        count(
            summary.unchecked,
            "object could not be checked",
            "objects could not be checked",
        ),
    ]
    .into_iter()
    .flatten()
    .collect();

    let expected = count(summary.expected, "expected difference", "expected differences");
    let compared = count(summary.compared, "object", "objects").unwrap_or_else(|| "nothing".into());

    match (parts.is_empty(), expected) {
        (true, None) => format!("no differences: {compared} compared"),
        (true, Some(expected)) => format!("no unexpected differences: {compared} compared; {expected}"),
        (false, None) => parts.join(", "),
        (false, Some(expected)) => format!("{}; {expected}", parts.join(", ")),
    }
}
