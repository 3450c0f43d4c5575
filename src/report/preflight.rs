//! Findings of the preflight as text: those with one check, one message and one hint are one, with ten objects by name
//! and the rest counted.

use super::clean::clean;
use super::table::wrap;
use super::typed::typed;
use crate::model::ObjectId;
use crate::model::phrase::list_first;
use crate::model::plan::{PreflightFinding, Severity};
use std::collections::HashMap;
use std::iter;

/// How many objects are named.
const NAMED: usize = 10;

/// How many fields of each are.
const NAMED_FIELDS: usize = 4;

/// Findings that differ in their objects and fields alone.
pub struct FindingGroup {
    /// One finding for all of them, with all their objects.
    pub finding: PreflightFinding,
    /// The objects, each with its fields.
    objects: Vec<String>,
}

/// Groups findings, in the order of the first of each group. The JSON has each of them.
pub fn group_findings(findings: &[PreflightFinding]) -> Vec<FindingGroup> {
    let mut groups: Vec<FindingGroup> = Vec::new();
    let mut places = HashMap::new();
    for finding in findings {
        // What a waiver names in place of an object is no object that could be listed.
        let PreflightFinding {
            check,
            subject,
            message,
            hints,
            ..
        } = finding;
        let place = *places
            .entry((check, finding.severity, subject, message, hints))
            .or_insert(groups.len());

        match groups.get_mut(place) {
            Some(group) => {
                group.finding.objects.extend(finding.objects.iter().cloned());
                group.objects.extend(objects(finding));
            }
            None => groups.push(FindingGroup {
                finding: finding.clone(),
                objects: objects(finding).collect(),
            }),
        }
    }
    groups
}

fn objects(finding: &PreflightFinding) -> impl Iterator<Item = String> {
    finding.objects.iter().map(|id| object_with_fields(id, finding))
}

/// `ConfigMap shop/settings (/data/currency, changed 2026-11-28T07:52:47Z)`.
fn object_with_fields(id: &ObjectId, finding: &PreflightFinding) -> String {
    let fields = (!finding.paths.is_empty()).then(|| list_first(finding.paths.iter(), NAMED_FIELDS, ", "));
    let changed = finding
        .changed_at
        .map(|time| format!("changed {}", time.strftime("%Y-%m-%dT%H:%M:%SZ")));
    let details: Vec<String> = fields.into_iter().chain(changed).collect();
    match details.is_empty() {
        true => id.to_string(),
        false => format!("{id} ({})", details.join(", ")),
    }
}

impl FindingGroup {
    /// Its objects and what is the matter with them.
    pub fn text(&self) -> String {
        let Self { finding, objects } = self;
        // A finding can be about the whole, such as a registry that does not answer.
        if objects.is_empty() {
            return finding.message.clone();
        }

        // A terminal would scroll away what else was found.
        let names = list_first(objects.iter(), NAMED, ", ");
        format!("{names}: {}", finding.message)
    }

    /// The lines that a terminal of this width shows, with what to type; `more` are hints beside the finding's own.
    pub fn lines(&self, width: Option<usize>, more: Option<String>) -> Vec<String> {
        let PreflightFinding { check, severity, .. } = &self.finding;
        let text = clean(&format!("{} [{check}] {}", severity_name(*severity), self.text())).into_owned();
        let lines = width.map_or_else(
            || vec![text.clone()],
            |width| wrap(&text, width.saturating_sub(2)),
        );

        // Further lines stand below the first word; a hint is to be copied, and stays whole.
        let indented = lines.iter().skip(1).map(|line| format!("  {line}"));
        let hints = self.finding.hints.iter().cloned().chain(more);
        let hints = hints.map(|hint| format!("  hint: {}", clean(&typed(&hint))));
        iter::once(lines[0].clone())
            .chain(indented)
            .chain(hints)
            .collect()
    }
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Waived => "waived",
        Severity::Note => "note",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::check::Check;

    fn finding(n: usize) -> PreflightFinding {
        PreflightFinding {
            check: Check::Ownership,
            objects: vec![ObjectId::new("", "ConfigMap", Some("shop"), &format!("c{n}"))],
            paths: vec![format!("/data/{n}")],
            changed_at: None,
            subject: None,
            message: "set by helm".into(),
            hints: vec!["add --adopt helm".into()],
            severity: Severity::Error,
        }
    }

    #[test]
    fn findings_with_one_message_and_hint_are_one_with_ten_objects_by_name() {
        let findings: Vec<_> = (0..250).map(finding).collect();
        let groups = group_findings(&findings);
        assert_eq!((groups.len(), groups[0].finding.objects.len()), (1, 250));

        let text = groups[0].text();
        assert!(
            text.starts_with("ConfigMap shop/c0 (/data/0), ConfigMap shop/c1 (/data/1)"),
            "{text}"
        );
        assert!(
            text.ends_with("ConfigMap shop/c9 (/data/9) and 240 more: set by helm"),
            "{text}"
        );

        // Ten stay ten names: the count begins with the eleventh.
        let ten = group_findings(&findings[..10]).remove(0).text();
        assert!(ten.ends_with("ConfigMap shop/c9 (/data/9): set by helm"), "{ten}");
    }

    #[test]
    fn another_severity_message_or_hint_is_another_finding() {
        let note = PreflightFinding {
            severity: Severity::Note,
            ..finding(1)
        };
        let message = PreflightFinding {
            message: "set by argocd".into(),
            ..finding(2)
        };
        let hint = PreflightFinding {
            hints: Vec::new(),
            ..finding(3)
        };
        let whole = PreflightFinding {
            objects: Vec::new(),
            ..hint.clone()
        };
        let groups = group_findings(&[finding(0), note, message, hint, whole.clone()]);
        assert_eq!(groups.len(), 4);
        assert_eq!(group_findings(&[whole])[0].text(), "set by helm");
    }

    #[test]
    fn a_narrow_terminal_breaks_a_finding_at_blanks_and_no_hint() {
        let lines = group_findings(&[finding(0)]).remove(0).lines(Some(20), None);
        assert_eq!(
            lines,
            [
                "error [ownership]",
                "  ConfigMap shop/c0",
                "  (/data/0): set by",
                "  helm",
                "  hint: add --adopt helm"
            ]
        );
    }
}
