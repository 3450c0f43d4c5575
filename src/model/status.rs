//! How a release is, as `status` shows it: what is promoted, whether anything is in progress, and its workloads.
//!
//! The names in JSON are public: programs read them.

use super::cluster_identity::ClusterIdentity;
use super::identity::ObjectId;
use super::journal::JournalPhase;
use super::moves::Moved;
use super::phrase::{counted, list_first};
use super::verification::VerificationSummary;
use schemars::JsonSchema;
use serde::Serialize;

/// One release's status.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseStatus {
    /// The release namespace.
    pub namespace: String,
    /// The cluster.
    pub cluster: ClusterIdentity,
    /// Its name.
    pub name: String,
    /// How it is as a whole.
    #[serde(rename = "state")]
    pub phase: ReleasePhase,
    /// The promoted version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The promoted revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// What was known of its images when it was promoted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationSummary>,
    /// The promotion that has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<UnfinishedPromotion>,
    /// The phase, explained.
    pub message: String,
    /// Whether the last promotion could be rolled back; none where there is nothing to roll back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackStatus>,
    /// Whether the seal fits the stored state.
    pub verified: bool,
    /// Why the stored state is not verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_verified: Option<String>,
    /// Objects that moved to other releases since the current revision was promoted, or are being moved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
    /// Its workloads.
    pub workloads: Vec<WorkloadStatus>,
}

/// How a release is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReleasePhase {
    /// A revision is promoted.
    Promoted,
    /// A run promotes or reverts.
    InProgress,
    /// A run ended before its promotion or revert did.
    Unfinished,
    /// Its objects were deleted, and nothing was promoted since.
    Deleted,
    /// No release is promoted: the first promotion failed or was interrupted, and was rolled back.
    RolledBack,
    /// No release is promoted: a user reverted the first promotion.
    Reverted,
    /// The last promotion was rolled back, and some objects are not restored.
    RollbackIncomplete,
    /// A user reverted the last promotion, and some objects are not restored.
    RevertIncomplete,
    /// The stored state is not as it was written.
    Altered,
    /// Nothing was promoted.
    None,
}

impl ReleasePhase {
    /// In a table.
    pub fn words(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::InProgress => "in progress",
            Self::Unfinished => "unfinished",
            Self::Deleted => "deleted",
            Self::RolledBack => "rolled back",
            Self::Reverted => "reverted",
            Self::RollbackIncomplete => "rollback incomplete",
            Self::RevertIncomplete => "revert incomplete",
            Self::Altered => "altered",
            Self::None => "none",
        }
    }
}

/// Whether the last promotion could be rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackStatus {
    /// Whether nothing that is known is in its way.
    pub possible: bool,
    /// The same in one line, with what is in its way, or what is promoted afterwards.
    pub message: String,
}

/// A promotion that has not ended.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnfinishedPromotion {
    /// How far its journal is.
    pub phase: JournalPhase,
    /// The version that it promotes.
    pub version: String,
    /// Who started it.
    pub actor: String,
    /// The run that writes or wrote its journal.
    pub holder: String,
    /// Whether a run holds the lock.
    pub held: bool,
    /// Steps that are done.
    pub done: usize,
    /// Steps that are undone.
    pub undone: usize,
    /// All steps.
    pub steps: usize,
    /// Pods of its rehearsal that may be there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<ObjectId>,
}

/// One workload: its health, and its drift. Neither says anything of the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// The object.
    pub object: String,
    /// Its health.
    pub health: WorkloadHealth,
    /// Whether it differs from the promoted release.
    pub drift: WorkloadDrift,
}

/// Whether a workload works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadHealth {
    /// The state.
    pub state: HealthState,
    /// The counts of one that is ready, else the cause.
    pub message: String,
}

/// States of health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HealthState {
    /// Its rollout is not finished.
    Progressing,
    /// It is ready.
    Ready,
    /// It is not ready, and does not become so by itself.
    Failed,
    /// Its health could not be checked.
    Unknown,
}

impl WorkloadHealth {
    /// In a table: the counts of one that is ready, else the state.
    pub fn text(&self) -> &str {
        match self.state {
            HealthState::Ready => &self.message,
            HealthState::Progressing => "progressing",
            HealthState::Failed => "failed",
            HealthState::Unknown => "unknown",
        }
    }

    /// Why it is not ready.
    pub fn cause(&self) -> Option<&str> {
        (self.state != HealthState::Ready).then_some(self.message.as_str())
    }
}

/// Whether a workload differs from the promoted release, as far as reads tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum WorkloadDrift {
    /// It does not differ.
    InSync,
    /// It differs.
    Drifted {
        /// The fields.
        fields: Vec<String>,
    },
    /// It does not exist.
    Missing,
    /// It was not compared.
    NotChecked {
        /// Why.
        message: String,
    },
}

impl WorkloadDrift {
    /// In a table.
    pub fn text(&self) -> String {
        match self {
            Self::InSync => "in sync".into(),
            Self::Drifted { fields } => {
                let named = list_first(fields.iter(), NAMED_FIELDS, ", ");
                format!("{}: {named}", counted(fields.len(), "field"))
            }
            Self::Missing => "missing".into(),
            Self::NotChecked { message } => format!("not checked: {message}"),
        }
    }
}

/// Fields that a row names; more are counted.
const NAMED_FIELDS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_differ_are_counted_and_the_first_are_named() {
        let drift = |fields: &[&str]| {
            let fields = fields.iter().map(|field| (*field).to_owned()).collect();
            WorkloadDrift::Drifted { fields }.text()
        };
        assert_eq!(drift(&["/spec/paused"]), "1 field: /spec/paused");
        assert_eq!(drift(&["/a", "/b", "/c"]), "3 fields: /a, /b, /c");
        assert_eq!(
            drift(&["/a", "/b", "/c", "/d", "/e"]),
            "5 fields: /a, /b, /c and 2 more"
        );
    }

    #[test]
    fn health_and_drift_have_their_own_names_in_json() {
        let status = WorkloadStatus {
            object: "Deployment shop/web".into(),
            health: WorkloadHealth {
                state: HealthState::Ready,
                message: "3/3 ready".into(),
            },
            drift: WorkloadDrift::NotChecked { message: "no".into() },
        };
        let expected = serde_json::json!({"object": "Deployment shop/web",
            "health": {"state": "ready", "message": "3/3 ready"}, "drift": {"state": "notChecked", "message": "no"}});
        assert_eq!(serde_json::to_value(status).unwrap(), expected);
    }
}
