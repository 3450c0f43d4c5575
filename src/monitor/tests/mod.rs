//! What judging makes of a cluster that fails in the middle of it.

mod blind;
mod gates;
mod heartbeat;
mod owners;
mod scope;

use super::fake::{Fake, Play};
use super::*;
use crate::cluster::{Cluster, DeleteOptions, Deleted, ListRequest, WriteOptions};
use crate::model::event::{Event, EventSink};
use crate::model::journal::Failure;
use crate::model::k8s::kinds::built_in;
use crate::model::plan::Propagation;
use crate::model::release::RecordedImage;
use crate::model::verdict::{CauseKind, Health};
use crate::model::{Object, ResourceType, Sha256Digest, StepId, Target};
use crate::monitor::follow::Follow;
use crate::monitor::{MonitorContext, MonitorWrite, Rollout, StopReason, Stopped, Watched, WriteAnswer};
use crate::rollout::{MonitoredObject, RolloutPolicy};
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Collected(Mutex<Vec<Event>>);

impl EventSink for Collected {
    fn emit(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// Patient for a second; writes to the fake, and counts how often; the lock may be lost.
struct Impatient {
    fake: Arc<Fake>,
    asked: AtomicUsize,
    lost: bool,
}

#[async_trait]
impl MonitorContext for Impatient {
    fn patience(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn write(&self, write: &MonitorWrite) -> Result<WriteAnswer, StopReason> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.lost {
            return Err(StopReason::LockLost);
        }

        let answer = match write {
            MonitorWrite::Create { target, object } => {
                let options = WriteOptions {
                    manager: "test".into(),
                    dry_run: false,
                    not_after: None,
                };
                let made = self.fake.create(target, object.value(), &options).await;
                made.map(|made| WriteAnswer::Created(Box::new(made.object)))
            }
            MonitorWrite::Delete { target, uid } => {
                let options = DeleteOptions {
                    uid: uid.clone(),
                    resource_version: None,
                    propagation: Propagation::Background,
                    dry_run: false,
                    not_after: None,
                };
                self.fake
                    .delete(target, &options)
                    .await
                    .map(|deleted| match deleted {
                        Deleted::Gone | Deleted::Going(_) => WriteAnswer::Deleted,
                        Deleted::WasAbsent => WriteAnswer::Absent,
                    })
            }
        };
        Ok(answer.unwrap_or_else(WriteAnswer::Failed))
    }
}

/// Patient, and only looks.
struct Looking;

#[async_trait]
impl MonitorContext for Looking {
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn write(&self, _: &MonitorWrite) -> Result<WriteAnswer, StopReason> {
        Ok(WriteAnswer::NotSent)
    }
}

struct Scene {
    fake: Arc<Fake>,
    events: Arc<Collected>,
    watching: Watching,
    context: Impatient,
}

fn scene(options: WatchingOptions) -> Scene {
    let (fake, events) = (Arc::new(Fake::default()), Arc::new(Collected::default()));
    let watching = Watching::new(fake.clone(), events.clone(), options);
    let context = Impatient {
        fake: fake.clone(),
        asked: AtomicUsize::new(0),
        lost: false,
    };
    Scene {
        fake,
        events,
        watching,
        context,
    }
}

impl Scene {
    fn notes(&self) -> String {
        let events = self.events.0.lock().unwrap();
        let note = |event: &Event| match event {
            Event::Note { message, .. } => Some(message.clone()),
            _ => None,
        };
        events.iter().filter_map(note).collect::<Vec<_>>().join("\n")
    }
}

fn quick() -> RolloutPolicy {
    // No container has to live a while first: the pods of these tests have no probes.
    RolloutPolicy {
        settle: 0,
        ..RolloutPolicy::default()
    }
}

fn claim(name: &str, phase: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "shop", "uid": name},
        "status": {"phase": phase}})
}

fn set(pods: u32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop", "uid": "s", "generation": 1},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "main"}]}}},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": pods, "readyReplicas": pods,
            "availableReplicas": pods, "updateRevision": "new"}})
}

fn pod(revision: &str, ready: bool) -> Value {
    let ready_text = if ready { "True" } else { "False" };
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db-0", "namespace": "shop", "uid": format!("p-{revision}"),
            "labels": {"controller-revision-hash": revision},
            "ownerReferences": [{"uid": "s", "kind": "StatefulSet", "name": "db", "controller": true}]},
        "spec": {"containers": [{"name": "main", "image": "app:1"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready_text}],
            "containerStatuses": [{"name": "main", "ready": ready, "restartCount": 0, "imageID": "", "state": {"running": {}}}]}})
}

fn watched(object: &Object) -> Watched {
    let target = target(object);
    Watched {
        step: StepId::new(0),
        target,
        answer: object.clone(),
        before: None,
        changes: Vec::new(),
    }
}

fn target(object: &Object) -> Target {
    let gvk = object.gvk();
    Target::new(
        &built_in(&gvk.group, &gvk.kind).unwrap(),
        Some("shop"),
        object.name(),
    )
}

fn failed(judged: Result<(), Stopped>) -> Failure {
    match judged {
        Err(Stopped::Failed(failure)) => *failure,
        other => panic!("expected a failure, found {other:?}"),
    }
}

const SILENT: Result<(), Stopped> = Err(Stopped::CannotContinue(StopReason::Unreachable { seconds: 1 }));
