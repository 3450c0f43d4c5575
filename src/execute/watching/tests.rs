//! What judging makes of a cluster that fails in the middle of it.

use super::fake::{Fake, Play};
use super::*;
use crate::cluster::{Cluster, ListRequest};
use crate::execute::follow::Follow;
use crate::execute::services::{Bounds, Problem, Rollout, Stopped, Watched};
use crate::model::event::{Event, EventSink};
use crate::model::journal::Failure;
use crate::model::kinds::built_in;
use crate::model::release::RecordedImage;
use crate::model::verdict::{CauseKind, Verdict};
use crate::model::{Object, Sha256Digest, Target};
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

    async fn before_write(&self) -> Result<(), Problem> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.lost { Err(Problem::LockLost) } else { Ok(()) }
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

    async fn before_write(&self) -> Result<(), Problem> {
        Ok(())
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
    Scene { fake, events, watching, bounds: Impatient::default() }
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

    async fn gate(&self) -> Result<(), Stopped> {
        self.watching.prove(&self.bounds).await
    }
}

fn quick() -> Policy {
    Policy { settle: 0, ..Policy::default() }
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
    Watched { step: 0, target, answer: object.clone(), changes: Vec::new() }
}

fn target(object: &Object) -> Target {
    let gvk = object.gvk();
    Target::new(&built_in(&gvk.group, &gvk.kind).unwrap(), Some("shop"), object.name())
}

fn failed(judged: Result<(), Stopped>) -> Failure {
    match judged {
        Err(Stopped::Failed(failure)) => *failure,
        other => panic!("expected a failure, found {other:?}"),
    }
}

const SILENT: Result<(), Stopped> = Err(Stopped::CutOff(Problem::Unreachable { seconds: 1 }));

#[tokio::test]
async fn what_cannot_be_read_is_waited_for_with_the_reason_and_has_a_deadline() {
    let scene = scene(WatchingOptions {
        policy: Policy { timeout: Some(1), ..quick() },
        ..WatchingOptions::default()
    });
    scene.fake.cannot_list("Pod", 500);
    let set = scene.fake.put(set(1));
    let failure = failed(scene.watching.follow(&[watched(&set)], &scene.bounds).await);
    assert_eq!(failure.cause.kind, CauseKind::Unverified, "the release is not to blame");
    let message = failure.cause.message;
    assert!(message.contains("1 s --timeout") && message.contains("pods: a fault of the test"), "{message}");
}

#[tokio::test]
async fn a_server_that_goes_silent_is_no_failure_of_what_it_no_longer_shows() {
    let scene = scene(WatchingOptions {
        policy: Policy { timeout: Some(1), ..quick() },
        ..WatchingOptions::default()
    });
    let claim = scene.fake.put(claim("data", "Pending"));
    let one = watched(&claim);
    let following = scene.watching.follow(std::slice::from_ref(&one), &scene.bounds);
    let silence = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        scene.fake.is_down(true);
    };
    let start = Instant::now();
    let (judged, ()) = tokio::join!(following, silence);
    assert_eq!(judged.map_err(|stopped| matches!(stopped, Stopped::CutOff(_))), Err(true));
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_server_that_answers_again_in_time_is_told_of_and_the_rollout_seen_to_its_end() {
    let scene = scene(WatchingOptions { policy: quick(), ..WatchingOptions::default() });
    let one = watched(&scene.fake.put(claim("data", "Pending")));
    let outage = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        scene.fake.is_down(true);
        tokio::time::sleep(Duration::from_secs(6)).await;
        scene.fake.is_down(false);
        tokio::time::sleep(Duration::from_secs(3)).await;
        scene.fake.put(claim("data", "Bound"));
    };
    let (judged, ()) = tokio::join!(scene.watching.follow(std::slice::from_ref(&one), &Looking), outage);
    assert_eq!(judged, Ok(()));
    let notes = scene.notes();
    assert!(notes.contains("does not answer for") && notes.contains("answers again"), "{notes}");
}

#[tokio::test]
async fn a_soak_whose_end_nobody_could_see_does_not_end_well() {
    let scene = scene(WatchingOptions { policy: quick(), ..WatchingOptions::default() });
    let one = watched(&scene.fake.put(claim("data", "Bound")));
    let soak = scene.watching.soak(std::slice::from_ref(&one), Duration::from_millis(800), &scene.bounds);
    let silence = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        scene.fake.is_down(true);
    };
    let (judged, ()) = tokio::join!(soak, silence);
    assert_eq!(judged, SILENT);
}

#[tokio::test]
async fn what_a_soak_has_missed_is_seen_at_its_end() {
    let scene = scene(WatchingOptions { policy: quick(), ..WatchingOptions::default() });
    let one = watched(&scene.fake.put(claim("data", "Bound")));
    let soak = scene.watching.soak(std::slice::from_ref(&one), Duration::from_millis(800), &scene.bounds);
    let unseen = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        // Its watch says nothing of it.
        scene.fake.is_down(true);
        scene.fake.put(claim("data", "Lost"));
        scene.fake.is_down(false);
    };
    let (judged, ()) = tokio::join!(soak, unseen);
    assert!(failed(judged).cause.message.contains("has lost its volume"));
}

fn tested() -> WatchingOptions {
    let digest = Sha256Digest::of(b"tested");
    let recorded = RecordedImage { reference: "app:1".into(), digest, origin: None, platforms: Vec::new() };
    WatchingOptions { policy: quick(), tested: vec![recorded], ..WatchingOptions::default() }
}

#[tokio::test]
async fn pods_that_cannot_be_listed_prove_nothing() {
    let mut options = tested();
    let set = Object::new(set(1)).unwrap();
    options.members = vec![target(&set)];
    let scene = scene(options);
    scene.fake.put(set.value().clone());
    scene.fake.cannot_list("Pod", 503);
    assert_eq!(scene.watching.prove(&scene.bounds).await, SILENT);
}

fn gated() -> WatchingOptions {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "smoke"}, "spec": {"template": {}}});
    let target = Target::new(&built_in("batch", "Job").unwrap(), Some("shop"), "smoke");
    let check = GateCheck::Job { target, object: Box::new(Object::new(job).unwrap()) };
    let gates = vec![ReadyGate { name: "smoke".into(), timeout: Duration::from_secs(5), check }];
    WatchingOptions { policy: quick(), gates, ..WatchingOptions::default() }
}

#[tokio::test]
async fn a_gates_job_is_created_through_passing_errors_and_one_whose_answer_was_lost_is_not_made_twice() {
    let scene = scene(gated());
    scene.fake.play(&[Play::Unavailable, Play::LoseAnswer, Play::Unavailable]);
    assert_eq!(scene.gate().await, Ok(()));
    assert_eq!((scene.fake.count("CREATE Job"), scene.fake.count("DELETE Job")), (2, 2));
    assert_eq!(scene.bounds.asked.load(Ordering::Relaxed), 4, "the lock is looked at before each write");
    let all = ListRequest::all(&built_in("batch", "Job").unwrap(), None);
    assert!(scene.fake.list(&all).await.unwrap().items.is_empty(), "the Job is left behind");
}

#[tokio::test]
async fn a_gates_job_that_may_not_be_created_is_no_answer_of_the_gate() {
    let scene = scene(gated());
    scene.fake.play(&[Play::Forbidden]);
    let failure = failed(scene.gate().await);
    assert!(!failure.cause.kind.is_inside_release(), "{failure:?}");
    assert!(failure.cause.message.contains("cannot be created"), "{failure:?}");
}

#[tokio::test]
async fn without_the_lock_a_gate_writes_nothing() {
    let mut scene = scene(gated());
    scene.bounds.lost = true;
    assert_eq!(scene.gate().await, Err(Stopped::CutOff(Problem::LockLost)));
    assert_eq!(scene.fake.count("CREATE"), 0);
}

#[tokio::test]
async fn a_pod_that_could_not_be_deleted_once_is_deleted_later() {
    let scene = scene(WatchingOptions { policy: quick(), ..WatchingOptions::default() });
    let one = watched(&scene.fake.put(set(0)));
    scene.fake.put(pod("old", false));
    scene.fake.play(&[Play::Unavailable]);
    let controller = async {
        while scene.fake.count("DELETE Pod") < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        scene.fake.put(pod("new", true));
        scene.fake.put(set(1));
    };
    let following = scene.watching.follow(std::slice::from_ref(&one), &scene.bounds);
    let (judged, ()) = tokio::join!(following, controller);
    assert_eq!(judged, Ok(()));
    let notes = scene.notes();
    assert!(notes.contains("cannot delete pod db-0") && notes.contains("deleted pod db-0"), "{notes}");
}

#[tokio::test]
async fn whoever_only_looks_deletes_no_pod_and_says_that_somebody_must() {
    let policy = Policy { timeout: Some(2), ..quick() };
    let scene = scene(WatchingOptions { policy, ..WatchingOptions::default() });
    let one = watched(&scene.fake.put(set(0)));
    scene.fake.put(pod("old", false));
    failed(scene.watching.follow(std::slice::from_ref(&one), &Looking).await);
    assert_eq!(scene.fake.count("DELETE"), 0);
    assert!(scene.notes().contains("once somebody deletes the pod"), "{}", scene.notes());
}

fn subject(object: &Object) -> Subject {
    Subject::new(target(object), object, Timestamp::now())
}

#[tokio::test]
async fn only_what_a_change_is_about_is_judged_again() {
    let fake = Arc::new(Fake::default());
    let all: Vec<Object> = (0..500).map(|n| fake.put(claim(&format!("data-{n}"), "Pending"))).collect();
    let mut follow = Follow::start(fake.clone(), quick());
    follow.add(all.iter().map(subject));
    for _ in 0..all.len() {
        follow.next().await;
    }
    let before = follow.judged;
    fake.put(claim("data-7", "Bound"));
    let update = follow.next().await;
    assert_eq!((update.object.name.as_str(), update.verdict), ("data-7", Verdict::done()));
    assert_eq!(follow.judged - before, 1);
}

#[tokio::test]
async fn a_service_without_a_load_balancer_is_done_and_nothing_is_watched_for_it() {
    let scene = scene(WatchingOptions { policy: quick(), ..WatchingOptions::default() });
    let service = |kind: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": kind.to_lowercase(), "namespace": "shop", "uid": kind},
            "spec": {"type": kind}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})
    };
    let plain = watched(&scene.fake.put(service("ClusterIP")));
    scene.watching.before(std::slice::from_ref(&plain.target)).await;
    assert_eq!(scene.watching.follow(&[plain], &scene.bounds).await, Ok(()));
    assert_eq!(scene.fake.count("LIST"), 0);
    let balanced = watched(&scene.fake.put(service("LoadBalancer")));
    assert_eq!(scene.watching.follow(&[balanced], &scene.bounds).await, Ok(()));
    assert_eq!(scene.fake.count("LIST Service"), 1);
}
