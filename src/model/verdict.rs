//! What a pure function says of one object's rollout.
//!
//! Verdicts and causes go into events, and causes into the history as well: their names stay. What cannot be
//! read is no failure but something to wait for; only where the time for it is over it becomes
//! [`CauseKind::Unverified`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known of one object's rollout.
// A part of an event: the tag and the fields stand in it beside the object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "health", rename_all = "camelCase")]
pub enum Health {
    /// Not there yet: `done` of `total`, and what is being waited for.
    Progressing {
        /// How many are ready.
        done: u32,
        /// Of how many.
        total: u32,
        /// A lowercase phrase: `2 of 3 pods are ready`.
        message: String,
    },
    /// Ready; with a remark where there is one (`scaled to 0 replicas: no pods to verify`).
    Ready {
        /// What should be known all the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// Nothing says whether it is ready.
    Unknown {
        /// A lowercase phrase: `applied; no controller reports its health`.
        message: String,
    },
    /// It will not get there by itself.
    Failed {
        /// Why.
        cause: Cause,
    },
}

impl Health {
    /// Ready, without a remark.
    pub fn ready() -> Self {
        Health::Ready { message: None }
    }

    /// Whether nothing more is waited for, and nothing is known to be wrong.
    pub fn is_settled(&self) -> bool {
        matches!(self, Health::Ready { .. } | Health::Unknown { .. })
    }

    /// Waited for.
    pub fn progressing(done: u32, total: u32, message: impl Into<String>) -> Self {
        Health::Progressing {
            done,
            total,
            message: message.into(),
        }
    }
}

/// Why a rollout failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// The class, for programs and for quarantine.
    pub kind: CauseKind,
    /// One lowercase sentence: what was expected, what was found.
    // The history keeps the start of it alone.
    pub message: String,
    /// The pod that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The container that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Whether its previous instance holds the telling log lines (it crashed).
    // A container that has crashed and is back says nothing of its end: its instance before does.
    #[serde(default)]
    pub previous_logs: bool,
}

/// The class of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CauseKind {
    /// The registry says that the image does not exist.
    ImageNotFound,
    /// The registry refuses the pull.
    ImageUnauthorized,
    /// The image's name cannot be parsed.
    InvalidImageName,
    /// The registry did not answer within the grace time, has lost an image that it had, or is not to be asked and the
    /// node does not hold the image.
    ImageUnavailable,
    /// A Secret, ConfigMap or key that the container reads is missing.
    MissingConfiguration,
    /// A container keeps exiting.
    CrashLoop,
    /// An init container keeps failing.
    InitFailed,
    /// The container cannot be started for what it is (bad command, no permission).
    CannotStart,
    /// The node could not start a container, whatever is in it.
    NodeError,
    /// Quota refuses the pods.
    Quota,
    /// Admission refuses the pods.
    AdmissionRefused,
    /// A Job failed.
    JobFailed,
    /// A pod failed and is not restarted.
    PodFailed,
    /// A pod was evicted or preempted, or its node was drained or shut down.
    Evicted,
    /// A volume is lost, or does not mount.
    VolumeNotMounted,
    /// No node takes the pod.
    Unschedulable,
    /// No progress within the deadline, though containers of the new revision ran.
    DeadlineExceeded,
    /// No progress within the deadline, and no container ran: an address, a volume, a controller is waited for.
    Stalled,
    /// The object itself reports a failure.
    ReportedByObject,
    /// A running container is not the release's image.
    WrongImage,
    /// A gate did not hold.
    Gate,
    /// An object that was ready became not ready during the soak.
    Soak,
    /// The object was deleted or replaced by another client.
    Disappeared,
    /// No other tool has applied it in time.
    NotApplied,
    /// Another client changed the object between the plan and its step.
    Conflict,
    /// The server refuses a step that its dry run let pass, or makes something else of it.
    Refused,
    /// Its health is unknown: something could not be read, asked, or was not reported.
    Unverified,
}

impl CauseKind {
    /// Whether the cause lies in the release itself, so that promoting it again would fail again.
    pub fn is_inside_release(self) -> bool {
        // All by name: a new class has to be decided upon before this compiles.
        match self {
            CauseKind::ImageNotFound
            | CauseKind::InvalidImageName
            | CauseKind::CrashLoop
            | CauseKind::InitFailed
            | CauseKind::CannotStart
            | CauseKind::JobFailed
            | CauseKind::PodFailed
            | CauseKind::WrongImage
            | CauseKind::Gate
            | CauseKind::Soak
            | CauseKind::ReportedByObject
            | CauseKind::DeadlineExceeded => true,
            // Also what the environment has to bring: keys, Secrets, room, and somebody's leave.
            CauseKind::ImageUnauthorized
            | CauseKind::ImageUnavailable
            | CauseKind::MissingConfiguration
            | CauseKind::Quota
            | CauseKind::AdmissionRefused
            | CauseKind::VolumeNotMounted
            | CauseKind::Unschedulable
            | CauseKind::NodeError
            | CauseKind::Evicted
            | CauseKind::Stalled
            | CauseKind::Disappeared
            | CauseKind::NotApplied
            | CauseKind::Conflict
            | CauseKind::Refused
            | CauseKind::Unverified => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CauseKind::{self, *};

    /// Classes, and whether each of them counts against a release.
    const ALL: &[(CauseKind, bool)] = &[
        (ImageNotFound, true),
        (InvalidImageName, true),
        (CrashLoop, true),
        (InitFailed, true),
        (CannotStart, true),
        (JobFailed, true),
        (PodFailed, true),
        (DeadlineExceeded, true),
        (ReportedByObject, true),
        (WrongImage, true),
        (Gate, true),
        (Soak, true),
        (ImageUnauthorized, false),
        (ImageUnavailable, false),
        (MissingConfiguration, false),
        (NodeError, false),
        (Quota, false),
        (AdmissionRefused, false),
        (Evicted, false),
        (VolumeNotMounted, false),
        (Unschedulable, false),
        (Stalled, false),
        (Disappeared, false),
        (NotApplied, false),
        (Conflict, false),
        (Refused, false),
    ];

    #[test]
    fn only_what_the_release_does_itself_counts_against_it() {
        for (kind, inside) in ALL {
            assert_eq!(kind.is_inside_release(), *inside, "{kind:?}");
        }
    }
}
