//! What is asked of a monitor, and what it is bound by.

use crate::cluster::Deadline;
use crate::model::journal::Failure;
use crate::model::{FieldPath, Object, Target};
use async_trait::async_trait;
use std::time::Duration;

/// An object whose rollout is judged.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The step that changed it.
    pub step: u32,
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
    CutOff(Problem),
}

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The lock is another's.
    LockLost,
    /// No answer for too long.
    Unreachable {
        /// How long.
        seconds: u64,
    },
}

impl Problem {
    /// One sentence.
    pub fn said(self) -> String {
        match self {
            Problem::LockLost => "another run has taken the lock".into(),
            Problem::Unreachable { seconds } => format!("the API server did not answer for {seconds} s"),
        }
    }
}

impl From<Box<Failure>> for Stopped {
    fn from(failure: Box<Failure>) -> Self {
        Stopped::Failed(failure)
    }
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Stopped::CutOff(problem)
    }
}

/// What judging is bound by.
#[async_trait]
pub trait Bounds: Send + Sync {
    /// How long the API server may be silent.
    fn patience(&self) -> Duration;
    /// Whether a rollout that is stuck may be helped on.
    fn may_write(&self) -> bool;
    /// Waits until a write is surely allowed; until when it may be sent. To be called right before each.
    async fn before_write(&self) -> Result<Option<Deadline>, Problem>;
}

/// Judges rollouts: watches objects until all are as they should be or one fails, and says so by events
/// (`Event::Rollout`, `Event::Failed`). Its futures may be dropped at any time.
#[async_trait]
pub trait Rollout: Send + Sync {
    /// Takes down how these stand before anything is written: what is broken already is said, and not blamed later.
    async fn before(&self, targets: &[Target]);

    /// Waits until every object is done; the first that fails ends it.
    async fn follow(&self, watched: &[Watched], bounds: &dyn Bounds) -> Result<(), Stopped>;

    /// Whether what runs is what was tested, and the gates hold.
    async fn prove(&self, bounds: &dyn Bounds) -> Result<(), Stopped>;

    /// Whether everything stays well for so long.
    async fn soak(&self, watched: &[Watched], time: Duration, bounds: &dyn Bounds) -> Result<(), Stopped>;
}
