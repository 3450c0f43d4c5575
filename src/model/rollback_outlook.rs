//! Whether a promotion that fails could be rolled back, as it was found before its first step.

use super::identity::ObjectId;
use super::phrase::list_first;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Objects that a sentence names; the rest is counted.
const NAMED: usize = 3;

/// Whether a promotion that fails could be rolled back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackOutlook {
    /// Whether nothing that was checked is in its way.
    pub possible: bool,
    /// Workloads whose running version could not start again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_starting: Vec<ObjectId>,
    /// Objects of irreversible steps: a failure after one of them is not rolled back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub irreversible: Vec<ObjectId>,
    /// What could not be checked, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_checked: Vec<String>,
}

impl RollbackOutlook {
    /// From what was found.
    pub fn new(not_starting: Vec<ObjectId>, irreversible: Vec<ObjectId>, not_checked: Vec<String>) -> Self {
        Self {
            possible: not_starting.is_empty() && irreversible.is_empty(),
            not_starting,
            irreversible,
            not_checked,
        }
    }
}

/// One line: `possible`, or why not.
impl fmt::Display for RollbackOutlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ids: &[ObjectId]| list_first(ids.iter(), NAMED, ", ");
        match (self.not_starting.as_slice(), self.irreversible.as_slice()) {
            ([], []) => f.write_str("possible")?,
            ([], irreversible) => {
                let noun = if irreversible.len() == 1 { "step" } else { "steps" };
                write!(f, "possible until the irreversible {noun} {}", list(irreversible))?;
            }
            (workloads, _) => write!(f, "not possible: {} could not start again", list(workloads))?,
        }
        match self.not_checked.as_slice() {
            [] => Ok(()),
            parts => write!(f, " (not checked: {})", list_first(parts.iter(), NAMED, "; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn ids(names: &[&str]) -> Vec<ObjectId> {
        let id = |name: &&str| ObjectId::new("apps", "Deployment", Some("shop"), name);
        names.iter().map(id).collect()
    }

    #[rstest]
    #[case(&[], &[], &[], "possible")]
    #[case(&["web"], &[], &[], "not possible: Deployment shop/web could not start again")]
    #[case(&["web"], &["db"], &[], "not possible: Deployment shop/web could not start again")]
    #[case(&[], &["db"], &[], "possible until the irreversible step Deployment shop/db")]
    #[case(&[], &[], &["nodes: missing permission to list nodes"],
        "possible (not checked: nodes: missing permission to list nodes)")]
    fn it_is_one_line(
        #[case] workloads: &[&str],
        #[case] irreversible: &[&str],
        #[case] not_checked: &[&str],
        #[case] line: &str,
    ) {
        let not_checked = not_checked.iter().map(|text| (*text).to_owned()).collect();
        let outlook = RollbackOutlook::new(ids(workloads), ids(irreversible), not_checked);
        assert_eq!(outlook.to_string(), line);
    }
}
