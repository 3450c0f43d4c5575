//! Which of several watching processes reports: the one that holds a Lease. The others wait.
//!
//! It is the lock of a promotion with another end. What two of them would report at once is known by the same ids, so that a
//! leader whom the API server does not answer goes on for a while; one that another has followed ends.

use super::acquisition::LockError;
use super::lease::{LeaseTerms, shown_holder};
use super::lock::{Hold, Lock};
use super::process::Holder;
use super::services::RunLimits;
use crate::cluster::Cluster;
use crate::model::names::ROLE_LABEL;
use crate::model::{Object, Target};
use crate::observe::release_state::lease_kind;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often the Lease of another is looked at: for as long as it leads, unlike a lock.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// After an API server did not answer.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Who wants to lead, and by which Lease.
pub struct Candidate {
    /// The cluster.
    pub cluster: Arc<dyn Cluster>,
    /// The namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// A random text, different in every process.
    pub instance: String,
    /// Who acts, as the API server knows them.
    pub actor: String,
    /// Now.
    pub now: fn() -> Timestamp,
}

/// What happens while another leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Another leads: who, for users.
    For(String),
    /// It cannot be found out who does: why.
    Unknown(String),
}

/// The Lease is held, and renewed. Dropping it leaves the Lease to expire.
pub struct Leadership {
    lock: Lock,
    patience: Duration,
}

/// Why leading has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeadershipEnd {
    /// Another holds the Lease, or it was deleted.
    #[error("another replica holds the Lease")]
    Lost,
    /// It could not be renewed for so long that another may hold it.
    #[error("the Lease cannot be renewed: no response of the API server")]
    NotRenewed,
}

impl Candidate {
    /// Waits until this process leads, for as long as that takes. An API server that does not answer is asked again.
    ///
    /// # Errors
    ///
    /// Where the Lease may not be read or written.
    pub async fn lead(&self, waiting: impl Fn(Waiting) + Send + Sync) -> Result<Leadership, LockError> {
        let limits = RunLimits {
            lock_timeout: Duration::MAX,
            ..RunLimits::default()
        };
        let terms = LeaseTerms {
            cluster: self.cluster.clone(),
            target: Target::new(&lease_kind(), Some(&self.namespace), &self.name),
            labels: [(ROLE_LABEL, "leader".to_owned())].into(),
            holder: Holder::this(&self.instance).to_string(),
            actor: self.actor.clone(),
            limits,
            look_again: LOOK_AGAIN,
            now: self.now,
        };

        let other = |lease: &Object, _: Option<Instant>| waiting(Waiting::For(shown_holder(lease)));
        loop {
            match Lock::acquire(&terms, &other).await {
                Ok(lock) => {
                    return Ok(Leadership {
                        lock,
                        patience: limits.patience,
                    });
                }
                Err(LockError::Api { source, .. }) if source.is_transient() => {
                    waiting(Waiting::Unknown(source.to_string()));
                    sleep(ASK_AGAIN).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Leadership {
    /// Waits until it ends.
    pub async fn ended(&self) -> LeadershipEnd {
        loop {
            let held = tokio::select! {
                () = self.lock.lost() => Hold::Lost,
                held = self.lock.confirm_held(self.patience) => held,
            };
            match held {
                Hold::Lost => return LeadershipEnd::Lost,
                Hold::Doubtful => return LeadershipEnd::NotRenewed,
                Hold::Ours(until) => {
                    tokio::select! {
                        () = self.lock.lost() => return LeadershipEnd::Lost,
                        () = until.over() => {}
                    }
                }
            }
        }
    }

    /// Gives the Lease back: another can lead at once.
    pub async fn resign(self) {
        self.lock.release().await;
    }
}
