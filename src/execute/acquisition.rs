//! Taking a lock: until the Lease is ours, or why it cannot be had.
//!
//! A Lease that nobody holds, or whose holder is certainly gone, is taken at once; any other one only after
//! this process has watched it for its whole duration without a change, by its own clock. Nothing but the
//! limits and an answer of the server ends the waiting.

use super::lease::{
    LeaseTerms, LeaseVersion, holder_is_gone, holder_of, lease_duration, lease_options, looks_abandoned,
    shown_holder,
};
use crate::cluster::{ApiError, Moment};
use crate::model::Object;
use crate::model::moves::ReleaseRef;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long to wait after a write whose answer was lost.
const WRITE_AGAIN: Duration = Duration::from_millis(300);

/// Why a lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another holds it.
    #[error("{release}locked by {holder} since {since}")]
    Held {
        /// Nothing, or the name of another release with its verb.
        release: String,
        /// For people: which process on which host, or the identity as written.
        holder: String,
        /// When it took the lock.
        since: String,
    },
    /// A person wants to stop.
    #[error("interrupted while it waited for the lock; nothing was changed")]
    Interrupted,
    /// It cannot be read or written.
    #[error("cannot take the lock {target}")]
    Api {
        /// The Lease.
        target: String,
        /// Why not.
        #[source]
        source: ApiError,
    },
}

impl LockError {
    /// The same, where it is another release's lock that a run needs, too.
    pub(super) fn for_moving_objects(self, release: &ReleaseRef) -> Self {
        match self {
            Self::Held { holder, since, .. } => Self::Held {
                release: format!("release {}, whose objects would move, is ", release.name),
                holder,
                since,
            },
            error => error,
        }
    }
}

/// A Lease that is to be taken.
pub(super) struct Acquisition<'a> {
    pub terms: &'a LeaseTerms,
    /// Called while another holds it: the Lease, and until when it is waited for; none where nothing ends the wait.
    pub waiting: &'a (dyn Fn(&Object, Option<Instant>) + Send + Sync),
}

/// A Lease that was taken, and when that was asked for.
pub(super) struct Acquired {
    pub lease: LeaseVersion,
    pub asked: Moment,
}

impl Acquisition<'_> {
    /// Waits until the Lease is ours, as long as the limits allow.
    pub(super) async fn acquire(&self) -> Result<Acquired, LockError> {
        let start = Instant::now();
        // Outside of the loop: how long a Lease has not changed is counted over all looks.
        let mut watched = WatchedLease::default();

        loop {
            let found = self.terms.cluster.get(&self.terms.target).await;
            let found = found.map_err(|error| self.error(error))?;

            // Looked at before the limit is: a Lease that has just expired is taken, and not given up.
            let is_free = match &found {
                None => true,
                Some(lease) => self.is_takeable(lease, watched.unchanged_for(lease)),
            };
            if is_free {
                if let Some(acquired) = self.write(found.as_ref(), start).await? {
                    return Ok(acquired);
                }
            } else if let Some(lease) = found {
                let limit = self.check_wait_allowed(&lease, start)?;
                (self.waiting)(&lease, start.checked_add(limit));
                sleep(self.terms.look_again).await;
            }
        }
    }

    /// Whether the Lease can be taken over now.
    fn is_takeable(&self, lease: &Object, unchanged: Duration) -> bool {
        let holder = holder_of(lease);
        // Ours: the answer to an earlier try was lost.
        holder.is_empty()
            || holder == self.terms.holder
            || holder_is_gone(lease)
            || unchanged >= lease_duration(lease)
    }

    /// How long it is waited for in all. A Lease that looks abandoned is watched for its own duration in any case.
    fn check_wait_allowed(&self, lease: &Object, start: Instant) -> Result<Duration, LockError> {
        let limits = &self.terms.limits;
        // Twice its duration: it may have been renewed once more, right after the first look.
        let abandoned_limit = if looks_abandoned(lease, (self.terms.now)()) {
            lease_duration(lease) * 2
        } else {
            Duration::ZERO
        };

        let limit = limits.lock_timeout.max(abandoned_limit);
        if start.elapsed() < limit {
            return Ok(limit);
        }
        Err(LockError::Held {
            release: String::new(),
            holder: shown_holder(lease),
            since: lease.text("/spec/acquireTime").to_owned(),
        })
    }

    /// Writes the Lease; none where somebody was faster, or where it is to be looked at again.
    async fn write(&self, found: Option<&Object>, start: Instant) -> Result<Option<Acquired>, LockError> {
        let mut body = self.terms.body();
        // Before the request: the holder's time has to end before that of whoever watches the Lease.
        let asked = Moment::now();

        let LeaseTerms { cluster, target, .. } = self.terms;
        let answer = match found {
            None => cluster.create(target, &body, &lease_options()).await,
            Some(found) => {
                LeaseVersion::from_lease(found).write_into(&mut body);
                cluster.replace(target, &body, &lease_options()).await
            }
        };

        match answer {
            Ok(answer) => Ok(Some(Acquired {
                lease: LeaseVersion::from_lease(&answer.object),
                asked,
            })),
            // Somebody was faster.
            Err(error) if error.is_conflict() || error.is_not_found() && found.is_some() => Ok(None),
            // Our own identity is found again at the next look.
            Err(error) if error.may_have_been_done() && start.elapsed() < self.terms.limits.patience => {
                sleep(WRITE_AGAIN).await;
                Ok(None)
            }
            Err(error) => Err(self.error(error)),
        }
    }

    fn error(&self, source: ApiError) -> LockError {
        LockError::Api {
            target: self.terms.target.to_string(),
            source,
        }
    }
}

/// Since when, by our own clock, a Lease has not changed. `renewTime` is by the holder's, which may be wrong.
#[derive(Default)]
struct WatchedLease(Option<(String, Instant)>);

impl WatchedLease {
    fn unchanged_for(&mut self, lease: &Object) -> Duration {
        let version = lease.resource_version();
        match &self.0 {
            Some((known, since)) if known == version => since.elapsed(),
            _ => {
                self.0 = Some((version.to_owned(), Instant::now()));
                Duration::ZERO
            }
        }
    }
}
