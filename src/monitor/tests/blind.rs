//! A cluster that is silent, or shows less than it holds.

use super::*;

#[tokio::test]
async fn what_cannot_be_read_is_waited_for_with_the_reason_and_has_a_deadline() {
    let scene = scene(WatchingOptions {
        policy: RolloutPolicy {
            timeout: Some(1),
            ..quick()
        },
        ..WatchingOptions::default()
    });
    // A 500 with a Status is a considered answer: the collection counts as unreadable, and not as late.
    scene.fake.cannot_list("Pod", 500);
    let set = scene.fake.put(set(1));

    let failure = failed(scene.watching.follow(&[watched(&set)], &scene.context).await);
    assert_eq!(
        failure.cause.kind,
        CauseKind::Unverified,
        "the release is not to blame"
    );

    let message = failure.cause.message;
    assert!(
        message.contains("1s (--timeout)") && message.contains("pods: a fault of the test"),
        "{message}"
    );
}

#[tokio::test]
async fn a_server_that_goes_silent_is_no_failure_of_what_it_no_longer_shows() {
    let scene = scene(WatchingOptions {
        policy: RolloutPolicy {
            // It runs out in the silence, and must not become the verdict.
            timeout: Some(1),
            ..quick()
        },
        ..WatchingOptions::default()
    });

    let claim = scene.fake.put(claim("data", "Pending"));
    let one = watched(&claim);
    let following = scene.watching.follow(std::slice::from_ref(&one), &scene.context);

    let silence = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        scene.fake.is_down(true);
    };

    let start = Instant::now();
    let (judged, ()) = tokio::join!(following, silence);
    assert_eq!(
        judged.map_err(|stopped| matches!(stopped, Stopped::CannotContinue(_))),
        Err(true)
    );
    // Its patience is one second, and yet a silence counts only from five on.
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_server_that_answers_again_in_time_is_told_of_and_the_rollout_seen_to_its_end() {
    let scene = scene(WatchingOptions {
        policy: quick(),
        ..WatchingOptions::default()
    });

    let one = watched(&scene.fake.put(claim("data", "Pending")));
    let outage = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        scene.fake.is_down(true);
        // Longer than a silence has to be until it is told of.
        tokio::time::sleep(Duration::from_secs(7)).await;
        scene.fake.is_down(false);
        // The server is heard again before anything changes: by being asked.
        tokio::time::sleep(Duration::from_secs(3)).await;
        scene.fake.put(claim("data", "Bound"));
    };

    let (judged, ()) = tokio::join!(
        scene.watching.follow(std::slice::from_ref(&one), &Looking),
        outage
    );

    assert_eq!(judged, Ok(()));
    let notes = scene.notes();
    assert!(
        notes.contains("no response from the API server for") && notes.contains("responds again"),
        "{notes}"
    );
}

#[tokio::test]
async fn a_soak_whose_end_nobody_could_see_does_not_end_well() {
    let scene = scene(WatchingOptions {
        policy: quick(),
        ..WatchingOptions::default()
    });

    let one = watched(&scene.fake.put(claim("data", "Bound")));
    let soak = scene.watching.soak(
        std::slice::from_ref(&one),
        Duration::from_millis(800),
        &scene.context,
    );

    let silence = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        scene.fake.is_down(true);
    };

    // The soak's time ends in the silence, and its last read is never answered.
    let (judged, ()) = tokio::join!(soak, silence);
    assert_eq!(judged, SILENT);
}

#[tokio::test]
async fn what_a_soak_has_missed_is_seen_at_its_end() {
    let scene = scene(WatchingOptions {
        policy: quick(),
        ..WatchingOptions::default()
    });

    let one = watched(&scene.fake.put(claim("data", "Bound")));
    let soak = scene.watching.soak(
        std::slice::from_ref(&one),
        Duration::from_millis(800),
        &scene.context,
    );

    let unseen = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        // Its watch says nothing of it.
        scene.fake.is_down(true);
        scene.fake.put(claim("data", "Lost"));
        scene.fake.is_down(false);
    };

    let (judged, ()) = tokio::join!(soak, unseen);
    assert!(
        failed(judged)
            .cause
            .message
            .contains("has lost its PersistentVolume")
    );
}

fn tested() -> WatchingOptions {
    let digest = Sha256Digest::compute(b"tested");
    let recorded = RecordedImage {
        reference: "app:1".into(),
        digest,
        origin: None,
        platforms: Vec::new(),
    };

    WatchingOptions {
        policy: quick(),
        tested: vec![recorded],
        ..WatchingOptions::default()
    }
}

#[tokio::test]
async fn pods_that_cannot_be_listed_prove_nothing() {
    let mut options = tested();
    let set = Object::new(set(1)).unwrap();
    options.members = vec![target(&set)];

    let scene = scene(options);
    scene.fake.put(set.value().clone());
    // It may pass: the proof waits for as long as its patience goes, and ends as cut off, not as a failure.
    scene.fake.cannot_list("Pod", 503);
    assert_eq!(scene.watching.prove(&scene.context).await.map(drop), SILENT);
}
