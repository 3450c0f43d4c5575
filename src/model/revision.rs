//! A past promotion, as `history` shows it.
//!
//! What is stored says that a promotion was undone; together with what led to it that is a rollback, which a promotion
//! does by itself, or a revert, which a user asks for. The names in JSON are public: programs read them.

use super::cluster_identity::ClusterIdentity;
use super::inventory::{HistoryEntry, Inventory};
use super::journal::{Failure, HistoryOutcome, RollbackReason};
use super::operation::Operation;
use super::plan::Waiver;
use super::release::PublicRelease;
use super::verification::VerificationSummary;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// One revision of a release.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its number: grows, and is never given twice.
    pub revision: u32,
    /// Whether it is the current revision.
    pub is_current: bool,
    /// The cluster; missing where an older program promoted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterIdentity>,
    /// The promotion's id.
    pub id: String,
    /// The promoted release.
    pub release: PublicRelease,
    /// Who promoted it, as the API server knows them.
    pub actor: String,
    /// When the promotion began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What the run did to the release.
    pub operation: Operation,
    /// How it ended.
    pub outcome: RevisionOutcome,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// A remark, such as when it was reverted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What was known of its images when it was promoted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationSummary>,
    /// Checks that were waived.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// Whether the release is stored, so that `revert --to-revision` can promote it.
    pub is_stored: bool,
}

/// How a past promotion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RevisionOutcome {
    /// Promoted.
    Promoted,
    /// Promoted; an object that left the release could not be deleted.
    PromotedPruneIncomplete,
    /// Drift of the current revision was repaired.
    Repaired,
    /// Its objects were deleted: no release is promoted.
    Deleted,
    /// It failed or was interrupted, and was rolled back.
    RolledBack,
    /// It failed or was interrupted, and some objects are not restored.
    RollbackIncomplete,
    /// A user reverted it.
    Reverted,
    /// A user reverted it, and some objects are not restored.
    RevertIncomplete,
}

impl Revision {
    /// All of a release, newest first.
    pub fn list(inventory: Inventory) -> Vec<Self> {
        // By its id: a repair has the revision that it repaired.
        let current = inventory.promoted().map(|entry| entry.id.clone());
        let newest_first = inventory.history.into_iter().rev();
        newest_first
            .map(|entry| Self::new(entry, current.as_deref()))
            .collect()
    }

    fn new(entry: HistoryEntry, current: Option<&str>) -> Self {
        Self {
            outcome: RevisionOutcome::from_entry(&entry),
            is_current: current == Some(&*entry.id),
            is_stored: !entry.record.is_empty(),
            operation: entry.operation,
            revision: entry.revision,
            cluster: entry.cluster,
            id: entry.id,
            release: entry.release,
            actor: entry.actor,
            started_at: entry.started_at,
            ended_at: entry.ended_at,
            failure: entry.failure,
            message: entry.message,
            verification: entry.verification,
            waivers: entry.waivers,
        }
    }
}

impl RevisionOutcome {
    fn from_entry(entry: &HistoryEntry) -> Self {
        // Older entries do not say what led to it: a promotion that a user reverted had not failed.
        let is_asked = match entry.rollback {
            Some(reason) => reason == RollbackReason::Asked,
            None => entry.failure.is_none(),
        };

        match (entry.ending, is_asked) {
            (HistoryOutcome::Promoted, _) => Self::Promoted,
            (HistoryOutcome::PromotedPruneIncomplete, _) => Self::PromotedPruneIncomplete,
            (HistoryOutcome::Repaired, _) => Self::Repaired,
            (HistoryOutcome::Deleted, _) => Self::Deleted,
            (HistoryOutcome::RolledBack, false) => Self::RolledBack,
            (HistoryOutcome::RolledBack, true) => Self::Reverted,
            (HistoryOutcome::RollbackIncomplete, false) => Self::RollbackIncomplete,
            (HistoryOutcome::RollbackIncomplete, true) => Self::RevertIncomplete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn outcome(ending: &str, rollback: Option<&str>, has_failed: bool) -> Value {
        let failure = json!({"cause": {"kind": "quota", "message": "", "pod": null}});
        let digest = format!("sha256:{}", "1".repeat(64));
        let entry = json!({
            "revision": 1, "id": "p", "actor": "jane", "ending": ending, "rollback": rollback,
            "failure": has_failed.then_some(failure),
            "release": {"name": "shop", "version": "1", "digest": digest},
            "startedAt": "2026-11-23T06:00:00Z", "endedAt": "2026-11-23T06:00:00Z",
        });

        let history = vec![serde_json::from_value(entry).unwrap()];
        let inventory = Inventory {
            history,
            ..Inventory::default()
        };
        json!(Revision::list(inventory)[0].outcome)
    }

    #[test]
    fn a_rollback_and_a_revert_are_told_apart_by_what_led_to_them() {
        let cases = [
            ("promoted", None, false, "promoted"),
            ("reverted", Some("failed"), true, "rolledBack"),
            ("reverted", Some("interrupted"), false, "rolledBack"),
            // A failed promotion that was stopped where it was, and reverted later.
            ("reverted", Some("asked"), true, "reverted"),
            (
                "notFullyReverted",
                Some("interrupted"),
                false,
                "rollbackIncomplete",
            ),
            ("notFullyReverted", Some("asked"), false, "revertIncomplete"),
            // Entries of older programs.
            ("reverted", None, true, "rolledBack"),
            ("reverted", None, false, "reverted"),
        ];
        for (ending, rollback, has_failed, expected) in cases {
            assert_eq!(
                outcome(ending, rollback, has_failed),
                expected,
                "{ending} {rollback:?}"
            );
        }
    }
}
