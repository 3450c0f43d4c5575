//! What the execution needs from outside: the cluster, where events go, what a person wants, time and ids.

use crate::cluster::Cluster;
use crate::model::event::{EventSink, RunOutcome};
use crate::model::run_end::StateAfter;
use crate::model::state_key::StateKey;
use crate::monitor::Rollout;
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
    /// Stop, and roll back.
    Revert,
    /// Stop at once; a later run resumes it.
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
    pub limits: RunLimits,
    /// How many promotions the history keeps.
    pub keep_history: usize,
    /// The key to what releases keep, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
}

/// Limits of time.
#[derive(Clone, Copy, Debug)]
pub struct RunLimits {
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

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            // Renewed three times in it; whoever takes over from a run that died waits for all of it.
            lease: Duration::from_secs(15),
            lock_timeout: Duration::ZERO,
            patience: Duration::from_secs(120),
            gone: Duration::from_secs(120),
            // The time limit that every write carries.
            in_flight: Duration::from_secs(10),
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// How: decides the exit code.
    pub outcome: RunOutcome,
    /// One sentence.
    pub message: String,
    /// What there is afterwards, as far as this run knows.
    pub after: StateAfter,
    /// What to type next.
    pub hints: Vec<String>,
}

impl RunReport {
    /// Of a run that has not read what is promoted.
    pub fn new(outcome: RunOutcome, message: impl Into<String>, hints: Vec<String>) -> Self {
        Self {
            outcome,
            message: message.into(),
            after: StateAfter::default(),
            hints,
        }
    }
}
