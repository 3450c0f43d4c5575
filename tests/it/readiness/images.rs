//! Which image runs: a pin, a change in place, and what the node reports.

use crate::execute::app::{App, image, workload};
use crate::harness::{Run, TestCluster, until};
use serde_json::{Value, json};
use std::time::Duration;

/// What a node says of the pod's one container.
fn report(app: &App, container: &str, digit: char) {
    let main = json!({"name": "web", "image": "web", "imageID": image(digit), "containerID": format!("containerd://{container}"),
        "ready": true, "started": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}});
    let patch = json!({"status": {"containerStatuses": [main]}}).to_string();
    app.kubectl(&[
        "patch",
        "pod",
        "worker",
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch,
    ]);
}

#[test]
fn a_pod_with_a_new_image_is_waited_for_until_its_container_runs_it() {
    let app = App::new();
    let pod = |digit: char| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "worker", "annotations": {"kwok-image-id/web": image('1')}},
            "spec": {"containers": [{"name": "web", "image": image(digit), "readinessProbe": {"tcpSocket": {"port": 80}}}]}})
    };
    app.promote("1", &[pod('1')]).run().exits(0);
    // On a busy machine the simulated node writes a second time what it has written.
    let is_reported = || {
        report(&app, "old", '1');
        std::thread::sleep(Duration::from_secs(1));
        app.kubectl(&["get", "pod", "worker", "-o", "jsonpath={.status}"])
            .contains("containerd://old")
    };
    assert!(until(20, is_reported));
    let changed = std::thread::scope(|scope| {
        scope.spawn(|| {
            let is_changed = || {
                app.kubectl(&["get", "pod", "worker", "-o", "jsonpath={.spec}"])
                    .contains(&image('2'))
            };
            while !is_changed() {
                std::thread::sleep(Duration::from_millis(200));
            }
            std::thread::sleep(Duration::from_secs(2));
            report(&app, "new", '2');
        });
        app.promote("2", &[pod('2')]).args(["--timeout", "60s"]).run()
    });
    let changed = changed.exits(0);
    assert!(
        changed
            .stderr
            .contains("waiting for container web to restart with its new image"),
        "{changed:?}"
    );
    assert!(changed.took > Duration::from_secs(2), "{:?}", changed.took);
    report(&app, "old", '1');
    let mut diff = TestCluster::get().delivery();
    // No registry is there to tell what runs: another index may hold the very same image.
    let ran = diff
        .args(["diff", "-o", "json", "-n", app.namespace.name()])
        .run()
        .exits(0)
        .json();
    assert_eq!(
        (
            &ran["images"][0]["state"],
            &ran["images"].as_array().map(Vec::len)
        ),
        (&json!("unknown"), &Some(1)),
        "{ran}"
    );
    for mode in ["auto", "server", "readonly"] {
        let mut diff = TestCluster::get().delivery();
        let message = diff
            .args(["diff", "--mode", mode, "-n", app.namespace.name()])
            .run()
            .exits(0)
            .stdout;
        assert!(
            message.contains("unknown: changed in place") && !message.contains("tag moved"),
            "{mode}: {message}"
        );
    }
    // A tag that nobody can ask about is unknown to `images` too.
    app.kubectl(&["set", "image", "pod/worker", "web=127.0.0.1:1/app:1"]);
    let mut images = TestCluster::get().delivery();
    let shown = images
        .args(["images", "-o", "json", "-n", app.namespace.name()])
        .run()
        .exits(0)
        .json();
    assert_eq!(shown[0]["tag"]["is"], "unknown", "{shown}");
}

#[test]
fn a_node_that_names_another_index_of_a_pinned_image_is_believed_to_run_it() {
    let app = App::new();
    let mut web = workload("Deployment", "web", '1', None);
    web["spec"]["template"]["metadata"]["annotations"] = json!({"kwok-image-id/main": image('7')});
    app.promote("1", std::slice::from_ref(&web)).run().exits(0);
    let mut diff = TestCluster::get().delivery();
    diff.args(["diff", "-n", app.namespace.name()]).run().exits(0);
    let release = app.release("1", &[web]);
    let mut wait = TestCluster::get().delivery();
    wait.arg("wait")
        .arg(release)
        .args(["-n", app.namespace.name(), "--settle", "0s"])
        .run()
        .exits(0);
    let shown: Value = {
        let mut images = TestCluster::get().delivery();
        images
            .args(["images", "--offline", "-o", "json", "-n", app.namespace.name()])
            .run()
            .exits(0)
            .json()
    };
    assert_eq!(shown[0]["tag"]["is"], "pinned", "{shown}");
}
