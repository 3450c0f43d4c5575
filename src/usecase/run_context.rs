//! What the use cases that change a cluster give to an execution.

use super::signals::Signals;
use super::{CommandError, ErrorKind, kept, random};
use crate::cluster::Cluster;
use crate::execute::{ExecuteError, Limits, LockError, Services, StoreError};
use crate::model::event::EventSink;
use crate::model::state_key::StateKey;
use crate::monitor::{Watching, WatchingOptions};
use jiff::Timestamp;
use std::sync::Arc;

/// What a run is given besides its plan.
pub struct RunContext {
    /// What a person wants meanwhile.
    pub signals: Signals,
    /// The door to the cluster.
    pub cluster: Arc<dyn Cluster>,
    /// Who acts, as the API server knows them.
    pub actor: String,
    /// What rollouts are judged by.
    pub watching: WatchingOptions,
    /// Limits of time.
    pub limits: Limits,
    /// How many promotions the history keeps.
    pub keep_history: usize,
    /// The key to what releases keep, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
}

/// Everything that an execution needs from outside.
pub fn services(acting: RunContext, events: Arc<dyn EventSink>) -> Result<Services, CommandError> {
    let RunContext {
        signals,
        cluster,
        actor,
        watching,
        limits,
        keep_history,
        state_key,
    } = acting;
    let rollout = Arc::new(Watching::new(cluster.clone(), events.clone(), watching));
    let instance = random::id()?;
    Ok(Services {
        cluster,
        events,
        interrupt: signals.wanted(),
        rollout,
        now: Timestamp::now,
        instance,
        actor,
        limits,
        keep_history,
        state_key,
    })
}

/// How an error ends a command.
pub fn kind_of(error: &ExecuteError) -> ErrorKind {
    match error {
        ExecuteError::Lock(LockError::Held { .. }) => ErrorKind::Locked,
        ExecuteError::Nothing(_) => ErrorKind::Refused,
        ExecuteError::Home(error) | ExecuteError::Store(StoreError::Home(error)) => kept::kind_of(error),
        _ => ErrorKind::Unreachable,
    }
}
