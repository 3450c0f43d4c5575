//! What judging makes of a cluster that fails in the middle of it.

mod blind;
mod gates;
mod scope;

use super::fake::{Fake, Play};
use super::*;
use crate::cluster::Deadline;
use crate::cluster::{Cluster, ListRequest};
use crate::model::event::{Event, EventSink};
use crate::model::journal::Failure;
use crate::model::k8s::kinds::built_in;
use crate::model::release::RecordedImage;
use crate::model::verdict::{CauseKind, Verdict};
use crate::model::{Object, Sha256Digest, Target};
use crate::monitor::follow::Follow;
use crate::monitor::{Bounds, Problem, Rollout, Stopped, Watched};
use crate::rollout::{Policy, Subject};
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

/// Patient for a second; counts how often a write is asked for; the lock may be lost.
#[derive(Default)]
struct Impatient {
    asked: AtomicUsize,
    lost: bool,
}

#[async_trait]
impl Bounds for Impatient {
    fn patience(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn may_write(&self) -> bool {
        true
    }

    async fn before_write(&self) -> Result<Option<Deadline>, Problem> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.lost {
            Err(Problem::LockLost)
        } else {
            Ok(None)
        }
    }
}

/// Patient, and only looks.
struct Looking;

#[async_trait]
impl Bounds for Looking {
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn may_write(&self) -> bool {
        false
    }

    async fn before_write(&self) -> Result<Option<Deadline>, Problem> {
        Ok(None)
    }
}

struct Scene {
    fake: Arc<Fake>,
    events: Arc<Collected>,
    watching: Watching,
    bounds: Impatient,
}

fn scene(options: WatchingOptions) -> Scene {
    let (fake, events) = (Arc::new(Fake::default()), Arc::new(Collected::default()));
    let watching = Watching::new(fake.clone(), events.clone(), options);
    Scene {
        fake,
        events,
        watching,
        bounds: Impatient::default(),
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

fn quick() -> Policy {
    // No container has to live a while first: the pods of these tests have no probes.
    Policy {
        settle: 0,
        ..Policy::default()
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
        step: 0,
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

const SILENT: Result<(), Stopped> = Err(Stopped::CutOff(Problem::Unreachable { seconds: 1 }));
