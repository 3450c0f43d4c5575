//! The service that an execution judges its rollouts by: follows, tells, proves, soaks, stuck_pods.

use super::followed::{deployment, quick, workload};
use crate::harness::{Namespace, TestCluster};
use async_trait::async_trait;
use kubectl_delivery::testing::cluster::{Cluster, DeleteOptions, Deleted, WriteOptions};
use kubectl_delivery::testing::model::event::{Event, EventSink};
use kubectl_delivery::testing::model::journal::Failure;
use kubectl_delivery::testing::model::k8s::kinds::well_known;
use kubectl_delivery::testing::model::plan::Propagation;
use kubectl_delivery::testing::model::release::RecordedImage;
use kubectl_delivery::testing::model::verdict::CauseKind;
use kubectl_delivery::testing::model::{Sha256Digest, StepId, Target};
use kubectl_delivery::testing::monitor::{
    MonitorContext, MonitorWrite, Rollout, StopReason, Stopped, Watched, Watching, WatchingOptions,
    WriteAnswer,
};
use kubectl_delivery::testing::rollout::RolloutPolicy;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const IMAGE: &str = "127.0.0.1:5000/app:1";

#[derive(Default)]
pub struct Collected(Mutex<Vec<Event>>);

impl EventSink for Collected {
    fn emit(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Collected {
    pub fn notes(&self) -> Vec<String> {
        let events = self.0.lock().unwrap();
        let note = |event: &Event| match event {
            Event::Note { message, .. } => Some(message.clone()),
            _ => None,
        };
        events.iter().filter_map(note).collect()
    }

    pub fn failed(&self) -> Option<Event> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .find(|event| matches!(event, Event::Failed { .. }))
            .cloned()
    }
}

/// A context that may write, and counts how often it is asked to.
pub struct Free {
    cluster: Arc<dyn Cluster>,
    pub asked: AtomicUsize,
}

#[async_trait]
impl MonitorContext for Free {
    fn patience(&self) -> Duration {
        Duration::from_secs(20)
    }

    async fn write(&self, write: &MonitorWrite) -> Result<WriteAnswer, StopReason> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = match write {
            MonitorWrite::Create { target, object } => {
                let options = WriteOptions {
                    manager: "test".into(),
                    dry_run: false,
                    not_after: None,
                };
                let made = self.cluster.create(target, object.value(), &options).await;
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
                let deleted = self.cluster.delete(target, &options).await;
                deleted.map(|deleted| match deleted {
                    Deleted::Gone | Deleted::Going(_) => WriteAnswer::Deleted,
                    Deleted::WasAbsent => WriteAnswer::Absent,
                })
            }
        };
        Ok(answer.unwrap_or_else(WriteAnswer::Failed))
    }
}

/// The failure that something ended with.
pub fn failed(judged: Result<(), Stopped>) -> Failure {
    match judged {
        Err(Stopped::Failed(failure)) => *failure,
        other => panic!("expected a failure, found {other:?}"),
    }
}

pub struct Run {
    pub watching: Watching,
    pub events: Arc<Collected>,
    pub context: Free,
}

impl Run {
    pub async fn follow(&self, watched: &[Watched]) -> Result<(), Stopped> {
        in_time(self.watching.follow(watched, &self.context)).await
    }

    pub async fn prove(&self) -> Result<(), Stopped> {
        in_time(self.watching.prove(&self.context)).await.map(drop)
    }

    pub async fn soak(&self, watched: &[Watched], seconds: u64) -> Result<(), Stopped> {
        in_time(
            self.watching
                .soak(watched, Duration::from_secs(seconds), &self.context),
        )
        .await
    }
}

pub async fn run(options: WatchingOptions) -> Run {
    let events = Arc::new(Collected::default());
    let cluster = TestCluster::get().connect().await;
    Run {
        watching: Watching::new(cluster.clone(), events.clone(), options),
        events,
        context: Free {
            cluster,
            asked: AtomicUsize::new(0),
        },
    }
}

pub fn quick_options() -> WatchingOptions {
    WatchingOptions {
        policy: quick(),
        ..WatchingOptions::default()
    }
}

pub fn apply(namespace: &Namespace, object: Value) -> Watched {
    let answer = namespace.apply(object);
    let target = Target::new(
        &well_known(&answer.gvk()).unwrap(),
        Some(namespace.name()),
        answer.name(),
    );
    let path = "/spec/template/spec/containers/[name=web]/image".parse().unwrap();
    Watched {
        step: StepId::new(0),
        target,
        answer,
        before: None,
        changes: vec![path],
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(40), work)
        .await
        .expect("no end in time")
}

fn pinned(text: &str) -> (String, RecordedImage) {
    let digest = Sha256Digest::compute(text.as_bytes());
    let reference = format!("127.0.0.1:5000/app@{digest}");
    (
        reference.clone(),
        RecordedImage {
            reference,
            digest,
            origin: None,
            platforms: Vec::new(),
        },
    )
}

#[tokio::test]
async fn a_failure_is_told_with_its_events_and_with_the_fields_that_were_changed() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let run = run(quick_options()).await;
    namespace.quota(json!({"pods": "0"}));
    let watched = apply(&namespace, deployment(1, IMAGE, None));
    let failure = failed(run.follow(&[watched]).await);
    assert_eq!(failure.cause.kind, CauseKind::Quota);
    let Some(Event::Failed { events, changes, .. }) = run.events.failed() else {
        panic!("nothing was told")
    };
    assert!(
        events
            .iter()
            .any(|line| line.contains("FailedCreate") && line.contains("exceeded quota")),
        "{events:?}"
    );
    assert_eq!(changes, ["/spec/template/spec/containers/[name=web]/image"]);
}

#[tokio::test]
async fn what_runs_is_proved_by_its_digest_and_another_image_under_the_same_name_is_a_failure() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let (reference, recorded) = pinned("tested");
    let options = WatchingOptions {
        tested: vec![recorded],
        ..quick_options()
    };
    let good = run(options.clone()).await;
    let watched = apply(&namespace, deployment(2, &reference, None));
    good.follow(std::slice::from_ref(&watched)).await.unwrap();
    good.prove().await.unwrap();

    // One that is known as another image of the release: the pin does not count against it.
    let (_, another) = pinned("stale");
    let stale = run(WatchingOptions {
        tested: [options.tested, vec![another]].concat(),
        ..quick_options()
    })
    .await;
    let other = format!("127.0.0.1:5000/app@{}", Sha256Digest::compute(b"stale"));
    let mut object = deployment(2, &reference, None);
    object["spec"]["template"]["metadata"]["annotations"] = json!({"kwok-image-id/web": other});
    let watched = apply(&namespace, object);
    stale.follow(&[watched]).await.unwrap();
    let failure = failed(stale.prove().await);
    assert_eq!(failure.cause.kind, CauseKind::WrongImage, "{failure:?}");
    assert!(
        failure
            .cause
            .message
            .contains(Sha256Digest::compute(b"stale").short()),
        "{}",
        failure.cause.message
    );
}

#[tokio::test]
async fn a_container_that_exits_during_the_soak_fails_it() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let run = run(quick_options()).await;
    let mut object = deployment(1, IMAGE, Some("crash-later"));
    object["spec"]["template"]["metadata"]["annotations"] = json!({"kwok-play-after": "3s"});
    let watched = apply(&namespace, object);
    run.follow(std::slice::from_ref(&watched)).await.unwrap();
    let start = Instant::now();
    let failure = failed(run.soak(&[watched], 30).await);
    assert_eq!(failure.cause.kind, CauseKind::Soak, "{failure:?}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_pod_that_is_no_longer_ready_fails_the_soak_after_its_grace() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let mut policy = quick();
    policy.graces.readiness = 1;
    let run = run(WatchingOptions {
        policy,
        ..WatchingOptions::default()
    })
    .await;
    let mut object = deployment(1, IMAGE, Some("readiness-lost"));
    object["spec"]["template"]["metadata"]["annotations"] = json!({"kwok-play-after": "2s"});
    let watched = apply(&namespace, object);
    run.follow(std::slice::from_ref(&watched)).await.unwrap();
    let failure = failed(run.soak(&[watched], 30).await);
    assert_eq!(failure.cause.kind, CauseKind::Soak, "{failure:?}");
    assert!(
        failure.cause.message.contains("was ready when the soak began"),
        "{}",
        failure.cause.message
    );
}

#[tokio::test]
async fn a_soak_in_which_nothing_happens_ends_well() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let run = run(quick_options()).await;
    let watched = apply(&namespace, deployment(1, IMAGE, None));
    run.follow(std::slice::from_ref(&watched)).await.unwrap();
    let start = Instant::now();
    run.soak(&[watched], 2).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn a_stateful_set_that_is_stuck_on_a_broken_pod_is_helped_on() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let first = run(quick_options()).await;
    let good = apply(&namespace, workload("StatefulSet", 2, IMAGE, None));
    first.follow(&[good]).await.unwrap();
    let broken = apply(
        &namespace,
        workload("StatefulSet", 2, IMAGE, Some("image-not-found")),
    );
    let failure = failed(first.follow(&[broken]).await);
    assert_eq!(failure.cause.kind, CauseKind::ImageNotFound);
    let back = apply(&namespace, workload("StatefulSet", 2, IMAGE, None));
    first.follow(&[back]).await.unwrap();
    let notes = first.events.notes();
    assert!(
        notes.iter().any(|note| note.contains("deleted pod web-1")),
        "{notes:?}"
    );
}

#[tokio::test]
async fn what_was_broken_before_is_said_and_not_blamed() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let run = run(WatchingOptions {
        policy: RolloutPolicy {
            settle: 0,
            ..RolloutPolicy::default()
        },
        ..WatchingOptions::default()
    })
    .await;
    let broken = apply(&namespace, deployment(1, IMAGE, Some("crash-loop")));
    failed(run.follow(&[broken]).await);
    std::thread::sleep(Duration::from_millis(1500));
    let good = apply(&namespace, deployment(1, IMAGE, None));
    run.follow(&[good]).await.unwrap();
    let notes = run.events.notes();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("was unhealthy before this promotion")
                && note.contains("CrashLoopBackOff")),
        "{notes:?}"
    );
}
