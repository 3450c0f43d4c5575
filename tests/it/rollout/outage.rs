//! The API server gone or silent while rollouts are judged: nothing is said of a release that nobody can see.

use crate::execute::app::{App, workload};
use crate::harness::{OwnCluster, Run, Running};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// An application on a cluster that may be disturbed, with its first version promoted.
struct Scene {
    app: App,
    // Dropped last: the namespace goes before its cluster does.
    cluster: OwnCluster,
}

impl Scene {
    fn new() -> Self {
        let cluster = OwnCluster::start("blind");
        let app = App::on(&cluster);
        app.promote("1", &[web('1', None)]).run().exits(0);
        Self { app, cluster }
    }

    /// Waits until a status of the Deployment has that value.
    fn until(&self, pointer: &str, value: u64) {
        let start = Instant::now();
        loop {
            let web = self.app.namespace.get("apps", "Deployment", "web").unwrap();
            if web.generation() == 2 && web.at(pointer).and_then(Value::as_u64) == Some(value) {
                return;
            }
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{pointer} is not {value}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn web(digit: char, play: Option<&str>) -> Value {
    workload("Deployment", "web", digit, play)
}

#[test]
fn an_etcd_that_stops_while_a_rollout_is_watched_is_no_failure_of_the_release() {
    let scene = Scene::new();
    let mut slow = web('2', Some("slow-ready"));
    slow["spec"]["template"]["metadata"]["annotations"] = json!({"kwok-play-after": "6s"});
    let mut promote = scene.app.promote("2", std::slice::from_ref(&slow));
    let running = Running::start(promote.args(["--timeout", "15s"]));
    scene.until("/status/observedGeneration", 2);
    scene.cluster.freeze("etcd");
    let ran = running.wait();
    scene.cluster.thaw("etcd");
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(
        ran.took < Duration::from_secs(30),
        "its deadline is 15 s, it took {:?}",
        ran.took
    );
    for message in [
        "no response from the API server for",
        "no response from the API server for 15s",
        "promote --resume app",
    ] {
        assert!(
            ran.stderr.contains(message),
            "nothing said of {message}: {}",
            ran.stderr
        );
    }
    assert!(
        !ran.stderr.contains("FAILED"),
        "blamed on what was seen last: {}",
        ran.stderr
    );
    assert_eq!(scene.app.status()["unfinished"]["version"], "2");
    scene.app.promote("2", &[slow]).run().exits(0);
    assert_eq!(scene.app.status()["version"], "2");
}

#[test]
fn a_soak_goes_on_once_a_killed_api_server_is_there_again() {
    let scene = Scene::new();
    let mut promote = scene.app.promote("2", &[web('2', None)]);
    let running = Running::start(promote.args(["--soak", "8s"]));
    running.until_stderr("soaking");
    scene.cluster.kill("kube-apiserver");
    std::thread::sleep(Duration::from_secs(2));
    scene.cluster.restart("kube-apiserver");
    running.wait().exits(0);
    assert_eq!(scene.app.status()["version"], "2");
}
