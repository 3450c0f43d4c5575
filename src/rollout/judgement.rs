//! What comes of a look at one object: the verdict, its deadline, and when to look again.
//!
//! It is all that leaves the judge. What must be known at the next look stands in the memory of the subject.

use super::deadline::ProgressDeadline;
use crate::model::verdict::Health;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of one object's rollout, and when it must be looked at again though nothing happens.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Assessment {
    /// The verdict.
    pub verdict: Health,
    /// When it fails for lack of progress; none where it is not waiting.
    pub deadline: Option<ProgressDeadline>,
    /// When the verdict may change by time alone.
    pub look_again_at: Option<Timestamp>,
    /// When its ready pods have lived long enough, where nothing else is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
    /// What would help it on.
    pub stuck_pods: Vec<StuckPod>,
    /// Whether only the controller has not taken our write up yet: the rule, for some milliseconds after it.
    pub premature: bool,
}

impl Assessment {
    /// A verdict that needs no second look.
    pub(super) fn without_deadline(verdict: Health) -> Self {
        Self {
            verdict,
            deadline: None,
            look_again_at: None,
            settled_at: None,
            stuck_pods: Vec::new(),
            premature: false,
        }
    }
}

/// A pod that must be deleted for the rollout to go on (a StatefulSet never replaces a broken pod of an old revision).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StuckPod {
    /// Namespace of the pod.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// Its uid: this one, and no successor.
    pub uid: String,
    /// Why, in a phrase.
    pub why: String,
}
