//! Gates on a cluster and a Prometheus that fail.

use super::*;
use crate::model::environment::PrometheusGate;

fn gated() -> WatchingOptions {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "smoke"}, "spec": {"template": {}}});
    let target = Target::new(&built_in("batch", "Job").unwrap(), Some("shop"), "smoke");

    let check = GateCheck::Job {
        target,
        object: Box::new(Object::new(job).unwrap()),
    };

    let gates = vec![ReadyGate {
        name: "smoke".into(),
        timeout: Duration::from_secs(5),
        check,
    }];
    WatchingOptions {
        policy: quick(),
        gates,
        ..WatchingOptions::default()
    }
}

async fn gate(scene: &Scene) -> Result<(), Stopped> {
    scene.watching.prove(&scene.context).await.map(drop)
}

#[tokio::test]
async fn a_gates_job_is_created_through_passing_errors_and_one_whose_answer_was_lost_is_not_made_twice() {
    let scene = scene(gated());
    // In turn: a create that is not done, one whose answer is lost, a delete that is not done.
    scene
        .fake
        .play(&[Play::Unavailable, Play::LoseAnswer, Play::Unavailable]);

    assert_eq!(gate(&scene).await, Ok(()));
    assert_eq!(
        (scene.fake.count("CREATE Job"), scene.fake.count("DELETE Job")),
        (2, 2)
    );
    assert_eq!(
        scene.context.asked.load(Ordering::Relaxed),
        4,
        "the lock is looked at before each write"
    );

    let all = ListRequest::all(&built_in("batch", "Job").unwrap(), None);
    assert!(
        scene.fake.list(&all).await.unwrap().items.is_empty(),
        "the Job is left behind"
    );
}

#[tokio::test]
async fn a_gates_job_that_may_not_be_created_is_no_answer_of_the_gate() {
    let scene = scene(gated());
    scene.fake.play(&[Play::Forbidden]);
    let failure = failed(gate(&scene).await);
    assert!(!failure.cause.kind.is_inside_release(), "{failure:?}");
    assert!(failure.cause.message.contains("cannot be created"), "{failure:?}");
}

#[tokio::test]
async fn without_the_lock_a_gate_writes_nothing() {
    let mut scene = scene(gated());

    scene.context.lost = true;
    assert_eq!(
        gate(&scene).await,
        Err(Stopped::CannotContinue(StopReason::LockLost))
    );
    assert_eq!(scene.fake.count("CREATE"), 0);
}

/// A Prometheus that gives these answers, one a connection, the last one for ever; none resets the connection.
async fn prometheus(answers: &'static [Option<&'static str>]) -> WatchingOptions {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    rustls::crypto::ring::default_provider().install_default().ok();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());

    tokio::spawn(async move {
        for at in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let Some(value) = answers[at.min(answers.len() - 1)] else {
                continue;
            };

            // Read and thrown away: a connection with unread bytes is reset as it closes.
            let mut request = [0; 4096];
            drop(stream.read(&mut request).await);
            let body = json!({"status": "success", "data": {"resultType": "scalar", "result": [1, value]}})
                .to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            drop(stream.write_all(format!("{head}{body}").as_bytes()).await);
        }
    });

    let query = PrometheusGate {
        url,
        query: "errors".into(),
        condition: "result[0] < 1.0".into(),
    };
    let check = GateCheck::Prometheus(query);
    let gates = vec![ReadyGate {
        name: "errors".into(),
        timeout: Duration::from_secs(3),
        check,
    }];

    WatchingOptions {
        policy: quick(),
        gates,
        ..WatchingOptions::default()
    }
}

#[tokio::test]
async fn a_prometheus_that_cannot_be_reached_is_no_mark_against_the_release_and_one_that_says_no_is() {
    // Each connection is closed before an answer.
    let silent = failed(gate(&scene(prometheus(&[None]).await)).await);
    assert_eq!(silent.cause.kind, CauseKind::Unverified, "{silent:?}");
    assert!(
        silent.cause.message.contains("had no answer within 3s"),
        "{silent:?}"
    );

    // Once without an answer: only what it says then counts against the release.
    let no = failed(gate(&scene(prometheus(&[None, Some("2")]).await)).await);
    assert_eq!(no.cause.kind, CauseKind::Gate, "{no:?}");
}

#[tokio::test]
async fn a_prometheus_that_is_away_for_a_moment_does_not_fail_the_soak() {
    let scene = scene(prometheus(&[None, None, Some("0.5")]).await);

    let one = watched(&scene.fake.put(claim("data", "Bound")));
    let judged = scene
        .watching
        .soak(&[one], Duration::from_millis(300), &scene.context)
        .await;
    assert_eq!(judged, Ok(()));
}
