//! How a release is, as `status` shows it: what is promoted, whether anything is in progress, and its workloads.
//!
//! The names in JSON are public: programs read them.

use super::journal::JournalPhase;
use super::moves::Moved;
use super::phrase::{counted, list_first};
use super::verification::VerificationSummary;
use serde::Serialize;

/// One release's status.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseStatus {
    /// Its home.
    pub namespace: String,
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
    #[serde(rename = "open", skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<UnfinishedPromotion>,
    /// The phase, explained.
    pub message: String,
    /// Whether what the cluster keeps of it is certainly as it was written.
    pub verified: bool,
    /// Why that is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_verified: Option<String>,
    /// What has moved to other releases since the current revision was promoted, or is about to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
    /// Its workloads.
    pub workloads: Vec<WorkloadStatus>,
}

/// How a release is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ReleasePhase {
    /// A promotion was committed, and nothing came after it.
    Promoted,
    /// A run is at work.
    InProgress,
    /// A run ended before its promotion did.
    #[serde(rename = "open")]
    Unfinished,
    /// The first promotion failed.
    #[serde(rename = "putBack")]
    RolledBack,
    /// The last promotion failed, and a part of it is left.
    #[serde(rename = "notFullyPutBack")]
    RollbackIncomplete,
    /// What the cluster keeps of it is not as it was written.
    Altered,
    /// Nothing was promoted.
    None,
}

impl ReleasePhase {
    /// For a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::InProgress => "in progress",
            Self::Unfinished => "open",
            Self::RolledBack => "put back",
            Self::RollbackIncomplete => "not fully put back",
            Self::Altered => "altered",
            Self::None => "none",
        }
    }
}

/// A promotion that has not ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnfinishedPromotion {
    /// Where its journal stands.
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
}

/// How one workload is: whether it works, and whether it is what was promoted. Neither says anything of the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// The object.
    pub object: String,
    /// Whether it works.
    pub health: WorkloadHealth,
    /// Whether it differs from the promoted release.
    pub drift: WorkloadDrift,
}

/// Whether a workload works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadHealth {
    /// In a word.
    pub state: HealthState,
    /// The counts of one that is ready, else the cause.
    pub message: String,
}

/// States of health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum HealthState {
    /// It is on its way.
    Progressing,
    /// It works.
    Ready,
    /// It does not work, and will not get there by itself.
    Failed,
    /// It could not be found out.
    Unknown,
}

impl WorkloadHealth {
    /// For a person: the counts of one that is ready, else the state.
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

/// Whether a workload differs from what the promoted release would have it be, as far as reads tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum WorkloadDrift {
    /// It does not.
    InSync,
    /// It does.
    Drifted {
        /// The fields.
        fields: Vec<String>,
    },
    /// It is not there.
    Missing,
    /// It was not compared.
    NotChecked {
        /// Why.
        why: String,
    },
}

impl WorkloadDrift {
    /// For a person.
    pub fn text(&self) -> String {
        match self {
            Self::InSync => "in sync".into(),
            Self::Drifted { fields } => {
                let named = list_first(fields.iter(), NAMED_FIELDS, ", ");
                format!("{}: {named}", counted(fields.len(), "field"))
            }
            Self::Missing => "missing".into(),
            Self::NotChecked { why } => format!("not checked: {why}"),
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
            drift: WorkloadDrift::NotChecked { why: "no".into() },
        };
        let expected = serde_json::json!({"object": "Deployment shop/web",
            "health": {"state": "ready", "message": "3/3 ready"}, "drift": {"state": "notChecked", "why": "no"}});
        assert_eq!(serde_json::to_value(status).unwrap(), expected);
    }
}
