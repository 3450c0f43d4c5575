//! The inventory: which objects belong to a release here, and the history of its promotions.
//!
//! It lies in one ConfigMap that whoever may view the namespace can read: nothing of a Secret is in it, and
//! it has to fit into one object for ever. Members are lines of text, for people and for shells; what a line
//! claims is checked when it is read (`member.rs`), for whoever writes ConfigMaps can write there. The
//! history is what `revert --to-revision` and the quarantine go by.

mod moving;

use super::bundle::PartBundle;
use super::cluster_identity::ClusterIdentity;
use super::format::{FormatVersion, Rest};
use super::identity::Target;
use super::journal::{Failure, HistoryOutcome, LoadedGate, RollbackReason};
use super::k8s::kinds::{Gvk, ResourceType};
use super::member;
use super::moves::Moved;
use super::object::Object;
use super::operation::Operation;
use super::plan::{PlanLimits, Waiver};
use super::release::{PublicDigest, PublicRelease};
use super::rollback_plan::PromotedRevision;
use super::verification::VerificationSummary;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many promotions a history can be told to keep: it lies in one object.
pub const MAX_HISTORY: usize = 100;

/// What the ConfigMap `delivery-NAME` holds.
// Compared as a whole: an inventory that would stay as it is is not written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    /// The objects of the set.
    pub members: Vec<Target>,
    /// The promotions, oldest first.
    pub history: Vec<HistoryEntry>,
    /// Members that other releases have taken, oldest first.
    pub moved: Vec<Moved>,
    /// What a later program keeps beside them in the same ConfigMap.
    // Written back as it is: an older program takes nothing away that a later one keeps.
    pub rest: BTreeMap<String, String>,
    /// Labels of the ConfigMap that users have set, by which releases are selected.
    pub labels: BTreeMap<String, String>,
}

/// One promotion that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Of this document.
    #[serde(default = "FormatVersion::first")]
    pub format_version: FormatVersion,
    /// Its revision: grows, and is never given twice.
    pub revision: u32,
    /// Its id.
    pub id: String,
    /// What was promoted, or deleted.
    pub release: PublicRelease,
    /// What was done to it.
    #[serde(default, skip_serializing_if = "Operation::is_promote")]
    pub operation: Operation,
    /// Where; none in an entry of before it was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterIdentity>,
    /// Who did it.
    pub actor: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub ending: HistoryOutcome,
    /// What led to its rollback; older programs did not store it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackReason>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// One sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What was known of its images when it was promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationSummary>,
    /// Checks that were waived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// The release's bytes and desired objects, while they are kept.
    // Stays where a finished promotion is put back later: it can still be promoted again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub record: Vec<PartBundle>,
    /// What a later program wrote beside it.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What is kept of a promoted release: the bytes of its file, and what was applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Of this document.
    #[serde(default = "FormatVersion::first")]
    pub format_version: FormatVersion,
    /// The release file, byte for byte; empty in the bundles that hold Secrets, but for one with Secrets in the file itself.
    pub release: String,
    /// Whether the release file itself holds Secrets: it is kept in a Secret then, and its digest is keyed.
    // Asked of the file when it is promoted; no bundle says it of itself.
    #[serde(skip)]
    pub holds_secrets: bool,
    /// The desired objects.
    pub desired: Vec<Object>,
    /// What it was promoted under; none in the bundles that hold Secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// The gates of its environment, in a bundle that is a Secret: their addresses and Jobs are not everybody's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<LoadedGate>,
    /// What a later program wrote beside it.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What a release was promoted under: whoever promotes it again from the cluster has no file of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terms {
    /// The environment, as its file holds it, without its gates.
    pub environment: Value,
    /// Limits of time.
    pub settings: PlanLimits,
}

impl HistoryEntry {
    /// The revision, as users name it.
    pub fn named(&self) -> PromotedRevision {
        PromotedRevision {
            release: self.release.clone(),
            revision: self.revision,
        }
    }
}

impl Inventory {
    /// What is promoted now; nothing after a deletion.
    pub fn promoted(&self) -> Option<&HistoryEntry> {
        self.last_committed().filter(|entry| entry.ending.is_promoted())
    }

    /// The deletion after which nothing was promoted.
    pub fn deleted(&self) -> Option<&HistoryEntry> {
        self.last_committed()
            .filter(|entry| entry.ending == HistoryOutcome::Deleted)
    }

    /// What was promoted last, whether it was deleted since or not.
    pub fn last_promoted(&self) -> Option<&HistoryEntry> {
        self.history.iter().rev().find(|entry| entry.ending.is_promoted())
    }

    /// What is promoted once this promotion, or deletion, is undone.
    pub fn promoted_without(&self, run: &str) -> Option<&HistoryEntry> {
        let mut others = self.history.iter().rev().filter(|entry| entry.id != run);
        let last = others.find(|entry| entry.ending.is_committed());
        last.filter(|entry| entry.ending.is_promoted())
    }

    fn last_committed(&self) -> Option<&HistoryEntry> {
        // One that was rolled back has another ending by then.
        let mut newest_first = self.history.iter().rev();
        newest_first.find(|entry| entry.ending.is_committed())
    }

    /// The revision of the next promotion.
    pub fn next_revision(&self) -> u32 {
        // The newest entries are never trimmed, so that the largest one is still there.
        self.history.iter().map(|entry| entry.revision).max().unwrap_or(0) + 1
    }

    /// The last promotion of a release that failed for a cause inside it, where none succeeded after it. One that failed
    /// for a cause outside of it says nothing about the release.
    pub fn quarantined(&self, release: &PublicDigest) -> Option<&HistoryEntry> {
        // What was promoted and put back when asked keeps its record.
        let succeeded = |entry: &HistoryEntry| entry.ending.is_promoted() || !entry.record.is_empty();

        let of_release = self
            .history
            .iter()
            .rev()
            .filter(|entry| !release.is_withheld() && entry.release.digest == *release)
            // Why a deletion failed says nothing of the release.
            .filter(|entry| entry.operation.is_promote());

        // An interrupted promotion has no failure: it says nothing either way.
        let inside = |entry: &&HistoryEntry| {
            entry
                .failure
                .as_ref()
                .is_some_and(|failure| failure.cause.kind.is_inside_release())
        };

        // What failed before the last success is forgiven.
        of_release.take_while(|entry| !succeeded(entry)).find(inside)
    }

    /// The members as lines that a person can read: `apps/v1 deployments Deployment shop web`.
    pub fn member_lines(&self) -> String {
        let line = |target: &Target| {
            // No name is a dash alone.
            let namespace = target.namespace.as_deref().unwrap_or("-");
            let kind = &target.resource;
            format!(
                "{} {} {} {namespace} {}\n",
                kind.api_version(),
                kind.plural,
                kind.kind,
                target.name
            )
        };
        self.members.iter().map(line).collect()
    }

    /// The members from their lines; the first line that is none is the error.
    pub fn parse_members(text: &str) -> Result<Vec<Target>, String> {
        let target = |line: &str| {
            // Names hold no spaces: five words, or it is no member.
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

            // Whoever may write ConfigMaps chose this text: nothing is asked by it unchecked.
            let target = Target::new(&resource, (namespace != "-").then_some(namespace), name);
            member::checked(target).ok_or_else(|| line.to_owned())
        };
        text.lines().filter(|line| !line.is_empty()).map(target).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sha256Digest;
    use crate::model::k8s::kinds::built_in;
    use crate::model::verdict::CauseKind;

    #[test]
    fn members_are_read_back_from_lines_that_a_person_can_read() {
        let web = Target::new(&built_in("apps", "Deployment").unwrap(), Some("shop"), "web");
        let role = Target::new(
            &built_in("rbac.authorization.k8s.io", "ClusterRole").unwrap(),
            None,
            "reader",
        );
        let inventory = Inventory {
            members: vec![web.clone(), role.clone()],
            ..Inventory::default()
        };

        let lines = inventory.member_lines();
        assert_eq!(
            lines.lines().next(),
            Some("apps/v1 deployments Deployment shop web")
        );

        assert_eq!(Inventory::parse_members(&lines), Ok(vec![web, role]));
        assert!(Inventory::parse_members("what is this").is_err());
    }

    /// A history in which one release was promoted again and again, and ended so.
    fn history(endings: &[(HistoryOutcome, Option<CauseKind>, bool)]) -> Inventory {
        let entry = |(revision, (ending, cause, recorded)): (
            u32,
            &(HistoryOutcome, Option<CauseKind>, bool),
        )| {
            let cause =
                cause.map(|kind| serde_json::json!({"cause": {"kind": kind, "message": "", "pod": null}}));

            let bundle = crate::model::bundle::PartBundle::named("a", false);
            let value = serde_json::json!({"revision": revision, "id": "p", "actor": "jane", "ending": ending, "failure": cause,
                "release": {"name": "shop", "version": "1", "digest": Sha256Digest::compute(b"1")},
                "startedAt": "2026-11-23T06:00:00Z", "endedAt": "2026-11-23T06:00:00Z",
                "record": if *recorded { vec![bundle] } else { Vec::new() }});
            serde_json::from_value(value).unwrap()
        };

        Inventory {
            history: (1..).zip(endings).map(entry).collect(),
            ..Inventory::default()
        }
    }

    #[test]
    fn a_retry_that_fails_for_a_cause_outside_does_not_lift_the_quarantine_and_a_success_does() {
        let inside = (HistoryOutcome::RolledBack, Some(CauseKind::CrashLoop), false);
        let outside = (HistoryOutcome::RolledBack, Some(CauseKind::Quota), false);
        let interrupted = (HistoryOutcome::RolledBack, None, false);
        let promoted = (HistoryOutcome::Promoted, None, true);
        // Put back when it was asked for: its record stays.
        let put_back = (HistoryOutcome::RolledBack, None, true);

        for (endings, revision) in [
            (vec![inside], Some(1)),
            (vec![outside], None),
            // The retries say nothing of the release: the first failure counts on.
            (vec![inside, outside, interrupted], Some(1)),
            (vec![outside, inside], Some(2)),
            (vec![inside, promoted], None),
            (vec![inside, promoted, outside], None),
            (vec![inside, put_back], None),
        ] {
            let inventory = history(&endings);
            let found = inventory
                .quarantined(&Sha256Digest::compute(b"1").into())
                .map(|entry| entry.revision);
            assert_eq!(found, revision, "{endings:?}");
        }

        // Other bytes are another release, whatever its name.
        assert!(
            history(&[inside])
                .quarantined(&Sha256Digest::compute(b"2").into())
                .is_none()
        );
    }
}
