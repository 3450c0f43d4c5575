//! The Lease of a lock, as it is written and read: who holds it, since when, and whether it looks abandoned.
//!
//! What is told from its times is for users alone. They are by the clock of another machine; whether a lock
//! may be taken over is decided by the observer's own clock (`acquisition`).

use super::process::Holder;
use super::services::RunLimits;
use crate::cluster::{Cluster, DeleteOptions, WriteOptions};
use crate::model::names::{self, FIELD_MANAGER, RELEASE_LABEL};
use crate::model::plan::Propagation;
use crate::model::{Object, Target};
use crate::observe::release_state::lease_kind;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Who acts, as the API server knows them.
const ACTOR: &str = "kubectl-delivery.io/actor";

/// One version of a Lease: a renewal or a deletion is of exactly this one.
#[derive(Clone)]
pub(super) struct LeaseVersion {
    pub uid: String,
    pub resource_version: String,
}

impl LeaseVersion {
    pub(super) fn from_lease(lease: &Object) -> Self {
        Self {
            uid: lease.uid().into(),
            resource_version: lease.resource_version().into(),
        }
    }

    pub(super) fn deletion(&self) -> DeleteOptions {
        DeleteOptions {
            uid: self.uid.clone(),
            resource_version: Some(self.resource_version.clone()),
            propagation: Propagation::Background,
            dry_run: false,
            // No deadline: once another has the Lease, this version of it is gone.
            not_after: None,
        }
    }

    /// Binds a body to this version: a Lease that another has taken over meanwhile is a conflict.
    pub(super) fn write_into(&self, body: &mut Value) {
        body["metadata"]["uid"] = self.uid.as_str().into();
        body["metadata"]["resourceVersion"] = self.resource_version.as_str().into();
    }
}

/// A Lease that is to be held: which, as whom, and within which limits.
#[derive(Clone)]
pub(super) struct LeaseTerms {
    pub cluster: Arc<dyn Cluster>,
    pub target: Target,
    pub labels: BTreeMap<&'static str, String>,
    /// What tells this process from all others.
    pub holder: String,
    /// Who acts, as the API server knows them.
    pub actor: String,
    pub limits: RunLimits,
    /// How often a Lease that another holds is looked at.
    pub look_again: Duration,
    pub now: fn() -> Timestamp,
}

impl LeaseTerms {
    /// The Lease as it is written when it is taken.
    pub(super) fn body(&self) -> Value {
        let now = micro_time((self.now)());
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {
                "name": self.target.name, "namespace": self.target.namespace,
                "labels": self.labels,
                "annotations": {ACTOR: self.actor},
            },
            "spec": {
                "holderIdentity": self.holder,
                // The API refuses a Lease of no duration.
                "leaseDurationSeconds": self.limits.lease.as_secs().max(1),
                "acquireTime": now, "renewTime": now,
            },
        })
    }
}

/// Where the lock of a release lies.
pub(super) fn lease_target(namespace: &str, name: &str) -> Target {
    Target::new(&lease_kind(), Some(namespace), &names::inventory(name))
}

/// Of Leases alone: no deadline, for these writes are what the deadlines of all others come from.
pub(super) fn lease_options() -> WriteOptions {
    WriteOptions {
        manager: FIELD_MANAGER.into(),
        dry_run: false,
        not_after: None,
    }
}

pub(super) fn micro_time(time: Timestamp) -> String {
    // The API's MicroTime has exactly six digits.
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// The identity of whoever holds it; empty where nobody does.
pub(super) fn holder_of(lease: &Object) -> &str {
    lease.text("/spec/holderIdentity")
}

/// Who holds it, for users: the actor, and the process on its host.
pub(super) fn shown_holder(lease: &Object) -> String {
    let actor = lease.annotation(ACTOR).unwrap_or_default();
    let process = Holder::shown(holder_of(lease));
    if actor.is_empty() {
        process
    } else {
        format!("{actor} ({process})")
    }
}

/// How long it lasts after a renewal.
pub(super) fn lease_duration(lease: &Object) -> Duration {
    let seconds = lease
        .at("/spec/leaseDurationSeconds")
        .and_then(Value::as_u64)
        // As long as Kubernetes' own components hold theirs: one that names no time must end, too.
        .unwrap_or(15);
    Duration::from_secs(seconds)
}

/// Whether somebody seems to be at work: a holder that is not known to be gone, and a renewal that is not too old by
/// `now`. For people alone: whoever takes a lock over waits on a clock of its own.
pub fn seems_held(lease: &Object, now: Timestamp) -> bool {
    !holder_of(lease).is_empty() && !looks_abandoned(lease, now) && !holder_is_gone(lease)
}

/// Whether the process that holds it is certainly gone.
pub(super) fn holder_is_gone(lease: &Object) -> bool {
    Holder::parse(holder_of(lease)).is_some_and(|holder| holder.is_gone())
}

/// Whether its last renewal is older than it lasts.
pub(super) fn looks_abandoned(lease: &Object, now: Timestamp) -> bool {
    let renewed: Option<Timestamp> = lease.text("/spec/renewTime").parse().ok();
    renewed.is_none_or(|time| now.duration_since(time).unsigned_abs() >= lease_duration(lease))
}

/// Deletes a lock whose holder is certainly gone; a failure leaves it to whoever takes it next.
pub async fn remove_abandoned_lock(cluster: &dyn Cluster, namespace: &str, name: &str) {
    let target = lease_target(namespace, name);
    let Ok(Some(lease)) = cluster.get(&target).await else {
        return;
    };
    // Another tool's Lease may have this name.
    if lease.label(RELEASE_LABEL) == Some(name) && holder_is_gone(&lease) {
        let options = LeaseVersion::from_lease(&lease).deletion();
        drop(cluster.delete(&target, &options).await);
    }
}
