//! What happens during a promotion or a revert, as it happens. One enum, several renderers.
//!
//! Programs read them, one JSON document a line: names and fields are documented, and stay. Objects are named
//! and never contained, so that no value of a Secret is in an event; texts of servers and nodes are redacted
//! where they enter.

use super::cluster_identity::ClusterIdentity;
use super::identity::ObjectId;
use super::plan::PreflightFinding;
use super::rehearsal::{RehearsalResult, TemplateVersion};
use super::release::{PublicDigest, PublicRelease};
use super::run_end::StateAfter;
use super::step_id::{StepId, WaveIndex};
use super::step_verb::StepVerb;
use super::verdict::{Cause, Health};
use super::verification::{ImageVerification, VerificationSummary};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// The version of the events, which the first of them carries.
pub const EVENTS_VERSION: u32 = 1;

/// One thing that happened.
// Written and never read back.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A run began: the first event of every stream.
    Started {
        /// Which run.
        command: RunCommand,
        /// The release.
        release: StartedRelease,
        /// Where.
        cluster: ClusterIdentity,
    },
    /// A phase began.
    PhaseStarted {
        /// Which.
        phase: Phase,
    },
    /// A phase ended.
    PhaseEnded {
        /// Which.
        phase: Phase,
        /// How long it took.
        millis: u64,
    },
    /// The plan that will run.
    Planned {
        /// Its steps in order, what is deleted after the commit at the end.
        steps: Vec<PlannedStep>,
    },
    /// What the preflight found.
    Preflight {
        /// All findings.
        findings: Vec<PreflightFinding>,
    },
    /// A pod of a workload's template is tried, before anything of the release is changed.
    RehearsalStarted {
        /// The workload.
        workload: ObjectId,
        /// Which of its templates.
        template: TemplateVersion,
        /// The pod.
        pod: ObjectId,
        /// NetworkPolicies that the workload's pods are under and this one is not.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        without_network_policies: Vec<String>,
    },
    /// Such a pod was tried, and is deleted.
    RehearsalEnded(RehearsalResult),
    /// A step's request was sent.
    StepStarted {
        /// The step's id.
        step: StepId,
        /// Its object.
        object: ObjectId,
        /// What is asked for; by an undo `restore` or `delete`.
        action: StepVerb,
    },
    /// A step's request was answered.
    StepEnded {
        /// The step's id.
        step: StepId,
        /// Its object.
        object: ObjectId,
        /// What became of it, in a few words.
        result: String,
        /// Whether that is what was asked for.
        // For programs: the result is for people.
        ok: bool,
    },
    /// An object's health changed.
    Rollout {
        /// The object.
        object: ObjectId,
        /// Its health.
        #[serde(flatten)]
        health: Health,
        /// How long its ready pods must still stay so, where nothing else is waited for.
        #[serde(skip_serializing_if = "Option::is_none")]
        settle_millis: Option<u64>,
    },
    /// Nothing has changed for a while: what is waited for.
    // So that whoever reads sees that the run is alive.
    Heartbeat {
        /// The object that is waited for, where it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        object: Option<ObjectId>,
        /// One sentence: the numbers, the pod and the last event about it.
        message: String,
        /// Seconds until the run stops waiting for it; none where nothing ends the wait.
        #[serde(skip_serializing_if = "Option::is_none")]
        remaining_seconds: Option<u64>,
    },
    /// What is known of the release's images, once what runs was looked at.
    Verification {
        /// Each image of each object that names it.
        images: Vec<ImageVerification>,
        /// How many of them are verified.
        summary: VerificationSummary,
    },
    /// Why it failed, with what helps to understand it.
    Failed {
        /// The object that failed, where it is one.
        object: Option<ObjectId>,
        /// Why.
        cause: Cause,
        /// The container's last log lines, cleaned and redacted.
        logs: Vec<String>,
        /// The events that matter, once each.
        events: Vec<String>,
        /// The fields that this promotion changed on the object.
        // Paths alone, and no values.
        changes: Vec<String>,
    },
    /// The server warned, or something should be known.
    Note {
        /// The object, where it is about one.
        object: Option<ObjectId>,
        /// One sentence.
        message: String,
    },
    /// Why the command could not do what was asked for.
    Error {
        /// One sentence.
        message: String,
        /// Why, outermost first; nothing that the message says already.
        causes: Vec<String>,
        /// What to type.
        hints: Vec<String>,
    },
    /// The end: the last event of every stream.
    Finished(RunEnd),
}

/// How a run ended, and what there is afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunEnd {
    /// How.
    pub outcome: RunOutcome,
    /// One sentence.
    pub message: String,
    /// What there is afterwards.
    #[serde(flatten)]
    pub after: StateAfter,
    /// What to type next; none where nothing is to be done.
    pub hints: Vec<String>,
    /// The process's exit code.
    pub exit_code: u8,
}

/// What a run is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunCommand {
    /// `promote`.
    Promote,
    /// `promote --resume`.
    Resume,
    /// `revert`, to an earlier revision too.
    Revert,
    /// `delete`.
    Delete,
    /// `wait`.
    Wait,
}

/// The release of a run, as far as it is known when the run begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartedRelease {
    /// Its name.
    pub name: String,
    /// Its version; missing where the cluster has yet to say which one is reverted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What tells its bytes from others; missing with the version, and where it is withheld.
    #[serde(skip_serializing_if = "PublicDigest::is_withheld")]
    pub digest: PublicDigest,
}

impl From<PublicRelease> for StartedRelease {
    fn from(release: PublicRelease) -> Self {
        Self {
            name: release.name,
            version: Some(release.version),
            digest: release.digest,
        }
    }
}

/// `shop 1.4.2`, or the name alone.
impl fmt::Display for StartedRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.version
            .as_ref()
            .map_or(Ok(()), |version| write!(f, " {version}"))
    }
}

/// One step of the plan, without the contents of objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// Its number in the plan.
    pub id: StepId,
    /// Waves run one after the other, lowest first.
    pub wave: WaveIndex,
    /// Its object.
    pub object: ObjectId,
    /// `create`, `update`, `replace`, `delete`.
    pub action: StepVerb,
    /// Why, in a few words.
    pub reason: String,
    /// What it does besides, and what should be thought of before.
    // Missing, not null: most steps have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
}

/// The phases of a promotion and of a revert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Reading files.
    Load,
    /// Reading the cluster.
    Observe,
    /// Comparing.
    Compare,
    /// Planning and checking.
    Preflight,
    /// Taking the lock.
    Lock,
    /// Trying pods before anything of the release is changed.
    Rehearse,
    /// Writing the journal.
    Journal,
    /// Applying and watching.
    Apply,
    /// Deleting the objects of the release.
    Delete,
    /// Verifying the images and the gates.
    Verify,
    /// Watching that everything stays ready.
    Soak,
    /// Writing the history.
    Commit,
    /// Deleting objects that left the release.
    Prune,
    /// Rolling back, as a promotion does by itself.
    Rollback,
    /// Reverting, as a user has asked for.
    Revert,
}

/// How a promotion, a revert or a wait ended.
// Exit codes follow from it: docs/events.md has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunOutcome {
    /// Promoted.
    Promoted,
    /// Promoted; an object that left the release could not be deleted.
    PromotedPruneIncomplete,
    /// Drift of the promoted release was repaired.
    Repaired,
    /// Everything was in sync already.
    NothingToDo,
    /// Its objects are deleted: no release is promoted.
    Deleted,
    /// Refused; nothing was changed.
    Refused,
    /// A pod of the rehearsal failed; no object of the release was changed.
    RehearsalFailed,
    /// Failed, and rolled back.
    RolledBack,
    /// Failed, and not rolled back, or not wholly.
    RollbackIncomplete,
    /// Reverted, as a user has asked for.
    Reverted,
    /// A revert that was asked for is incomplete.
    RevertIncomplete,
    /// Another run holds the lock.
    Locked,
    /// Interrupted, and rolled back.
    InterruptedRolledBack,
    /// Stopped at once: the journal is open.
    Unfinished,
    /// It could not be begun, or found out.
    Error,
    /// After `wait`: the release is running.
    Running,
    /// After `wait`: something was not applied in time.
    NotApplied,
    /// After `wait`: a rollout, a gate or the soak failed, or another image runs.
    Failed,
    /// After `wait`: the API server did not answer.
    Unreachable,
}

/// Where events go. Implementations print, collect or forward; they never decide.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    // Nothing comes back from a sink: who watches a promotion has no say in it.
    fn emit(&self, event: Event);
}
