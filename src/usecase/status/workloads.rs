//! How a release's workloads are: whether each works, by the verdicts that a promotion waits for, and whether it differs
//! from what was promoted, by what can be read.
//!
//! The stored release is read once. Where it cannot be, or a promotion is open, workloads are held against nothing, and
//! told so.

use crate::cluster::Cluster;
use crate::model::admission::Admission;
use crate::model::environment::Environment;
use crate::model::finding::{ObjectComparison, ObjectStatus};
use crate::model::inventory::{Inventory, Record, Terms};
use crate::model::moves::ReleaseRef;
use crate::model::plain_words;
use crate::model::snapshot::{Observed, Snapshot};
use crate::model::state_key::BoundKey;
use crate::model::status::{HealthState, WorkloadDrift, WorkloadHealth, WorkloadStatus};
use crate::model::verdict::Health;
use crate::model::{Object, ObjectId, Target};
use crate::monitor::{ObjectHealth, health};
use crate::observe;
use crate::observe::release_state::read_record;
use crate::plan::absence_of_member;
use crate::rollout::{RolloutPolicy, is_custom};
use crate::usecase::comparing::{Mode, PresentObject, PresentRequest, compare_present};
use crate::usecase::system::today;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A release's workloads.
pub(super) struct Workloads<'a> {
    pub cluster: Arc<dyn Cluster>,
    pub inventory: &'a Inventory,
    pub key: Option<&'a BoundKey>,
    pub release: &'a ReleaseRef,
    /// Why they are held against nothing.
    pub not_comparable: Option<String>,
}

impl Workloads<'_> {
    /// Finds out how they are.
    pub async fn assess(self) -> Vec<WorkloadStatus> {
        let members = self.inventory.members.iter();
        let targets: Vec<Target> = members.filter(|target| is_workload(target)).cloned().collect();
        if targets.is_empty() {
            return Vec::new();
        }

        let (found, live, record) = futures::join!(
            health(self.cluster.clone(), &targets, RolloutPolicy::default()),
            observe::objects(self.cluster.as_ref(), &targets),
            self.read_record()
        );
        let live = live.map_err(|error| format!("cannot be read: {error}"));
        let absences = record.as_ref().map(allowed_absences).unwrap_or_default();
        let drift = match (&self.not_comparable, record, &live) {
            (Some(why), ..) | (_, _, Err(why)) => Drifts::NotChecked(why.clone()),
            (_, Err(why), _) => Drifts::NotChecked(why),
            (_, Ok(record), Ok(live)) => self.compare(&targets, record, live).await,
        };

        let assess = |one: ObjectHealth| {
            let object = live.as_ref().ok().and_then(|live| live.objects.get(&one.object));
            let allowed = absences.get(&one.object).copied().filter(|_| one.is_absent);
            WorkloadStatus {
                object: one.object.to_string(),
                drift: match allowed {
                    Some(_) => WorkloadDrift::InSync,
                    None => drift.drift(&one.object),
                },
                health: workload_health(one, object.and_then(Observed::object), allowed),
            }
        };
        found.into_iter().map(assess).collect()
    }

    /// What was promoted, or why it is not known.
    async fn read_record(&self) -> Result<Record, String> {
        let entry = self.inventory.promoted().ok_or("no release is promoted")?;
        if entry.record.is_empty() {
            return Err(format!("revision {} is not stored", entry.revision));
        }
        let record = read_record(self.cluster.as_ref(), entry, false, self.key).await;
        record.map_err(|error| error.to_string())
    }

    async fn compare(&self, targets: &[Target], record: Record, live: &Snapshot) -> Drifts {
        // The differences that it was promoted with are no drift.
        let environment = match environment_of_then(record.terms) {
            Ok(environment) => environment,
            Err(why) => return Drifts::NotChecked(why),
        };
        let autoscalers = record.desired.iter().filter(|object| is_autoscaler(object));
        let mut desired: BTreeMap<ObjectId, Object> = record
            .desired
            .iter()
            .map(|object| (object.id(), object.clone()))
            .collect();
        let present = targets.iter().filter_map(|target| {
            let id = target.id();
            Some(PresentObject {
                target: target.clone(),
                desired: desired.remove(&id)?,
                live: live.objects.get(&id)?.clone(),
            })
        });

        let request = PresentRequest {
            environment: &environment,
            set: &self.release.set(),
            mode: Mode::Readonly,
            admission: Admission::unknown(),
            autoscalers: autoscalers.cloned().collect(),
            today: today(),
        };
        let present = present.collect();
        let compared = compare_present(self.cluster.as_ref(), request, present).await;
        let drift = |found: ObjectComparison| (found.id(), workload_drift(&found));
        Drifts::Compared(compared.into_iter().map(drift).collect())
    }
}

/// Whether a member runs something: what the control plane runs, and every custom kind, which may.
pub fn is_workload(target: &Target) -> bool {
    let group = &*target.resource.group;
    matches!(group, "apps" | "batch") || is_custom(group)
}

fn is_autoscaler(object: &Object) -> bool {
    object.kind() == "HorizontalPodAutoscaler"
}

/// The environment that a promotion was made with; an empty one where it had none.
/// The environment that a release was promoted with.
pub fn environment_of_then(terms: Option<Terms>) -> Result<Environment, String> {
    match terms.map(|terms| terms.environment) {
        None | Some(Value::Null) => Ok(Environment::default()),
        Some(environment) => serde_json::from_value(environment).map_err(|error| {
            format!(
                "the stored environment cannot be read: {}",
                plain_words(&error.to_string())
            )
        }),
    }
}

/// What comparing them gave.
enum Drifts {
    Compared(BTreeMap<ObjectId, WorkloadDrift>),
    NotChecked(String),
}

impl Drifts {
    fn drift(&self, id: &ObjectId) -> WorkloadDrift {
        let not_checked = |why: &str| WorkloadDrift::NotChecked { message: why.into() };
        match self {
            Self::Compared(found) => {
                let drift = found.get(id).cloned();
                drift.unwrap_or_else(|| not_checked("the stored release does not hold it"))
            }
            Self::NotChecked(why) => not_checked(why),
        }
    }
}

fn workload_drift(found: &ObjectComparison) -> WorkloadDrift {
    let fields: Vec<String> = found
        .unexpected_changes()
        .map(|change| change.path.to_string())
        .collect();

    match &found.status {
        ObjectStatus::Missing(_) => WorkloadDrift::Missing,
        ObjectStatus::BeingDeleted { .. } => WorkloadDrift::NotChecked {
            message: "is being deleted".into(),
        },
        ObjectStatus::NotChecked { why } => WorkloadDrift::NotChecked { message: why.clone() },
        _ if fields.is_empty() => WorkloadDrift::InSync,
        _ => WorkloadDrift::Drifted { fields },
    }
}

/// A workload's health by its verdict; what is broken of it says more than that it is waited for.
pub fn workload_health(
    found: ObjectHealth,
    live: Option<&Object>,
    allowed_absence: Option<&'static str>,
) -> WorkloadHealth {
    let (state, message) = match found.verdict {
        _ if found.is_absent => match allowed_absence {
            Some(why) => (HealthState::Ready, why.to_owned()),
            None => (HealthState::Failed, "does not exist".into()),
        },
        Some(Health::Ready { message }) => (HealthState::Ready, message.unwrap_or_else(|| ready_text(live))),
        Some(Health::Failed { cause }) => (HealthState::Failed, cause.message),
        Some(Health::Progressing { .. }) if !found.broken.is_empty() => {
            (HealthState::Progressing, found.broken.join("; "))
        }
        Some(Health::Progressing { message, .. }) => (HealthState::Progressing, message),
        Some(Health::Unknown { message }) => (HealthState::Unknown, message),
        None => (
            HealthState::Unknown,
            "cannot read it or its pods; check permissions".into(),
        ),
    };
    WorkloadHealth { state, message }
}

/// `3/3 ready`: what the object's status counts, of what it asks for.
fn ready_text(live: Option<&Object>) -> String {
    let Some(live) = live else {
        return "ready".into();
    };
    let count = |pointer: &str| live.at(pointer).and_then(Value::as_u64);
    let (ready, total) = match live.kind() {
        "Deployment" | "StatefulSet" | "ReplicaSet" => (
            count("/status/readyReplicas").unwrap_or(0),
            count("/spec/replicas").unwrap_or(1),
        ),
        "DaemonSet" => (
            count("/status/numberReady").unwrap_or(0),
            count("/status/desiredNumberScheduled").unwrap_or(0),
        ),
        "Job" => return "completed".into(),
        _ => return "ready".into(),
    };
    format!("{ready}/{total} ready")
}

/// Why members that are not there need not be.
fn allowed_absences(record: &Record) -> BTreeMap<ObjectId, &'static str> {
    let why = |object: &Object| Some((object.id(), absence_of_member(object)?.message()?));
    record.desired.iter().filter_map(why).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::{Cause, CauseKind};
    use serde_json::json;

    fn deployment() -> Object {
        Object::new(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 3}, "status": {"readyReplicas": 3}}),
        )
        .unwrap()
    }

    fn found(verdict: Option<Health>, broken: &[&str], is_absent: bool) -> ObjectHealth {
        ObjectHealth {
            object: deployment().id(),
            verdict,
            is_absent,
            broken: broken.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn health_is_one_of_four_states_with_its_counts_or_its_cause() {
        let note = Health::Ready {
            message: Some("scaled to 0 replicas: no pods to verify".into()),
        };
        let failed = Health::Failed {
            cause: Cause {
                kind: CauseKind::CrashLoop,
                message: "it exits".into(),
                pod: None,
                container: None,
                previous_logs: false,
            },
        };
        let waiting = || Some(Health::progressing(1, 3, "1 of 3 pods ready"));
        use HealthState::{Failed, Progressing, Ready, Unknown};
        for (found, allowed, expected) in [
            (
                found(Some(Health::ready()), &[], false),
                None,
                (Ready, "3/3 ready"),
            ),
            (
                found(Some(note), &[], false),
                None,
                (Ready, "scaled to 0 replicas: no pods to verify"),
            ),
            (
                found(waiting(), &[], false),
                None,
                (Progressing, "1 of 3 pods ready"),
            ),
            (
                found(waiting(), &["it is broken"], false),
                None,
                (Progressing, "it is broken"),
            ),
            (found(Some(failed), &[], false), None, (Failed, "it exits")),
            (
                found(None, &[], false),
                None,
                (Unknown, "cannot read it or its pods; check permissions"),
            ),
            (found(None, &[], true), None, (Failed, "does not exist")),
            (
                found(None, &[], true),
                Some("completed and was cleaned up"),
                (Ready, "completed and was cleaned up"),
            ),
        ] {
            let health = workload_health(found, Some(&deployment()), allowed);
            assert_eq!((health.state, health.message.as_str()), expected);
        }
    }

    #[test]
    fn what_was_not_compared_is_not_called_in_sync() {
        let id = deployment().id();
        let drift = |drifts: Drifts| drifts.drift(&id).text();

        assert_eq!(
            drift(Drifts::Compared(BTreeMap::new())),
            "not checked: the stored release does not hold it"
        );
        let why = "the promotion of shop 1.4.2 is unfinished".to_owned();
        assert_eq!(
            drift(Drifts::NotChecked(why)),
            "not checked: the promotion of shop 1.4.2 is unfinished"
        );
        let compared = [(id.clone(), WorkloadDrift::InSync)].into();
        assert_eq!(drift(Drifts::Compared(compared)), "in sync");
    }
}
