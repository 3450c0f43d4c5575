//! What happens during a promotion or a revert, as it happens. One enum, several renderers.
//!
//! Programs read them, one JSON document a line: names and fields are documented, and stay. Objects are named
//! and never contained, so that no value of a Secret is in an event; texts of servers and nodes are redacted
//! where they enter.

use super::identity::ObjectId;
use super::plan::PreflightFinding;
use super::step_id::{StepId, WaveIndex};
use super::step_verb::StepVerb;
use super::verdict::{Cause, Health};
use super::verification::{ImageVerification, VerificationSummary};
use serde::Serialize;

/// One thing that happened.
// Written and never read back.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
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
    /// An object's verdict changed.
    Rollout {
        /// The object.
        object: ObjectId,
        /// Its verdict.
        verdict: Health,
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
    /// The end.
    Finished {
        /// How.
        outcome: RunOutcome,
        /// One sentence.
        message: String,
        /// What to type next.
        next: Vec<String>,
    },
}

/// One step of the plan, as people and programs are told of it: without the objects' contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// Its number in the plan.
    pub id: StepId,
    /// Waves run one after the other, lowest first.
    pub wave: WaveIndex,
    /// Its object.
    pub object: ObjectId,
    /// `create`, `apply`, `recreate`, `delete`.
    pub action: StepVerb,
    /// Why, in a few words.
    pub why: String,
    /// What should be thought of before it is done.
    // Missing, not null: most steps have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<String>,
}

/// The phases of a promotion and of a revert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
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
    /// Writing the journal.
    Journal,
    /// Applying and watching.
    Apply,
    /// Proving the images and the gates.
    Prove,
    /// Watching that it stays well.
    Soak,
    /// Writing the history.
    Commit,
    /// Deleting what is no longer desired.
    Prune,
    /// Putting back.
    Revert,
}

/// How a promotion, a revert or a wait ended.
// Exit codes follow from it: docs/events.md has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RunOutcome {
    /// Promoted.
    Promoted,
    /// Promoted; something that is no longer desired could not be deleted.
    PromotedPruneIncomplete,
    /// The cluster was already as desired.
    NothingToDo,
    /// Refused before anything was touched.
    Refused,
    /// Failed, and everything is as before.
    Reverted,
    /// Failed, and not everything could be put back.
    NotFullyReverted,
    /// Another promotion holds the lock.
    Locked,
    /// Interrupted, and everything is as before.
    InterruptedReverted,
    /// Left at once: the journal is open.
    Left,
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
