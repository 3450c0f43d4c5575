//! Findings of the preflight as text: ten objects by name, the rest counted.

use crate::model::phrase::list_first;
use crate::model::plan::PreflightFinding;

/// How many objects are named.
const NAMED: usize = 10;

/// The objects of a finding and what it says of them.
pub fn finding_text(finding: &PreflightFinding) -> String {
    // A finding can be about the whole, such as a registry that does not answer.
    if finding.objects.is_empty() {
        return finding.message.clone();
    }

    // The JSON names all of them: a terminal would scroll away what else was found.
    let names = list_first(finding.objects.iter(), NAMED, ", ");
    format!("{names}: {}", finding.message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectId;
    use crate::model::check::Check;
    use crate::model::plan::Severity;

    #[test]
    fn ten_objects_are_named_and_the_rest_counted() {
        let finding = |count: usize| PreflightFinding {
            check: Check::Pods,
            objects: (0..count)
                .map(|n| ObjectId::new("apps", "Deployment", Some("shop"), &format!("w{n}")))
                .collect(),
            paths: Vec::new(),
            subject: None,
            message: "not checked".into(),
            hint: None,
            severity: Severity::Note,
        };

        assert_eq!(finding_text(&finding(0)), "not checked");
        assert_eq!(finding_text(&finding(1)), "Deployment shop/w0: not checked");

        // Ten stay ten names: the count begins with the eleventh.
        assert!(finding_text(&finding(10)).ends_with("Deployment shop/w9: not checked"));
        assert!(finding_text(&finding(31)).ends_with("Deployment shop/w9 and 21 more: not checked"));
    }
}
