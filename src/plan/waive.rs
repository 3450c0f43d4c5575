//! Findings that the caller waives, and findings with one cause that become one.
//!
//! Waived before merged: a finding is about one object at most then, and a waiver for it answers for no other. A waiver
//! never takes a finding away: it stays in the plan with the reason, and the waiver with what it gave up.

use super::findings::note;
use super::policy::Planned;
use crate::model::check::{Check, WaiverScope, path_in_item, waiver_item};
use crate::model::plan::{PreflightFinding, Severity, Waiver};

/// Findings that are waived do not refuse any more. The plan keeps the waivers that it needed, with what they gave up.
pub fn waive(planned: &mut Planned, waivers: &[Waiver]) {
    let home = planned.plan.namespace.as_str();

    let mut used: Vec<Waiver> = Vec::new();
    for finding in planned
        .findings
        .iter_mut()
        .filter(|finding| finding.severity == Severity::Error)
    {
        let of_check: Vec<_> = waivers
            .iter()
            .filter(|one| one.check == finding.check.name())
            .collect();

        let needed = needed(finding, &of_check, home);
        // One reason is enough in the message; the plan has them all.
        let Some(first) = needed.first() else { continue };
        let reason = first.reason.as_ref().map(|reason| format!(" (waived: {reason})"));

        for waiver in needed {
            let gave_up = finding_text(finding);
            match used
                .iter_mut()
                .find(|known| known.check == waiver.check && known.item == waiver.item)
            {
                Some(known) => known.gave_up.push(gave_up),
                None => used.push(Waiver {
                    gave_up: vec![gave_up],
                    ..waiver.clone()
                }),
            }
        }

        finding.severity = Severity::Waived;
        finding.message.push_str(&reason.unwrap_or_default());
        // The hint is a way around what no longer stands in the way.
        finding.hints.clear();
    }

    let is_idle = |waiver: &&Waiver| {
        // A bare one names no finding that could be missing.
        waiver.item.is_some()
            && !used
                .iter()
                .any(|one| one.check == waiver.check && one.item == waiver.item)
    };
    // Said and not refused: what it names may have been mended since.
    for waiver in waivers.iter().filter(is_idle) {
        let check = Check::ALL.into_iter().find(|check| check.name() == waiver.check);
        let message = format!("--waive {waiver} matches no finding");
        planned
            .findings
            .extend(check.map(|check| note(check, None, message)));
    }

    planned.plan.waivers = used;
}

/// The waivers that answer a finding; none where a part of it is left.
fn needed<'a>(finding: &PreflightFinding, waivers: &[&'a Waiver], home: &str) -> Vec<&'a Waiver> {
    let whole = waivers
        .iter()
        .find(|waiver| match (&waiver.item, &finding.subject) {
            (None, _) => true,
            // What is about an image, a permission or a test is named by that, even where an object is known.
            (Some(item), Some(subject)) => item == subject,
            (Some(item), None) => finding
                .objects
                .iter()
                .any(|id| path_in_item(item, id, home) == Some("")),
        });

    if let Some(waiver) = whole {
        return vec![waiver];
    }

    let Some(id) = finding.objects.first().filter(|_| finding.subject.is_none()) else {
        return Vec::new();
    };

    let names = |waiver: &Waiver, path: &String| {
        waiver
            .item
            .as_ref()
            .is_some_and(|item| path_in_item(item, id, home) == Some(path))
    };
    let of_path = |path| waivers.iter().copied().find(|waiver| names(waiver, path));
    // All or nothing: one path without a waiver, and the finding refuses as it did.
    let found: Option<Vec<_>> = finding.paths.iter().map(of_path).collect();
    found.unwrap_or_default()
}

fn finding_text(finding: &PreflightFinding) -> String {
    let fields = match finding.paths.is_empty() {
        true => String::new(),
        false => format!(" ({})", finding.paths.join(", ")),
    };
    let object = finding.objects.first();
    let object = object.map(|id| format!("{id}{fields}: ")).unwrap_or_default();
    format!("{object}{}", finding.message)
}

/// Findings with one cause and one hint become one, with all their objects.
pub fn merge_findings(findings: Vec<PreflightFinding>) -> Vec<PreflightFinding> {
    let mut merged: Vec<PreflightFinding> = Vec::new();
    for finding in findings {
        let is_alike = |known: &&mut PreflightFinding| {
            PreflightFinding {
                objects: Vec::new(),
                ..finding.clone()
            } == PreflightFinding {
                objects: Vec::new(),
                ..(**known).clone()
            }
        };

        match merged.iter_mut().find(is_alike) {
            Some(known) => {
                let new = finding
                    .objects
                    .into_iter()
                    .filter(|id| !known.objects.contains(id));
                known.objects.extend(new.collect::<Vec<_>>());
            }
            None => merged.push(finding),
        }
    }
    merged
}

/// How the caller goes on in spite of a finding that refuses; none where no waiver is taken.
pub fn waiver_hint(finding: &PreflightFinding) -> Option<String> {
    let check = finding.check;
    let item = finding
        .subject
        .clone()
        .or_else(|| finding.objects.first().map(waiver_item));

    let waiver = match (check.waiver_scope(), item) {
        (WaiverScope::Never, _) | (WaiverScope::Item(_), None) => return None,
        (WaiverScope::Bare, _) => format!("--waive {check} --reason TEXT"),
        (WaiverScope::Item(_), Some(item)) => format!("--waive {check}={item} --reason TEXT"),
    };
    // Of findings that were merged the hint names the first object: no waiver names them all.
    let each = if finding.objects.len() > 1 {
        ", and the same for each other object"
    } else {
        ""
    };
    Some(format!("to promote anyway: add {waiver}{each}"))
}
