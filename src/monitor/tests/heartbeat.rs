//! What is said while nothing happens.

use super::*;
use crate::monitor::heartbeat::Heartbeat;

/// A StatefulSet whose pod waits for its image, with the Event of it.
fn waiting(image: &str) -> (Scene, Watched) {
    let mut scene = scene(WatchingOptions {
        policy: quick(),
        ..WatchingOptions::default()
    });
    scene.watching.events = Heartbeat::every(Duration::from_millis(300), scene.events.clone());
    let one = watched(&scene.fake.put(set(0)));

    let mut pod = pod("new", false);
    pod["status"]["phase"] = "Pending".into();
    pod["status"]["containerStatuses"][0]["state"] =
        json!({"waiting": {"reason": "ContainerCreating", "message": ""}});
    scene.fake.put(pod);
    let now = Timestamp::now().to_string();
    scene.fake.put(
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "db-0.1", "namespace": "shop", "uid": "e"},
        "involvedObject": {"kind": "Pod", "name": "db-0", "uid": "p-new"}, "type": "Normal", "reason": "Pulling",
        "message": format!("Pulling image \"{image}\"\nfrom afar"), "count": 1, "lastTimestamp": now}),
    );
    (scene, one)
}

impl Scene {
    fn heartbeats(&self) -> Vec<(Option<String>, String, Option<u64>)> {
        let events = self.events.0.lock().unwrap();
        let heartbeat = |event: &Event| match event {
            Event::Heartbeat {
                object,
                message,
                remaining_seconds,
            } => Some((
                object.as_ref().map(ToString::to_string),
                message.clone(),
                *remaining_seconds,
            )),
            _ => None,
        };
        events.iter().filter_map(heartbeat).collect()
    }
}

#[tokio::test]
async fn a_rollout_that_does_not_move_says_its_pod_its_last_event_and_the_time_that_is_left() {
    let (scene, one) = waiting("app:1");
    let following = scene.watching.follow(std::slice::from_ref(&one), &scene.context);
    tokio::time::timeout(Duration::from_millis(1500), following)
        .await
        .unwrap_err();

    let heartbeats = scene.heartbeats();
    assert!((2..=5).contains(&heartbeats.len()), "{heartbeats:#?}");
    let (object, message, remaining) = &heartbeats[0];
    assert_eq!(object.as_deref(), Some("StatefulSet shop/db"));
    assert!(
        message.contains("; pod db-0 ContainerCreating: Pulling image \"app:1\" from afar (event "),
        "{message}"
    );
    assert!((590..=600).contains(&remaining.unwrap()), "{remaining:?}");
}

#[tokio::test]
async fn whoever_asks_again_and_again_hears_of_it_all_the_same() {
    let (scene, one) = waiting("app:1");
    let watched = std::slice::from_ref(&one);
    scene.watching.join(watched).await;
    for _ in 0..15 {
        // As `wait` does, which looks for further objects meanwhile.
        let progress = scene.watching.progress(watched, &scene.context);
        tokio::time::timeout(Duration::from_millis(100), progress)
            .await
            .unwrap_err();
    }
    assert!(scene.heartbeats().len() >= 2, "{:#?}", scene.heartbeats());
}

#[tokio::test]
async fn a_rollout_that_moves_says_no_more() {
    let (scene, one) = waiting("app:1");
    let moving = async {
        for n in 0..10 {
            let mut set = set(0);
            set["spec"]["replicas"] = (n + 2).into();
            scene.fake.put(set);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let following = scene.watching.follow(std::slice::from_ref(&one), &scene.context);
    tokio::select! {
        judged = following => panic!("{judged:?}"),
        () = moving => {}
    }
    assert_eq!(scene.heartbeats(), []);
}

#[tokio::test]
async fn a_soak_says_how_long_it_takes() {
    let (scene, one) = waiting("app:1");
    scene.fake.put(set(1));
    scene.fake.put(pod("new", true));
    let watched = std::slice::from_ref(&one);
    scene.watching.follow(watched, &scene.context).await.unwrap();
    let time = Duration::from_millis(1200);
    scene.watching.soak(watched, time, &scene.context).await.unwrap();

    let (object, message, remaining) = scene.heartbeats().pop().unwrap();
    assert_eq!((object, message.as_str()), (None, "soaking: 1 of 1 object ready"));
    assert!(remaining.unwrap() <= 1);
}
