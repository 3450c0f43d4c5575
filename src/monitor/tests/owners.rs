//! Owners above pods, of kinds that nobody watches.

use super::*;
use crate::model::ResourceType;
use crate::model::verification::VerificationSummary;
use crate::rollout::WorkloadImages;

fn database(replicas: u32) -> Value {
    json!({"apiVersion": "example.org/v1", "kind": "Database", "metadata": {"name": "db", "namespace": "shop", "uid": "d"},
        "spec": {"replicas": replicas, "image": "app:1"}})
}

fn database_target() -> Target {
    let resource = ResourceType {
        group: "example.org".into(),
        version: "v1".into(),
        kind: "Database".into(),
        plural: "databases".into(),
        namespaced: true,
    };
    Target::new(&resource, Some("shop"), "db")
}

/// A StatefulSet of this UID that the database controls.
fn owned_set(name: &str, uid: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": "shop", "uid": uid,
        "ownerReferences": [{"apiVersion": "example.org/v1", "kind": "Database", "name": "db", "uid": "d", "controller": true}]}})
}

/// A pod that runs what was tested, with a StatefulSet above it.
fn owned_pod(at: usize, set: (&str, &str)) -> Value {
    let name = format!("db-{at}");
    let reported = format!("app@{}", Sha256Digest::compute(b"tested"));
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": name, "generation": 1,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": set.0, "uid": set.1, "controller": true}]},
        "spec": {"containers": [{"name": "main", "image": "app:1"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "main", "imageID": reported, "state": {"running": {}}}]}})
}

/// What is proved of the database's image.
async fn prove(scene: &Scene) -> Result<Option<VerificationSummary>, Stopped> {
    scene.fake.put(database(1));
    scene.watching.prove(&scene.context).await
}

fn owned_scene() -> Scene {
    let target = database_target();
    let path = crate::model::release::ImagePath {
        group: "example.org".into(),
        kind: "Database".into(),
        path: "/spec/image".into(),
        ignored: false,
    };
    let object = Object::new(database(1)).unwrap();
    let workload = WorkloadImages::find(&target, &object, &[path]).unwrap();
    let recorded = RecordedImage {
        reference: "app:1".into(),
        digest: Sha256Digest::compute(b"tested"),
        origin: None,
        platforms: Vec::new(),
    };
    scene(WatchingOptions {
        policy: RolloutPolicy {
            timeout: Some(1),
            ..quick()
        },
        tested: vec![recorded],
        members: vec![target],
        workloads: [(workload.target.id(), workload)].into(),
        ..WatchingOptions::default()
    })
}

#[tokio::test]
async fn an_owner_is_read_once_however_many_pods_it_has() {
    let scene = owned_scene();
    scene.fake.put(owned_set("set", "s"));
    for at in 0..50 {
        scene.fake.put(owned_pod(at, ("set", "s")));
    }

    let summary = prove(&scene).await.unwrap().unwrap();
    assert_eq!(summary.message, "1 of 1 images verified in 50 pods");
    assert_eq!(scene.fake.count("GET StatefulSet"), 1);
}

#[tokio::test]
async fn many_owners_of_one_kind_are_listed() {
    let scene = owned_scene();
    for at in 0..20 {
        let name = format!("set-{at}");
        scene.fake.put(owned_set(&name, &name));
        scene.fake.put(owned_pod(at, (&name, &name)));
    }

    let summary = prove(&scene).await.unwrap().unwrap();
    assert_eq!(summary.message, "1 of 1 images verified in 20 pods");
    let requests = (
        scene.fake.count("GET StatefulSet"),
        scene.fake.count("LIST StatefulSet"),
    );
    assert_eq!(requests, (0, 1));
}

#[tokio::test]
async fn a_pod_whose_owner_has_the_name_of_another_object_by_now_belongs_to_nobody() {
    let scene = owned_scene();
    scene.fake.put(owned_set("set", "a new one"));
    scene.fake.put(owned_pod(0, ("set", "s")));

    let failure = match prove(&scene).await {
        Err(Stopped::Failed(failure)) => failure,
        other => panic!("expected a failure, found {other:?}"),
    };
    assert_eq!(failure.cause.kind, CauseKind::Stalled);
    assert_eq!(failure.cause.message, "0 of 1 pods exist after 1s");
}

#[tokio::test]
async fn an_owner_that_cannot_be_read_for_a_reason_that_passes_is_asked_for_again() {
    let scene = owned_scene();
    scene.fake.put(owned_set("set", "s"));
    scene.fake.put(owned_pod(0, ("set", "s")));
    scene.fake.cannot_get("StatefulSet", [503, 503]);

    let summary = prove(&scene).await.unwrap().unwrap();
    assert_eq!(summary.message, "1 of 1 images verified in 1 pod");
    assert_eq!(scene.fake.count("GET StatefulSet"), 3);
}

#[tokio::test]
async fn an_owner_that_may_not_be_read_is_asked_for_once_and_leaves_its_pods_unknown() {
    let scene = owned_scene();
    scene.fake.put(owned_set("set", "s"));
    scene.fake.put(owned_pod(0, ("set", "s")));
    scene.fake.cannot_get("StatefulSet", [403]);

    let summary = prove(&scene).await.unwrap().unwrap();
    let unknown = "0 of 1 images verified; 1 unknown (Database shop/db: cannot read StatefulSet set, an owner of pod db-0: a fault of the test: 403)";
    assert_eq!(summary.message, unknown);
    assert_eq!(scene.fake.count("GET StatefulSet"), 1);
}

#[tokio::test]
async fn an_owner_that_stays_without_an_answer_leaves_its_pods_unknown_and_fails_nothing() {
    let mut scene = owned_scene();
    scene.watching.options.unknown_limit = Duration::from_secs(1);
    scene.fake.put(owned_set("set", "s"));
    scene.fake.put(owned_pod(0, ("set", "s")));
    scene.fake.cannot_get("StatefulSet", vec![503; 1000]);

    let start = Instant::now();
    let summary = prove(&scene).await.unwrap().unwrap();
    let unknown = "0 of 1 images verified; 1 unknown (Database shop/db: cannot read StatefulSet set, an owner of pod db-0: a fault of the test: 503)";
    assert_eq!(summary.message, unknown);
    assert!(start.elapsed() >= scene.watching.options.unknown_limit);
}

#[tokio::test]
async fn pods_of_a_cluster_scoped_object_are_looked_for_in_the_namespaces_of_the_release() {
    let prove_in = async |namespaces: &[&str], replicas: u32| {
        let Scene {
            fake,
            events,
            mut watching,
            context,
        } = owned_scene();
        let workload = watching.options.workloads.pop_first().unwrap().1;
        let mut target = workload.target.clone();
        target.resource.namespaced = false;
        target.namespace = None;
        watching.options.members = vec![target.clone()];
        let workload = WorkloadImages {
            target: target.clone(),
            ..workload
        };
        watching.options.workloads = [(target.id(), workload)].into();
        watching.options.namespaces = namespaces.iter().map(ToString::to_string).collect();

        let mut object = database(replicas);
        object["metadata"]
            .as_object_mut()
            .unwrap()
            .shift_remove("namespace");
        fake.put(object);
        fake.put(owned_set("set", "s"));
        fake.put(owned_pod(0, ("set", "s")));
        let scene = Scene {
            fake,
            events,
            watching,
            context,
        };
        let summary = scene.watching.prove(&scene.context).await.unwrap().unwrap();
        (summary.message, scene.notes())
    };

    let (summary, note) = prove_in(&["db", "shop"], 1).await;
    assert_eq!(summary, "1 of 1 images verified in 1 pod");
    assert_eq!(note, "pods checked in namespaces db, shop only");

    // Where they may be is not known: nothing waits for them, and nothing fails.
    let (summary, _) = prove_in(&["db"], 3).await;
    assert_eq!(
        summary,
        "0 of 1 images verified; 1 unknown (Database db: 0 of 3 pods exist in namespaces db; other namespaces not checked)"
    );
}
