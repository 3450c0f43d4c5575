//! The lock: one promotion or revert per release name and namespace. A Lease, renewed; a deadline that each
//! write carries, and that is looked at right before it is sent.
//!
//! Whether it may be taken is never decided by comparing the clocks of two machines. A holder counts the
//! Lease's duration from before it asked for a renewal, so that its own time ends first; an observer counts
//! it from when it last saw the Lease change. At once it is taken over only from a process of this machine
//! that is certainly gone. The renewal runs beside everything else, and a lock that was lost is never taken
//! back: what the run has done lies in its journal.

use super::process::Holder;
use super::services::{Interrupt, Limits, Services};
use crate::cluster::{ApiError, Cluster, Deadline, DeleteOptions, Moment, WriteOptions};
use crate::model::moves::ReleaseRef;
use crate::model::names::{self, FIELD_MANAGER, RELEASE_LABEL, ROLE_LABEL};
use crate::model::plan::Propagation;
use crate::model::{Object, Target};
use crate::observe::home::lease_kind;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// Why a lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another holds it.
    #[error("{holder} works on {release} since {since}")]
    Held {
        /// `this release`, or another one by its name.
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
    #[error("expected to take the lock {target}")]
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
    pub(super) fn of_another(self, release: &ReleaseRef) -> Self {
        match self {
            Self::Held { holder, since, .. } => Self::Held {
                release: format!("release {}, whose objects would move,", release.name),
                holder,
                since,
            },
            error => error,
        }
    }
}

/// Whether the lock is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// It is, until then.
    Ours(Deadline),
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

struct Shared {
    lease: Mutex<Lease>,
    state: watch::Sender<State>,
    /// Whether its namespace is being deleted by us.
    may_go: AtomicBool,
}

#[derive(Clone)]
struct Lease {
    uid: String,
    resource_version: String,
}

/// Until when it is ours; none once it is another's.
#[derive(Clone, Copy)]
struct State {
    until: Option<Deadline>,
}

impl Lock {
    /// Takes it, waiting as long as the limits allow.
    pub(super) async fn take(services: &Services, namespace: &str, name: &str) -> Result<Self, LockError> {
        let target = Target::new(&lease_kind(), Some(namespace), &names::inventory(name));
        let holder = Holder::this(&services.instance).to_string();
        let taking = Taking {
            services,
            name,
            target: &target,
            holder: &holder,
        };

        let mut interrupt = services.interrupt.clone();
        // A Lease that is written all the same is that of a process that is gone.
        let (lease, asked) = tokio::select! {
            taken = taking.take() => taken?,
            Ok(_) = interrupt.wait_for(|wanted| *wanted != Interrupt::None) => {
                return Err(LockError::Interrupted);
            }
        };
        // From before the request was sent: the Lease lasts longer than this says, and never shorter.
        let (state, _) = watch::channel(State {
            until: Some(asked.after(services.limits.lease)),
        });
        let shared = Arc::new(Shared {
            lease: Mutex::new(lease),
            state,
            may_go: AtomicBool::new(false),
        });

        let body = taking.body();
        let renewal = tokio::spawn(renew(
            services.cluster.clone(),
            target.clone(),
            body,
            services.now,
            services.limits,
            shared.clone(),
        ));

        Ok(Self {
            cluster: services.cluster.clone(),
            target,
            holder,
            shared,
            renewal,
        })
    }

    /// Waits until the lock is surely ours, for as long as the limit says.
    pub(super) async fn is_ours(&self, patience: Duration) -> Hold {
        // A renewal can be late, and come: until then nothing is sent, and the lock is not given up.
        let mut states = self.shared.state.subscribe();
        let known = |state: &State| state.until.is_none_or(|until| !until.is_over(Moment::now()));

        match timeout(patience, states.wait_for(known)).await {
            Ok(Ok(state)) => state.until.map_or(Hold::Lost, Hold::Ours),
            Ok(Err(_)) => Hold::Lost,
            Err(_) => Hold::Doubtful,
        }
    }

    /// Ends once the lock is another's.
    pub(super) async fn lost(&self) {
        let mut states = self.shared.state.subscribe();
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
        let Ok(mut lease) = self.shared.lease.lock().map(|lease| lease.clone()) else {
            return;
        };

        for _ in 0..3 {
            let options = DeleteOptions {
                uid: lease.uid.clone(),
                resource_version: Some(lease.resource_version.clone()),
                propagation: Propagation::Background,
                dry_run: false,
                // No deadline: once another has the Lease, this version of it is gone.
                not_after: None,
            };

            match self.cluster.delete(&self.target, &options).await {
                // A renewal may have been on its way.
                Err(error) if error.is_conflict() => match self.cluster.get(&self.target).await {
                    Ok(Some(found)) if found.text("/spec/holderIdentity") == self.holder => {
                        lease.resource_version = found.resource_version().into();
                    }
                    _ => return,
                },
                // The next try finds out.
                Err(error) if error.may_have_been_done() => sleep(Duration::from_millis(300)).await,
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

/// Whether somebody seems to be at work: a holder that is not known to be gone, and a renewal that is not too old by
/// `now`. For people alone: whoever takes a lock over waits on a clock of its own.
pub fn seems_held(lease: &Object, now: Timestamp) -> bool {
    !lease.text("/spec/holderIdentity").is_empty() && !looks_abandoned(lease, now) && !holder_is_gone(lease)
}

/// Whether the process that holds it is certainly gone.
fn holder_is_gone(lease: &Object) -> bool {
    Holder::parse(lease.text("/spec/holderIdentity")).is_some_and(|holder| holder.is_gone())
}

/// Whether its last renewal is older than it lasts.
fn looks_abandoned(lease: &Object, now: Timestamp) -> bool {
    let renewed: Option<Timestamp> = lease.text("/spec/renewTime").parse().ok();
    renewed.is_none_or(|time| now.duration_since(time).unsigned_abs() >= duration(lease))
}

/// Deletes a lock whose holder is certainly gone; a failure leaves it to whoever takes it next.
pub async fn remove_abandoned_lock(cluster: &dyn Cluster, namespace: &str, name: &str) {
    let target = Target::new(&lease_kind(), Some(namespace), &names::inventory(name));

    let Ok(Some(lease)) = cluster.get(&target).await else {
        return;
    };
    // Another tool's Lease may have this name.
    if lease.label(RELEASE_LABEL) == Some(name) && holder_is_gone(&lease) {
        let options = DeleteOptions {
            uid: lease.uid().into(),
            resource_version: Some(lease.resource_version().into()),
            propagation: Propagation::Background,
            dry_run: false,
            not_after: None,
        };
        drop(cluster.delete(&target, &options).await);
    }
}

async fn renew(
    cluster: Arc<dyn Cluster>,
    target: Target,
    mut body: Value,
    now: fn() -> Timestamp,
    limits: Limits,
    shared: Arc<Shared>,
) {
    // A third of what it lasts: renewals can fail, and be tried again, before it runs out.
    let mut pause = limits.lease / 3;
    loop {
        sleep(pause).await;
        let Ok(lease) = shared.lease.lock().map(|lease| lease.clone()) else {
            return;
        };
        // A Lease that another has taken over is a conflict by both.
        body["metadata"]["uid"] = lease.uid.as_str().into();
        body["metadata"]["resourceVersion"] = lease.resource_version.as_str().into();
        body["spec"]["renewTime"] = micro_time(now()).into();

        let asked = Moment::now();
        let answer = cluster.replace(&target, &body, &options()).await;

        pause = limits.lease / 3;
        let current = match answer {
            Ok(answer) => Some(answer.object),
            // The answer to an earlier renewal may have been lost: look whose it is.
            Err(_) => match cluster.get(&target).await {
                // In a namespace that is being deleted nothing can be created: there is nobody to lose it to.
                Ok(None) if shared.may_go.load(Ordering::Relaxed) => {
                    shared.state.send_replace(State {
                        until: Some(asked.after(limits.lease)),
                    });
                    continue;
                }
                // One that is gone is not ours either: whoever
                // deleted it, the next run can have it at any moment.
                Ok(found) => {
                    let ours = found
                        .filter(|lease| lease.text("/spec/holderIdentity") == body["spec"]["holderIdentity"]);
                    if ours.is_none() {
                        shared.state.send_replace(State { until: None });
                        return;
                    }

                    pause = Duration::from_millis(500);
                    ours
                }
                Err(_) => {
                    pause = Duration::from_millis(500);
                    continue;
                }
            },
        };

        let Some(current) = current else { continue };
        if let Ok(mut lease) = shared.lease.lock() {
            lease.resource_version = current.resource_version().into();
        }
        // Only a renewal that was answered moves the deadline:
        // a read says whose the Lease is, not since when.
        if pause == limits.lease / 3 {
            shared.state.send_replace(State {
                until: Some(asked.after(limits.lease)),
            });
        }
    }
}

fn options() -> WriteOptions {
    WriteOptions {
        manager: FIELD_MANAGER.into(),
        dry_run: false,
        not_after: None,
    }
}

fn micro_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

struct Taking<'a> {
    services: &'a Services,
    name: &'a str,
    target: &'a Target,
    holder: &'a str,
}

impl Taking<'_> {
    fn body(&self) -> Value {
        let now = micro_time((self.services.now)());
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {
                "name": self.target.name, "namespace": self.target.namespace,
                "labels": {RELEASE_LABEL: self.name, ROLE_LABEL: "lock"},
                "annotations": {"kubectl-delivery.io/actor": self.services.actor},
            },
            "spec": {
                "holderIdentity": self.holder, "leaseDurationSeconds": self.services.limits.lease.as_secs().max(1),
                "acquireTime": now, "renewTime": now,
            },
        })
    }

    fn error(&self, source: ApiError) -> LockError {
        LockError::Api {
            target: self.target.to_string(),
            source,
        }
    }

    async fn take(&self) -> Result<(Lease, Moment), LockError> {
        let start = Instant::now();
        let cluster = &self.services.cluster;
        // Since when, by our own clock, the Lease has not changed.
        let mut seen: Option<(String, Instant)> = None;
        loop {
            let found = cluster
                .get(self.target)
                .await
                .map_err(|error| self.error(error))?;
            let Some(found) = found else {
                if let Some(taken) = self.write(None, start).await? {
                    return Ok(taken);
                }
                continue;
            };

            let version = found.resource_version().to_owned();
            if seen.as_ref().is_none_or(|(known, _)| *known != version) {
                seen = Some((version, Instant::now()));
            }
            // By our own clock alone: `renewTime` is by the holder's, which may be wrong.
            let unchanged = seen
                .as_ref()
                .map(|(_, since)| since.elapsed())
                .unwrap_or_default();

            if self.may_take(&found, unchanged) {
                if let Some(taken) = self.write(Some(&found), start).await? {
                    return Ok(taken);
                }
                continue;
            }

            self.may_wait(&found, start)?;
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// Whether the Lease can be taken over now.
    fn may_take(&self, lease: &Object, unchanged: Duration) -> bool {
        let holder = lease.text("/spec/holderIdentity");
        // Ours: the answer to an earlier try was lost.
        holder.is_empty() || holder == self.holder || holder_is_gone(lease) || unchanged >= duration(lease)
    }

    /// Whether to go on waiting: a Lease that looks abandoned is watched for its own duration in any case.
    fn may_wait(&self, lease: &Object, start: Instant) -> Result<(), LockError> {
        let is_abandoned = looks_abandoned(lease, (self.services.now)());
        let abandoned_limit = if is_abandoned {
            duration(lease) * 2
        } else {
            Duration::ZERO
        };

        if start.elapsed() < self.services.limits.lock_timeout.max(abandoned_limit) {
            return Ok(());
        }

        let actor = lease.annotation("kubectl-delivery.io/actor").unwrap_or_default();
        let shown = Holder::shown(lease.text("/spec/holderIdentity"));
        let holder = if actor.is_empty() {
            shown
        } else {
            format!("{actor} ({shown})")
        };
        Err(LockError::Held {
            release: "this release".into(),
            holder,
            since: lease.text("/spec/acquireTime").to_owned(),
        })
    }

    /// Writes the Lease; none where somebody was faster, or where it is to be looked at again.
    async fn write(
        &self,
        found: Option<&Object>,
        start: Instant,
    ) -> Result<Option<(Lease, Moment)>, LockError> {
        let mut body = self.body();
        let asked = Moment::now();

        let cluster = &self.services.cluster;
        let answer = match found {
            None => cluster.create(self.target, &body, &options()).await,
            Some(found) => {
                body["metadata"]["uid"] = found.uid().into();
                body["metadata"]["resourceVersion"] = found.resource_version().into();
                cluster.replace(self.target, &body, &options()).await
            }
        };

        match answer {
            Ok(answer) => {
                let (uid, version) = (
                    answer.object.uid().into(),
                    answer.object.resource_version().into(),
                );
                Ok(Some((
                    Lease {
                        uid,
                        resource_version: version,
                    },
                    asked,
                )))
            }
            // Somebody was faster.
            Err(error) if error.is_conflict() || error.is_not_found() && found.is_some() => Ok(None),
            // Our own identity is found again at the next look.
            Err(error) if error.may_have_been_done() && start.elapsed() < self.services.limits.patience => {
                sleep(Duration::from_millis(300)).await;
                Ok(None)
            }
            Err(error) => Err(self.error(error)),
        }
    }
}

fn duration(lease: &Object) -> Duration {
    let seconds = lease
        .at("/spec/leaseDurationSeconds")
        .and_then(Value::as_u64)
        .unwrap_or(15);
    Duration::from_secs(seconds)
}
