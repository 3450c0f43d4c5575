//! What is judged, watched and helped on, and what is left alone.

use super::*;

#[tokio::test]
async fn a_pod_that_could_not_be_deleted_once_is_deleted_later() {
    let scene = scene(WatchingOptions {
        policy: quick(),
        ..WatchingOptions::default()
    });

    let one = watched(&scene.fake.put(set(0)));
    scene.fake.put(pod("old", false));
    // The first deletion fails in a way that passes.
    scene.fake.play(&[Play::Unavailable]);

    let controller = async {
        while scene.fake.count("DELETE Pod") < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Only once the old pod is gone does the StatefulSet make its successor.
        scene.fake.put(pod("new", true));
        scene.fake.put(set(1));
    };

    let following = scene.watching.follow(std::slice::from_ref(&one), &scene.context);
    let (judged, ()) = tokio::join!(following, controller);
    assert_eq!(judged, Ok(()));

    let notes = scene.notes();
    assert!(
        notes.contains("cannot delete pod db-0") && notes.contains("deleted pod db-0"),
        "{notes}"
    );
}

#[tokio::test]
async fn whoever_only_looks_deletes_no_pod_and_says_that_somebody_must() {
    let policy = RolloutPolicy {
        timeout: Some(2),
        ..quick()
    };

    let scene = scene(WatchingOptions {
        policy,
        ..WatchingOptions::default()
    });

    let one = watched(&scene.fake.put(set(0)));
    scene.fake.put(pod("old", false));

    // Nobody deletes the pod, so that only the timeout ends it.
    failed(scene.watching.follow(std::slice::from_ref(&one), &Looking).await);
    assert_eq!(scene.fake.count("DELETE"), 0);
    assert!(
        scene.notes().contains("to continue the rollout, delete the pod"),
        "{}",
        scene.notes()
    );
}

fn subject(object: &Object) -> MonitoredObject {
    MonitoredObject::new(target(object), object, Timestamp::now())
}

#[tokio::test]
async fn only_what_a_change_is_about_is_judged_again() {
    let fake = Arc::new(Fake::default());
    let all: Vec<Object> = (0..500)
        .map(|n| fake.put(claim(&format!("data-{n}"), "Pending")))
        .collect();

    let mut follow = Follow::start(fake.clone(), quick());
    follow.add(all.iter().map(subject));
    // Each has a first verdict, which comes as an update of its own.
    for _ in 0..all.len() {
        follow.next().await;
    }

    let before = follow.judged;
    fake.put(claim("data-7", "Bound"));

    let update = follow.next().await;
    assert_eq!(
        (update.object.name.as_str(), update.verdict),
        ("data-7", Health::ready())
    );
    assert_eq!(follow.judged - before, 1);
}

#[tokio::test]
async fn a_service_without_a_load_balancer_is_done_and_nothing_is_watched_for_it() {
    let scene = scene(WatchingOptions {
        policy: quick(),
        ..WatchingOptions::default()
    });

    let service = |kind: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": kind.to_lowercase(), "namespace": "shop", "uid": kind},
            "spec": {"type": kind}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})
    };

    let plain = watched(&scene.fake.put(service("ClusterIP")));
    scene.watching.before(std::slice::from_ref(&plain.target)).await;
    assert_eq!(scene.watching.follow(&[plain], &scene.context).await, Ok(()));
    assert_eq!(scene.fake.count("LIST"), 0);

    let balanced = watched(&scene.fake.put(service("LoadBalancer")));
    assert_eq!(scene.watching.follow(&[balanced], &scene.context).await, Ok(()));
    assert_eq!(
        scene.fake.count("LIST Service"),
        0,
        "an address is not waited for before the workloads"
    );

    assert_eq!(scene.watching.prove(&scene.context).await.map(drop), Ok(()));
    assert_eq!(scene.fake.count("LIST Service"), 1);
}

#[tokio::test]
async fn a_watch_that_may_not_be_opened_is_not_asked_for_in_a_tight_loop() {
    let fake = Arc::new(Fake::default());
    let one = fake.put(claim("data", "Pending"));
    fake.cannot_watch("PersistentVolumeClaim", 403);

    let mut follow = Follow::start(fake.clone(), quick());
    follow.add([subject(&one)]);
    follow.next().await;

    // No watch brings it: the next list does.
    fake.put(claim("data", "Bound"));
    assert_eq!(
        follow.next().await.verdict,
        Health::ready(),
        "what can be listed is still seen"
    );

    // A second of tries: each one waits longer than the one before.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(
        fake.count("LIST PersistentVolumeClaim") < 10,
        "{}",
        fake.count("LIST")
    );
}

/// Of a kind whose controller names no generation.
fn widget(generation: i64, ready: &str) -> Object {
    let written =
        json!([{"manager": "kubectl-delivery", "operation": "Apply", "time": "2026-01-01T00:00:00Z"}]);
    Object::new(
        json!({"apiVersion": "shop.example/v1", "kind": "Widget", "spec": {"size": generation},
        "metadata": {"name": "a", "namespace": "shop", "uid": "w", "generation": generation, "managedFields": written},
        "status": {"conditions": [{"type": "Ready", "status": ready, "reason": "Sized"}]}}),
    )
    .unwrap()
}

#[tokio::test]
async fn a_status_that_was_written_in_the_rollout_is_not_an_old_one_in_the_soak() {
    let scene = scene(WatchingOptions::default());
    let answer = scene.fake.put(widget(2, "True").value().clone());
    let gvk = answer.gvk();
    let resource = ResourceType {
        group: gvk.group,
        version: gvk.version,
        kind: gvk.kind,
        plural: "widgets".into(),
        namespaced: true,
    };
    let one = Watched {
        step: StepId::new(0),
        target: Target::new(&resource, Some("shop"), "a"),
        answer,
        before: Some(widget(1, "True")),
        changes: Vec::new(),
    };
    let verdicts = || {
        let events = scene.events.0.lock().unwrap();
        let verdict = |event: &Event| match event {
            Event::Rollout { health, .. } => Some(health.clone()),
            _ => None,
        };
        events.iter().filter_map(verdict).collect::<Vec<Health>>()
    };

    // Another status for a while, and then the one of before to the letter.
    let controller = async {
        while verdicts().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        scene.fake.put(widget(2, "False").value().clone());
        while verdicts().len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        scene.fake.put(widget(2, "True").value().clone());
    };
    let following = scene.watching.follow(std::slice::from_ref(&one), &scene.context);
    let (judged, ()) = tokio::join!(following, controller);
    assert_eq!(judged, Ok(()));
    assert_eq!(verdicts().last(), Some(&Health::ready()));

    let soaked = scene.watching.soak(
        std::slice::from_ref(&one),
        Duration::from_millis(100),
        &scene.context,
    );
    assert_eq!(soaked.await, Ok(()));
    let is_open = |verdict: &Health| !matches!(verdict, Health::Ready { .. });
    assert_eq!(
        verdicts().iter().filter(|one| is_open(one)).count(),
        2,
        "{:#?}",
        verdicts()
    );
}
