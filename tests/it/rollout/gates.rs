//! Gates: Jobs on the real control plane, queries of a real Prometheus.

use super::service::{apply, failed, quick_options, run};
use crate::harness::TestCluster;
use kubectl_delivery::testing::model::environment::PrometheusGate;
use kubectl_delivery::testing::model::event::Event;
use kubectl_delivery::testing::model::k8s::kinds::built_in;
use kubectl_delivery::testing::model::verdict::CauseKind;
use kubectl_delivery::testing::model::{Object, Target};
use kubectl_delivery::testing::monitor::{GateCheck, ReadyGate, WatchingOptions};
use serde_json::json;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A Prometheus of its own, on loopback, which goes when it is dropped.
pub struct Prometheus {
    child: Child,
    /// Where it answers.
    pub url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// It may need a second until it answers.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, "global: {scrape_interval: 1s}\n").unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("this test needs prometheus ({error}): apt-get install prometheus")
            });
        Self {
            child,
            url: format!("http://{address}"),
            _folder: folder,
        }
    }

    fn gate(&self, query: &str, condition: &str, seconds: u64) -> ReadyGate {
        let check = PrometheusGate {
            url: self.url.clone(),
            query: query.into(),
            condition: condition.into(),
        };
        let timeout = Duration::from_secs(seconds);
        ReadyGate {
            name: "errors".into(),
            timeout,
            check: GateCheck::Prometheus(check),
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn with(gates: Vec<ReadyGate>) -> WatchingOptions {
    WatchingOptions {
        gates,
        ..quick_options()
    }
}

#[tokio::test]
async fn a_query_whose_condition_holds_lets_it_pass_and_one_that_does_not_fails_in_time() {
    let prometheus = Prometheus::start();
    // It is not up yet: the gate asks until it is.
    let good = run(with(vec![prometheus.gate(
        "vector(0.25)",
        "result.all(value, value < 0.5)",
        20,
    )]))
    .await;
    good.prove().await.unwrap();
    let bad = run(with(vec![prometheus.gate(
        "vector(0.75)",
        "result.all(value, value < 0.5)",
        2,
    )]))
    .await;
    let failure = failed(bad.prove().await);
    assert_eq!(failure.cause.kind, CauseKind::Gate);
    assert!(
        failure.cause.message.contains("[0.75]"),
        "{}",
        failure.cause.message
    );
    let wrong = run(with(vec![prometheus.gate("rate(", "true", 1)])).await;
    let failure = failed(wrong.prove().await);
    assert!(
        failure.cause.message.contains("parse error"),
        "{}",
        failure.cause.message
    );
}

#[tokio::test]
async fn a_query_that_stops_to_hold_fails_the_soak() {
    let prometheus = Prometheus::start();
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let watched = apply(
        &namespace,
        super::followed::deployment(1, "127.0.0.1:5000/app:1", None),
    );
    let until = jiff::Timestamp::now().as_second() + 8;
    let gate = prometheus.gate(&format!("vector(time()) < bool {until}"), "result[0] == 1.0", 20);
    let run = run(with(vec![gate])).await;
    run.prove().await.unwrap();
    let failure = failed(run.soak(&[watched], 12).await);
    assert!(
        failure.cause.message.contains("failed during the soak"),
        "{}",
        failure.cause.message
    );
}

fn job(namespace: &str, play: Option<&str>) -> ReadyGate {
    let labels = play.map(|play| json!({"kwok-play": play}));
    let object = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "smoke"}, "spec": {"backoffLimit": 0, "template": {
        "metadata": {"labels": labels},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "smoke", "image": "127.0.0.1:5000/app:1"}]}}}});
    let target = Target::new(&built_in("batch", "Job").unwrap(), Some(namespace), "smoke");
    let object = Box::new(Object::new(object).unwrap());
    ReadyGate {
        name: "smoke".into(),
        timeout: Duration::from_secs(20),
        check: GateCheck::Job { target, object },
    }
}

#[tokio::test]
async fn a_job_that_completes_lets_it_pass_and_leaves_nothing_behind() {
    let namespace = TestCluster::get().namespace_named("t-rollout");
    let good = run(with(vec![job(namespace.name(), None)])).await;
    good.prove().await.unwrap();
    let bad = run(with(vec![job(namespace.name(), Some("job-fails"))])).await;
    let failure = failed(bad.prove().await);
    assert_eq!(failure.cause.kind, CauseKind::Gate);
    assert!(
        failure.cause.message.contains("gate smoke: the Job failed"),
        "{}",
        failure.cause.message
    );
    let Some(Event::Failed { cause, .. }) = bad.events.failed() else {
        panic!("no event tells of the failure");
    };
    assert_eq!(cause.message, failure.cause.message);
    let left = namespace
        .kubectl()
        .args(["get", "jobs", "-o", "name"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}
