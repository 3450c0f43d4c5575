//! What the use cases that change a cluster give to an execution, and how its errors end a command.

use super::signals::Signals;
use super::system::random_id;
use super::{CommandError, ErrorKind, gates, release_state};
use crate::cluster::Cluster;
use crate::execute::{ExecuteError, LockError, RunLimits, Services, StoreError};
use crate::model::Target;
use crate::model::event::EventSink;
use crate::model::inventory::MAX_HISTORY;
use crate::model::journal::SuccessCriteria;
use crate::model::k8s::ownership::release_namespaces;
use crate::model::release::RecordedImage;
use crate::model::state_key::StateKey;
use crate::monitor::{Watching, WatchingOptions};
use crate::observe::release_state::ReleaseStateError;
use crate::registry::RegistryOptions;
use crate::usecase::images::AskRegistries;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// What connects a run with its user.
#[derive(Clone)]
pub struct Channels {
    /// What the user wants meanwhile.
    pub signals: Signals,
    /// Where events go.
    pub events: Arc<dyn EventSink>,
}

/// What a run is given besides its plan.
pub struct RunContext {
    /// To and from the user.
    pub channels: Channels,
    /// The client to the cluster.
    pub cluster: Arc<dyn Cluster>,
    /// Who acts, as the API server knows them.
    pub actor: String,
    /// What rollouts are judged by.
    pub watching: WatchingOptions,
    /// Limits of time.
    pub limits: RunLimits,
    /// How many promotions the history keeps.
    pub keep_history: usize,
    /// Registries without TLS.
    pub insecure_registries: Vec<String>,
    /// The key to what releases keep, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
}

impl RunContext {
    /// Of a run that promotes nothing: only how long it waits for the lock is its user's to say.
    ///
    /// # Errors
    ///
    /// Where the cluster does not tell who acts.
    pub async fn without_promotion(
        channels: Channels,
        cluster: Arc<dyn Cluster>,
        lock_timeout: Duration,
        state_key: Option<StateKey>,
    ) -> Result<Self, CommandError> {
        Ok(Self {
            channels,
            actor: cluster.whoami().await?,
            cluster,
            watching: WatchingOptions::default(),
            limits: RunLimits {
                lock_timeout,
                ..RunLimits::default()
            },
            // What a promotion was told to keep is not known here.
            keep_history: MAX_HISTORY,
            insecure_registries: Vec::new(),
            state_key,
        })
    }

    /// With what a promotion's end is judged by: its images, its members, and what the environment asks for.
    #[must_use]
    pub fn with_criteria(
        mut self,
        images: &[RecordedImage],
        members: &[Target],
        criteria: &SuccessCriteria,
        home: &str,
    ) -> Self {
        let watching = &mut self.watching;
        watching.gates = gates::runnable_gates(&criteria.gates, home);
        watching.tested = images.to_vec();
        // Of its own: a host that was silent before the rollout may answer after it.
        let registries = RegistryOptions::new(&self.insecure_registries, &criteria.registries);
        watching.resolver = Some(Arc::new(AskRegistries::new(&registries)));
        watching.injected = criteria.injected.clone();
        watching.policy.health_checks = criteria.health_checks.clone();
        watching.policy.unknown_health = watching.policy.unknown_health.stricter(criteria.unknown_health);
        watching.policy.not_waited = criteria.wait.clone();
        watching.services = services_among(members);
        watching.members = members.to_vec();
        watching.namespaces = release_namespaces(members.iter(), home);
        self
    }

    /// Everything that an execution needs from outside.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no random bytes.
    pub fn into_services(self) -> Result<Services, CommandError> {
        let Channels { signals, events } = self.channels;
        let rollout = Watching::new(self.cluster.clone(), events.clone(), self.watching);
        Ok(Services {
            cluster: self.cluster,
            events,
            interrupt: signals.wanted(),
            rollout: Arc::new(rollout),
            now: Timestamp::now,
            // Of this run alone: by it a Lease whose answer was lost is known to be ours.
            instance: random_id()?,
            actor: self.actor,
            limits: self.limits,
            keep_history: self.keep_history,
            state_key: self.state_key,
        })
    }
}

/// The Services among the members of a release.
fn services_among(members: &[Target]) -> Vec<Target> {
    let is_service = |one: &&Target| one.resource.group.is_empty() && one.resource.kind == "Service";
    members.iter().filter(is_service).cloned().collect()
}

/// How an error of an execution ends a command.
pub fn run_error(error: &ExecuteError) -> CommandError {
    let kind = match error {
        ExecuteError::Lock(LockError::Held { .. }) => ErrorKind::Locked,
        // The words stand for themselves: they are an answer to what was typed.
        ExecuteError::Nothing { message, hint } => return CommandError::usage(message).with_hint(hint),
        ExecuteError::NothingToRevert { message, hints } => {
            return hints
                .iter()
                .fold(CommandError::usage(message), CommandError::with_hint);
        }
        // With what to type.
        ExecuteError::ReleaseState(error @ ReleaseStateError::Newer { .. }) => {
            return release_state::home_error(error);
        }
        ExecuteError::ReleaseState(error) | ExecuteError::Store(StoreError::ReleaseState(error)) => {
            release_state::kind_of(error)
        }
        _ => ErrorKind::Unreachable,
    };
    CommandError::from_error(kind, error)
}
