//! The lock: one promotion or revert per release name and namespace. A Lease, renewed; a deadline that each
//! write carries, and that is looked at right before it is sent.
//!
//! Whether it may be taken is never decided by comparing the clocks of two machines. A holder counts the
//! Lease's duration from before it asked for a renewal, so that its own time ends first; an observer counts
//! it from when it last saw the Lease change. At once it is taken over only from a process of this machine
//! that is certainly gone. The renewal runs beside everything else, and a lock that was lost is never taken
//! back: what the run has done lies in its journal.

use super::acquisition::{Acquired, Acquisition, LockError};
use super::lease::{
    LeaseTerms, LeaseVersion, holder_of, lease_options, lease_target, micro_time, shown_holder,
};
use super::process::Holder;
use super::services::{Interrupt, Services};
use crate::cluster::{Cluster, Moment, SendDeadline};
use crate::model::moves::ReleaseRef;
use crate::model::names::{RELEASE_LABEL, ROLE_LABEL};
use crate::model::{Object, Target};
use crate::monitor::Heartbeat;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How often a lock that another holds is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// How long to wait before a renewal without a clear answer is tried again.
const RENEW_AGAIN: Duration = Duration::from_millis(500);

/// How long to wait before a deletion whose answer was lost is tried again.
const DELETE_AGAIN: Duration = Duration::from_millis(300);

/// Whether the lock is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// It is, until then.
    Ours(SendDeadline),
    /// It could not be renewed in time; nobody else has been seen to hold it.
    Doubtful,
    /// Another holds it.
    Lost,
}

/// A lock that is held. Dropping it stops the renewal, and leaves the Lease to expire.
pub(super) struct Lock {
    cluster: Arc<dyn Cluster>,
    target: Target,
    pub holder: String,
    shared: Arc<Shared>,
    renewal: tokio::task::JoinHandle<()>,
}

/// What a lock and its renewal know in common.
struct Shared {
    lease: Mutex<LeaseVersion>,
    hold: watch::Sender<HoldState>,
    /// Whether its namespace is being deleted by us.
    may_go: AtomicBool,
}

/// Until when it is ours; none once it is another's.
#[derive(Clone, Copy)]
struct HoldState {
    until: Option<SendDeadline>,
}

impl Shared {
    fn lease(&self) -> LeaseVersion {
        // Whoever holds the mutex only copies: there is nothing that a panic could leave half done.
        self.lease.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A later version of the same Lease: its uid stays, so that one made anew is never renewed.
    fn set_version(&self, found: &Object) {
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        lease.resource_version = found.resource_version().into();
    }

    fn set_until(&self, until: Option<SendDeadline>) {
        self.hold.send_replace(HoldState { until });
    }
}

impl Lock {
    /// Takes that of a release, waiting as long as the limits allow.
    pub(super) async fn take(services: &Services, namespace: &str, name: &str) -> Result<Self, LockError> {
        let labels = [(RELEASE_LABEL, name.to_owned()), (ROLE_LABEL, "lock".into())];
        let terms = LeaseTerms {
            cluster: services.cluster.clone(),
            target: lease_target(namespace, name),
            labels: labels.into(),
            holder: Holder::this(&services.instance).to_string(),
            actor: services.actor.clone(),
            limits: services.limits,
            look_again: LOOK_AGAIN,
            now: services.now,
        };
        let heartbeat = Heartbeat::new(services.events.clone());
        let waiting = |lease: &Object, end: Option<Instant>| {
            heartbeat.beat(None, end, || {
                let (holder, since) = (shown_holder(lease), lease.text("/spec/acquireTime"));
                format!("waiting for the lock of {name}: locked by {holder} since {since}")
            });
        };

        let mut interrupt = services.interrupt.clone();
        // A Lease that is written all the same is that of a process that is gone.
        tokio::select! {
            taken = Self::acquire(&terms, &waiting) => taken,
            Ok(_) = interrupt.wait_for(|wanted| *wanted != Interrupt::None) => {
                Err(LockError::Interrupted)
            }
        }
    }

    /// Takes any Lease, waiting as long as its limits allow.
    pub(super) async fn acquire(
        terms: &LeaseTerms,
        waiting: &(dyn Fn(&Object, Option<Instant>) + Send + Sync),
    ) -> Result<Self, LockError> {
        let Acquired { lease, asked } = Acquisition { terms, waiting }.acquire().await?;

        // From before the request was sent: the Lease lasts longer than this says, and never shorter.
        let until = Some(asked.after(terms.limits.lease));
        let shared = Arc::new(Shared {
            lease: Mutex::new(lease),
            hold: watch::channel(HoldState { until }).0,
            may_go: AtomicBool::new(false),
        });

        let renewal = Renewal {
            // The body as it was acquired: all but renewTime and the version stay what they were.
            body: terms.body(),
            terms: terms.clone(),
            shared: shared.clone(),
        };
        Ok(Self {
            cluster: terms.cluster.clone(),
            target: terms.target.clone(),
            holder: terms.holder.clone(),
            shared,
            // A task of its own: renewals must not wait until the run has time for them.
            renewal: tokio::spawn(renewal.run()),
        })
    }

    /// Waits for a run that holds the lock, as long as the limits allow; one that was killed loses it.
    pub(super) async fn wait_for_other_run(
        services: &Services,
        release: &ReleaseRef,
    ) -> Result<(), LockError> {
        let ReleaseRef { namespace, name } = release;
        let target = lease_target(namespace, name);
        // Another tool's Lease may have this name; and whoever may not read it is told so by the run itself.
        match services.cluster.get(&target).await {
            Ok(Some(lease)) if lease.label(RELEASE_LABEL) == Some(name) => {
                Self::take(services, namespace, name).await?.release().await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Waits until the lock is surely ours, for as long as the limit says.
    pub(super) async fn confirm_held(&self, patience: Duration) -> Hold {
        // A renewal can be late, and come: until then nothing is sent, and the lock is not given up.
        let mut states = self.shared.hold.subscribe();
        let known = |state: &HoldState| state.until.is_none_or(|until| !until.is_over(Moment::now()));

        match timeout(patience, states.wait_for(known)).await {
            Ok(Ok(state)) => state.until.map_or(Hold::Lost, Hold::Ours),
            Ok(Err(_)) => Hold::Lost,
            Err(_) => Hold::Doubtful,
        }
    }

    /// Ends once the lock is another's.
    pub(super) async fn lost(&self) {
        let mut states = self.shared.hold.subscribe();
        if states.wait_for(|state| state.until.is_none()).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// It may go with the namespace that it lies in: nobody can take it there any more.
    pub(super) fn may_go(&self) {
        self.shared.may_go.store(true, Ordering::Relaxed);
    }

    /// Gives it back. A Lease that cannot be deleted expires; one that another has taken over meanwhile is its own.
    pub(super) async fn release(&self) {
        // First of all: a renewal would move the version under the deletion.
        self.renewal.abort();
        let mut lease = self.shared.lease();

        // Few tries: a Lease that stays expires by itself.
        for _ in 0..5 {
            match self.cluster.delete(&self.target, &lease.deletion()).await {
                // A renewal may have been on its way.
                Err(error) if error.is_conflict() => match self.cluster.get(&self.target).await {
                    Ok(Some(found)) if holder_of(&found) == self.holder => {
                        lease.resource_version = found.resource_version().into();
                    }
                    Ok(_) => return,
                    // Whose it is, the next try finds out.
                    Err(_) => sleep(DELETE_AGAIN).await,
                },
                // The next try finds out.
                Err(error) if error.may_have_been_done() => sleep(DELETE_AGAIN).await,
                // What cannot be deleted expires.
                _ => return,
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

/// Renews a Lease until it is lost.
struct Renewal {
    terms: LeaseTerms,
    body: Value,
    shared: Arc<Shared>,
}

/// What one try has shown.
enum Renewed {
    /// It is renewed, and is this by now.
    Yes(Object),
    /// It is still ours, and since when nobody knows.
    StillOurs(Object),
    /// It is gone with its namespace, where nobody can take it.
    GoneWithNamespace,
    /// It is another's, or anybody's.
    Lost,
    /// Nothing: no answer.
    Unknown,
}

impl Renewal {
    async fn run(mut self) {
        // A third of what it lasts: renewals can fail, and be tried again, before it runs out.
        let lasts = self.terms.limits.lease;
        let between = lasts / 3;
        let mut pause = between;

        loop {
            sleep(pause).await;

            // From before the request: only a renewal that was answered moves the deadline, for a read says whose
            // the Lease is, not since when.
            let asked = Moment::now();
            let until = asked.after(lasts);
            pause = between;

            match self.renew().await {
                Renewed::Yes(lease) => {
                    self.shared.set_version(&lease);
                    self.shared.set_until(Some(until));
                }
                Renewed::GoneWithNamespace => self.shared.set_until(Some(until)),
                Renewed::StillOurs(lease) => {
                    self.shared.set_version(&lease);
                    pause = RENEW_AGAIN;
                }
                Renewed::Unknown => pause = RENEW_AGAIN,
                Renewed::Lost => return self.shared.set_until(None),
            }
        }
    }

    async fn renew(&mut self) -> Renewed {
        // A Lease that another has taken over is a conflict by its version.
        self.shared.lease().write_into(&mut self.body);
        let LeaseTerms { cluster, target, .. } = &self.terms;
        self.body["spec"]["renewTime"] = micro_time((self.terms.now)()).into();

        let answer = cluster.replace(target, &self.body, &lease_options()).await;
        if let Ok(answer) = answer {
            return Renewed::Yes(answer.object);
        }

        // The answer to an earlier renewal may have been lost: look whose it is.
        match cluster.get(target).await {
            Ok(Some(found)) if holder_of(&found) == self.terms.holder => Renewed::StillOurs(found),
            // In a namespace that is being deleted nothing can be created: there is nobody to lose it to.
            Ok(None) if self.shared.may_go.load(Ordering::Relaxed) => Renewed::GoneWithNamespace,
            // One that is gone is not ours either: whoever deleted it, the next run can have it at any moment.
            Ok(_) => Renewed::Lost,
            Err(_) => Renewed::Unknown,
        }
    }
}
