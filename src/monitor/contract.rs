//! What is asked of a monitor, what it is bound by, and what it asks to have written.
//!
//! A monitor writes nothing. What a rollout or a gate needs written it gives back as a [`MonitorWrite`], and
//! whoever holds the lock sends it; whoever holds none answers that nothing was sent.

use crate::cluster::ApiError;
use crate::model::journal::Failure;
use crate::model::phrase::format_seconds;
use crate::model::verification::VerificationSummary;
use crate::model::{FieldPath, Object, StepId, Target};
use async_trait::async_trait;
use std::time::Duration;

/// An object whose rollout is judged.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The step that changed it.
    pub step: StepId,
    /// Where it is reached.
    pub target: Target,
    /// As the server answered the step, or as it was read when the run was taken up again.
    pub answer: Object,
    /// As it was before the promotion; none where it was not there, or is not known.
    pub before: Option<Object>,
    /// The fields that the step changed.
    pub changes: Vec<FieldPath>,
}

/// Why judging ended before everything was well.
#[derive(Clone, Debug, PartialEq)]
pub enum Stopped {
    /// Something is not as it should be.
    Failed(Box<Failure>),
    /// Nothing can be said: the API server is silent, or the lock is another's.
    CannotContinue(StopReason),
}

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The lock is another's.
    LockLost,
    /// No answer for too long.
    Unreachable {
        /// How long.
        seconds: u64,
    },
}

impl StopReason {
    /// One sentence.
    pub fn message(self) -> String {
        match self {
            StopReason::LockLost => "the lock was taken over by another run".into(),
            StopReason::Unreachable { seconds } => {
                format!("no response from the API server for {}", format_seconds(seconds))
            }
        }
    }
}

impl From<Box<Failure>> for Stopped {
    fn from(failure: Box<Failure>) -> Self {
        Stopped::Failed(failure)
    }
}

impl From<StopReason> for Stopped {
    fn from(problem: StopReason) -> Self {
        Stopped::CannotContinue(problem)
    }
}

/// A request that a rollout or a gate needs, as data. A repeated one does no harm.
#[derive(Clone, Debug, PartialEq)]
pub enum MonitorWrite {
    /// Create this object: a gate's Job, under a name that nobody else knows.
    Create {
        /// Where.
        target: Target,
        /// What.
        object: Box<Object>,
    },
    /// Delete the object with this uid: a pod that holds a rollout up, or a gate's Job.
    Delete {
        /// Where.
        target: Target,
        /// Which one. No resourceVersion: a pod's status moves all the time, and each version is in the way.
        uid: String,
    },
}

/// What became of a write.
#[derive(Debug)]
pub enum WriteAnswer {
    /// Nothing was sent: this context only watches.
    NotSent,
    /// The object was created; as the server holds it.
    Created(Box<Object>),
    /// The object is gone, or on its way out.
    Deleted,
    /// There was nothing to delete.
    Absent,
    /// The server refused it, or did not answer.
    Failed(ApiError),
}

/// What monitoring is bound by, and who writes for it.
#[async_trait]
pub trait MonitorContext: Send + Sync {
    /// How long the API server may be silent.
    fn patience(&self) -> Duration;

    /// Sends one write, once the lock is surely held; an error where it is not.
    async fn write(&self, write: &MonitorWrite) -> Result<WriteAnswer, StopReason>;
}

/// What became of a pod that was tried.
#[derive(Clone, Debug, PartialEq)]
pub enum Rehearsed {
    /// It became ready.
    Ready,
    /// It did not, and does not by itself.
    Failed(Box<Failure>),
    /// It could not be found out, and why.
    Unknown(String),
}

/// Judges rollouts: watches objects until all are as they should be or one fails, and says so by events
/// (`Event::Rollout`, `Event::Failed`). Its futures may be dropped at any time.
#[async_trait]
pub trait Rollout: Send + Sync {
    /// Records how these stand before anything is written: what is broken already is noted, and not blamed later.
    async fn before(&self, targets: &[Target]);

    /// Has the pod created and waits until it is ready, or is not for good. Whoever asked deletes it.
    async fn rehearse(
        &self,
        target: &Target,
        pod: &Object,
        timeout: Duration,
        context: &dyn MonitorContext,
    ) -> Result<Rehearsed, StopReason>;

    /// Waits until every object is done; the first that fails ends it.
    async fn follow(&self, watched: &[Watched], context: &dyn MonitorContext) -> Result<(), Stopped>;

    /// Whether what runs is what was tested, and the gates hold; what was verified, where images were tested.
    async fn prove(&self, context: &dyn MonitorContext) -> Result<Option<VerificationSummary>, Stopped>;

    /// Whether everything stays well for so long.
    async fn soak(
        &self,
        watched: &[Watched],
        time: Duration,
        context: &dyn MonitorContext,
    ) -> Result<(), Stopped>;
}
