//! The journal: what a promotion is doing to the cluster and how far it got, so that any later run can finish or undo it. A small
//! head is rewritten as it goes on; the bodies it needs lie in bundles that are written once.
//!
//! Journal before effect: what a request will change is in the head before it is sent, and a head that cannot be written ends the run.
//! It has to fit into one object, so that what a step sends and what was there before lie in Secrets of the objects' own namespaces.

mod criteria;
mod head;
mod parts;

pub use self::criteria::{LoadedGate, SuccessCriteria};
pub use self::head::{Head, Previous};
pub use self::parts::{Parts, PromotionPart, StepPart};
use super::bundle::PartBundle;
use super::format::{FormatVersion, Rest};
use super::identity::{ObjectId, Target, Uid, optional_uid};
use super::moves::ReleaseRef;
use super::operation::Operation;
use super::plan::Plan;
use super::rehearsal::RehearsalPod;
use super::release::PublicRelease;
use super::rollback_outlook::RollbackOutlook;
use super::step_id::{StepId, WaveIndex};
use super::step_verb::StepVerb;
use super::verdict::{Cause, CauseKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Hex digits of a content's hash that are kept: enough to tell contents apart, and half as many bytes a step.
const HASH_DIGITS: usize = 32;

/// One promotion, from its first request to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// Of this document.
    #[serde(default = "FormatVersion::first")]
    pub format_version: FormatVersion,
    /// The promotion's id.
    pub id: String,
    /// Counts the writes of the head, so that a writer whose answer was lost knows its own write again.
    pub serial: u64,
    /// What is promoted, or deleted.
    pub release: PublicRelease,
    /// What is done to it.
    #[serde(default, skip_serializing_if = "Operation::is_promote")]
    pub operation: Operation,
    /// Home namespace.
    pub namespace: String,
    /// Its revision in the history.
    pub revision: u32,
    /// Who promotes.
    pub actor: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How far it is.
    pub phase: JournalPhase,
    /// How it ended, once it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<HistoryOutcome>,
    /// One sentence for whoever reads it with kubectl.
    pub message: String,
    /// Who works on it: the lock's holder.
    // With id and serial it tells a run's own write from that of the run that took over.
    pub holder: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How it is reverted, once it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverting: Option<Reverting>,
    /// Pre-images and bodies: Secrets, each in the namespace of what it copies.
    // Named before they are written: a run that is killed in between leaves nothing that nobody knows of.
    pub parts: Vec<PartBundle>,
    /// The release's bytes and desired objects.
    pub record: Vec<PartBundle>,
    /// Parts that nobody needs any more, and that may be there still: what the history no longer keeps, and what a
    /// closed journal no longer needs.
    // Named at least until they are deleted: what a killed run has left goes with a later one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forget: Vec<PartBundle>,
    /// Other releases whose members it takes: their locks are held, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves_from: Vec<ReleaseRef>,
    /// Pods of its rehearsal: each may be there, and nothing else of it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rehearsal: Vec<RehearsalPod>,
    /// Whether a failure could be rolled back, as it was found before the first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackOutlook>,
    /// One entry a step of the plan: first the steps, then what is pruned.
    pub steps: Vec<StepProgress>,
    /// What a later program wrote beside it.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How far a promotion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum JournalPhase {
    /// Pods of its templates are tried; no object of the release was touched.
    Rehearsing,
    /// Its parts are being written; no object of the release was touched.
    Preparing,
    /// Its parts are there; no object of the release was touched.
    Open,
    /// Steps are being done.
    Applying,
    /// The release is promoted; objects that left it are being deleted. Only forward from here.
    Committed,
    /// Steps are being undone.
    Reverting,
    /// It has ended.
    Closed,
}

/// How a promotion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HistoryOutcome {
    /// Promoted.
    Promoted,
    /// Promoted, and something that is no longer desired could not be deleted.
    PromotedPruneIncomplete,
    /// Drift of what is promoted was repaired: no revision of its own.
    Repaired,
    /// Rolled back or reverted.
    #[serde(rename = "reverted")] // As the next one in format version 1.
    RolledBack,
    /// Not everything could be restored or deleted.
    #[serde(rename = "notFullyReverted")]
    RollbackIncomplete,
    /// Its objects are deleted: no release is promoted.
    Deleted,
}

impl HistoryOutcome {
    /// Whether the release is what runs after it.
    pub fn is_promoted(self) -> bool {
        matches!(
            self,
            HistoryOutcome::Promoted | HistoryOutcome::PromotedPruneIncomplete
        )
    }

    /// Whether it came to its commit and was not reverted since.
    pub fn is_committed(self) -> bool {
        self.is_promoted() || self == HistoryOutcome::Deleted
    }

    /// Whether its run came to its commit: a repair's, too, which leaves the current revision as it is.
    pub fn is_past_commit(self) -> bool {
        self.is_committed() || self == HistoryOutcome::Repaired
    }
}

/// Why a promotion failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The object, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectId>,
    /// Why.
    pub cause: Cause,
}

impl Failure {
    /// Of an object, or of the whole; of no container.
    pub fn new(object: Option<ObjectId>, kind: CauseKind, message: String) -> Self {
        let cause = Cause {
            kind,
            message,
            pod: None,
            container: None,
            previous_logs: false,
        };
        Self { object, cause }
    }
}

/// How a promotion is reverted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reverting {
    /// Whether edits by others win on fields that the promotion changed.
    // Once asked for, it stays: a later run can add it, and not take it away.
    pub keep_foreign: bool,
    /// What led to it.
    pub why: RollbackReason,
    /// Whether the promotion or the deletion had been finished.
    // The ending is taken out while it is put back: this is all that tells it then.
    pub was_promoted: bool,
}

/// What led to a revert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RollbackReason {
    /// The promotion failed.
    Failed,
    /// A person interrupted it.
    Interrupted,
    /// `revert` was asked for.
    Asked,
}

/// How far one step is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepProgress {
    /// The step's id in the plan.
    pub id: StepId,
    /// Its object.
    pub target: Target,
    /// `create`, `update`, `replace`, `delete`.
    // As in the plan, for who reads the head alone. Text: a later program may have written another word.
    pub verb: String,
    /// Its wave.
    pub wave: WaveIndex,
    /// Whether it belongs to the deletions after the commit.
    // Left out where it says nothing: thousands of steps share one object.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prune: bool,
    /// How far it is.
    pub state: StepState,
    /// Whether its object was seen ready since: a Job has run, a workload is rolled out.
    // What ran once may be gone: a run that takes over neither misses nor repeats it. Format version 1 has the name.
    #[serde(rename = "well", default, skip_serializing_if = "std::ops::Not::not")]
    pub ready: bool,
    /// How far its undo is.
    #[serde(default, skip_serializing_if = "UndoState::is_pending")]
    pub undo: UndoState,
}

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum StepState {
    /// Nothing was sent.
    Pending,
    /// Its request may have been sent, and may have been done.
    // Written before the request is sent: the object alone tells whether it arrived.
    Intended,
    /// Done: what the object was afterwards.
    Done {
        /// Its uid, where it is a new one.
        // A uid is the identity of what was created; of what was changed the plan knows it.
        #[serde(default, with = "optional_uid", skip_serializing_if = "Option::is_none")]
        uid: Option<Uid>,
        /// The first digits of its content's hash; empty where it was deleted.
        content: String,
    },
    /// Refused or in conflict: nothing was changed.
    // What failed after a part of it was done is never this: it stays intended, and is undone.
    NotDone {
        /// Why.
        why: String,
    },
}

/// How far a step's undo is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum UndoState {
    /// Not undone.
    #[default]
    Pending,
    /// Undone, or there was nothing to undo.
    Done {
        /// The first digits of its content's hash; empty where it is gone.
        content: String,
        /// What should be known: a new uid, kept edits.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    /// Could not be undone.
    Left {
        /// Why.
        why: String,
        /// What to type to finish by hand.
        // Whole ones: in a head that is full a command that would be cut is left out.
        by_hand: Vec<String>,
    },
}

impl StepProgress {
    /// Whether its object is deleted.
    pub fn is_deletion(&self) -> bool {
        self.verb == StepVerb::Delete.as_str()
    }
}

impl StepState {
    /// Done, with the object's uid, where it is a new one, and the hash of its content; empty where it is gone.
    pub fn done(uid: Option<Uid>, hash: &str) -> Self {
        Self::Done {
            uid,
            content: first_digits(hash),
        }
    }

    /// Whether an object with this hash of its content is as the step left it.
    pub fn is_left_as(&self, hash: &str) -> bool {
        // The start of a hash is kept; of a deletion nothing is, and every hash would begin with that.
        matches!(self, Self::Done { content, .. } if !content.is_empty() && hash.starts_with(content.as_str()))
    }
}

fn first_digits(hash: &str) -> String {
    hash.chars().take(HASH_DIGITS).collect()
}

impl UndoState {
    /// Undone, with the hash of the object's content, empty where it is gone, and what should be known.
    pub fn done(hash: &str, notes: Vec<String>) -> Self {
        Self::Done {
            content: first_digits(hash),
            notes,
        }
    }

    fn is_pending(&self) -> bool {
        *self == UndoState::Pending
    }
}

impl Journal {
    /// That of a plan, before anything of it is stored.
    pub fn new(plan: &Plan, holder: &str, started_at: Timestamp) -> Self {
        Self {
            id: plan.id.clone(),
            serial: 0,
            release: plan.release.clone(),
            operation: plan.operation,
            namespace: plan.namespace.clone(),
            revision: plan.revision,
            actor: plan.actor.clone(),
            started_at,
            ended_at: None,
            phase: JournalPhase::Preparing,
            ending: None,
            message: "writing the journal; nothing was changed yet".into(),
            holder: holder.into(),
            failure: None,
            reverting: None,
            parts: Vec::new(),
            record: Vec::new(),
            forget: Vec::new(),
            moves_from: Vec::new(),
            rollback: None,
            rehearsal: Vec::new(),
            steps: Vec::new(),
            rest: Rest::new(),
            format_version: FormatVersion::default(),
        }
    }

    /// Whether a run has to finish or undo it.
    pub fn is_open(&self) -> bool {
        self.phase != JournalPhase::Closed
    }

    /// Whether `revert` can undo it.
    pub fn is_committed(&self) -> bool {
        !self.is_open() && self.ending.is_some_and(HistoryOutcome::is_committed)
    }

    /// The progress of a step.
    pub fn step(&self, id: StepId) -> Option<&StepProgress> {
        self.steps.get(self.position(id)?)
    }

    /// The progress of a step, to change.
    pub fn step_mut(&mut self, id: StepId) -> Option<&mut StepProgress> {
        let at = self.position(id)?;
        self.steps.get_mut(at)
    }

    /// A plan counts its steps from 0, in order.
    fn position(&self, id: StepId) -> Option<usize> {
        // By its place: a large journal looks up each of its steps again and again.
        let at = usize::try_from(id.get()).ok()?;
        if self.steps.get(at).is_some_and(|step| step.id == id) {
            return Some(at);
        }
        self.steps.iter().position(|step| step.id == id)
    }
}
