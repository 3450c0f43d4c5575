//! What the execution needs from outside: the cluster, where events go, what a person wants, time and ids.

use super::patience::Patience;
pub use super::patience::Problem;
use crate::cluster::{Cluster, Deadline};
use crate::model::event::{EventSink, Outcome};
use crate::model::journal::Failure;
use crate::model::path::FieldPath;
use crate::model::state_key::StateKey;
use crate::model::{Object, Target};
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What a person wants while it runs: the value of the interrupt channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interrupt {
    /// Go on.
    #[default]
    None,
    /// Stop, and put everything back.
    Revert,
    /// Leave at once; a later run settles it.
    Leave,
}

/// What the execution needs from outside.
#[derive(Clone)]
pub struct Services {
    /// The cluster.
    pub cluster: Arc<dyn Cluster>,
    /// Where events go.
    pub events: Arc<dyn EventSink>,
    /// What a person wants.
    pub interrupt: watch::Receiver<Interrupt>,
    /// Judges rollouts.
    pub rollout: Arc<dyn Rollout>,
    /// Now.
    pub now: fn() -> Timestamp,
    /// A random text, different in every process: part of the holder's identity.
    pub instance: String,
    /// Who acts, as the API server knows them.
    pub actor: String,
    /// Limits of time.
    pub limits: Limits,
    /// How many promotions the history keeps.
    pub keep_history: usize,
    /// The key to what releases keep, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
}

/// Limits of time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a lock lasts without being renewed.
    pub lease: Duration,
    /// How long to wait for a lock that another holds.
    pub lock_timeout: Duration,
    /// How long an API server may not answer before the run leaves its journal to a later one.
    pub patience: Duration,
    /// How long a deleted object may take to go.
    pub gone: Duration,
    /// How long a request of a run that may still be alive can be on its way.
    pub in_flight: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            lock_timeout: Duration::ZERO,
            patience: Duration::from_secs(120),
            gone: Duration::from_secs(120),
            in_flight: Duration::from_secs(10),
        }
    }
}

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

impl Problem {
    /// One sentence.
    pub fn said(self) -> String {
        super::ending::problem(self)
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

#[async_trait]
impl Bounds for Patience {
    fn patience(&self) -> Duration {
        self.limit
    }

    fn may_write(&self) -> bool {
        true
    }

    async fn before_write(&self) -> Result<Option<Deadline>, Problem> {
        self.start().before_write().await.map(Some)
    }
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

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How: decides the exit code.
    pub outcome: Outcome,
    /// One sentence.
    pub message: String,
    /// What to type next.
    pub next: Vec<String>,
}
