//! The inventory: which objects belong to a release here, and the history of its promotions.

use super::bundle::Bundle;
use super::journal::{Ending, Failure};
use super::kinds::ResourceType;
use super::object::{Gvk, Object, Target};
use super::plan::Waiver;
use super::release::ReleaseIdentity;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many promotions a history can be told to keep: it lies in one object.
pub const MAX_HISTORY: usize = 100;

/// What the ConfigMap `delivery-NAME` holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    /// The objects of the set.
    pub members: Vec<Target>,
    /// The promotions, oldest first.
    pub history: Vec<HistoryEntry>,
}

/// One promotion that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Its revision: grows, and is never given twice.
    pub revision: u32,
    /// Its id.
    pub id: String,
    /// What was promoted.
    pub release: ReleaseIdentity,
    /// Who did it.
    pub actor: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub ending: Ending,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// One sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Checks that were waived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// The release's bytes and desired objects, while they are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub record: Vec<Bundle>,
}

/// What is kept of a promoted release: the bytes of its file, and what was applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The release file, byte for byte; empty in the bundles that hold Secrets.
    pub release: String,
    /// The desired objects.
    pub desired: Vec<Object>,
}

impl Inventory {
    /// What is promoted now.
    pub fn promoted(&self) -> Option<&HistoryEntry> {
        self.history.iter().rev().find(|entry| entry.ending.is_promoted())
    }

    /// The revision of the next promotion.
    pub fn next_revision(&self) -> u32 {
        self.history.iter().map(|entry| entry.revision).max().unwrap_or(0) + 1
    }

    /// The last promotion of a release that failed for a cause inside it, where none succeeded after it.
    pub fn quarantined(&self, release: &super::Sha256Digest) -> Option<&HistoryEntry> {
        let last = self.history.iter().rev().find(|entry| entry.release.digest == *release)?;
        let inside = last.failure.as_ref().is_some_and(|failure| failure.cause.kind.is_inside_release());
        (!last.ending.is_promoted() && inside).then_some(last)
    }

    /// The members as lines that a person can read: `apps/v1 deployments Deployment shop web`.
    pub fn member_lines(&self) -> String {
        let line = |target: &Target| {
            let namespace = target.namespace.as_deref().unwrap_or("-");
            let kind = &target.resource;
            format!("{} {} {} {namespace} {}\n", kind.api_version(), kind.plural, kind.kind, target.name)
        };
        self.members.iter().map(line).collect()
    }

    /// The members from their lines; the first line that is none is the error.
    pub fn parse_members(text: &str) -> Result<Vec<Target>, String> {
        let target = |line: &str| {
            let [version, plural, kind, namespace, name] = line.split(' ').collect::<Vec<_>>()[..] else {
                return Err(line.to_owned());
            };
            let gvk = Gvk::new(version, kind);
            let resource = ResourceType {
                group: gvk.group,
                version: gvk.version,
                kind: gvk.kind,
                plural: plural.into(),
                namespaced: namespace != "-",
            };
            Ok(Target::new(&resource, (namespace != "-").then_some(namespace), name))
        };
        text.lines().filter(|line| !line.is_empty()).map(target).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::built_in;

    #[test]
    fn members_are_read_back_from_lines_that_a_person_can_read() {
        let web = Target::new(&built_in("apps", "Deployment").unwrap(), Some("shop"), "web");
        let role =
            Target::new(&built_in("rbac.authorization.k8s.io", "ClusterRole").unwrap(), None, "reader");
        let inventory = Inventory { members: vec![web.clone(), role.clone()], history: Vec::new() };
        let lines = inventory.member_lines();
        assert_eq!(lines.lines().next(), Some("apps/v1 deployments Deployment shop web"));
        assert_eq!(Inventory::parse_members(&lines), Ok(vec![web, role]));
        assert!(Inventory::parse_members("what is this").is_err());
    }
}
