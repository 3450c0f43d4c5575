//! One answer from every command: kinds, Jobs that are gone, an environment's namespace, workloads elsewhere.

use super::conditions::{Definition, definition, group};
use crate::execute::app::{App, image, map, workload};
use crate::harness::{Run, TestCluster};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn a_job_that_has_run_and_gone_is_the_same_to_every_command() {
    let app = App::new();
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "seed"}, "spec": {
        "ttlSecondsAfterFinished": 0, "template": {"spec": {"restartPolicy": "Never",
            "containers": [{"name": "main", "image": image('1')}]}}}});
    let objects = [job, map("m", json!({}))];
    app.promote("1", &objects).run().exits(0);
    app.kubectl(&["wait", "--for=delete", "job/seed", "--timeout=30s"]);
    let seed = app.status()["workloads"][0].clone();
    let health = json!({"state": "ready", "message": "completed and was cleaned up"});
    assert_eq!(seed["health"], health, "{seed}");
    assert_eq!(seed["drift"], json!({"state": "inSync"}), "{seed}");
    let mut diff = TestCluster::get().delivery();
    let ran = diff.args(["diff", "-n", app.namespace.name()]).run().exits(0);
    assert!(ran.stdout.contains("completed and was cleaned up"), "{ran:?}");
    assert!(
        app.promote("1", &objects)
            .run()
            .exits(0)
            .stderr
            .contains("nothing to do")
    );
    app.kubectl(&["delete", "configmap", "m"]);
    let release = app.release("1", &objects[..1]);
    let mut wait = TestCluster::get().delivery();
    let ran = wait
        .arg("wait")
        .arg(release)
        .args(["-n", app.namespace.name()])
        .run()
        .exits(0);
    assert!(ran.stderr.contains("completed and was cleaned up"), "{ran:?}");
}

#[test]
fn diff_without_a_release_looks_where_the_environment_says() {
    let app = App::new();
    app.promote("1", &[map("m", json!({}))]).run().exits(0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("environment.yaml");
    let environment = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment",
        "metadata": {"name": "test"}, "spec": {"namespace": app.namespace.name()}});
    std::fs::write(&file, environment.to_string()).unwrap();
    let diff = |flags: &[&str]| {
        let mut diff = TestCluster::get().delivery();
        diff.arg("diff").arg("-e").arg(&file).args(flags).run()
    };
    diff(&[]).exits(0);
    assert!(
        diff(&["-n", "default"])
            .exits(2)
            .stderr
            .contains("namespace default"),
        "a flag wins"
    );
}

#[test]
fn every_command_shows_the_workloads_of_a_release_in_all_their_namespaces() {
    let app = App::new();
    let other = TestCluster::get().namespace_named("t-other");
    let place = |mut object: Value| {
        object["metadata"]["namespace"] = other.name().into();
        object
    };
    other.apply(workload("Deployment", "foreign", '2', None));
    let objects = [
        workload("Deployment", "web", '1', None),
        place(workload("Deployment", "far", '1', None)),
    ];
    app.promote("1", &objects).run().exits(0);
    let mut images = TestCluster::get().delivery();
    images.args(["images", "--offline", "-o", "json", "-n", app.namespace.name()]);
    let shown = images.run().exits(0).json();
    let of = |line: &Value| {
        format!(
            "{} {}",
            line["namespace"].as_str().unwrap(),
            line["workload"].as_str().unwrap()
        )
    };
    let mut shown: Vec<String> = shown.as_array().unwrap().iter().map(of).collect();
    shown.sort();
    let mut expected = vec![
        format!("{} Deployment web", app.namespace),
        format!("{other} Deployment far"),
    ];
    expected.sort();
    assert_eq!(shown, expected);
    let mut images = TestCluster::get().delivery();
    let text = images
        .args(["images", "--offline", "-n", app.namespace.name()])
        .run()
        .ok();
    assert!(text.contains(&format!("Deployment {other}/far")), "{text}");

    let ready = app.status();
    let rows = ready["workloads"].as_array().unwrap();
    let far = format!("Deployment {other}/far");
    assert!(
        rows.iter()
            .any(|row| row["object"] == far.as_str() && row["health"]["state"] == "ready"),
        "{ready}"
    );
    other
        .kubectl()
        .args(["set", "image", "deployment/far", &format!("main={}", image('3'))])
        .run()
        .ok();
    other
        .kubectl()
        .args(["rollout", "status", "deployment/far", "--timeout=60s"])
        .run()
        .ok();
    let mut diff = TestCluster::get().delivery();
    let ran = diff
        .args(["diff", "-o", "json", "-n", app.namespace.name()])
        .run()
        .exits(1)
        .json();
    assert_eq!(ran["images"][0]["workload"]["name"], "far", "{ran:#}");
}

#[test]
fn wait_knows_the_kinds_that_the_release_defines_and_names_how_it_ended() {
    let app = App::new();
    let group = group();
    let _definition = Definition(format!("widgets.{group}"));
    let widget = json!({"apiVersion": format!("{group}/v1"), "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}});
    let release = app.release("1", &[definition(&group, "Widget"), widget.clone()]);
    let wait = |timeout: &str| {
        let mut wait = TestCluster::get().delivery();
        wait.arg("wait")
            .arg(&release)
            .args(["-n", app.namespace.name(), "-o", "json", "--timeout", timeout]);
        wait.run()
    };
    let last = |stdout: &str| -> Value { serde_json::from_str(stdout.lines().last().unwrap()).unwrap() };
    let missing = wait("10s").exits(3);
    assert_eq!(last(&missing.stdout)["outcome"], "notApplied", "{missing:?}");
    let running = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(1));
            app.kubectl_with(&["apply"], &definition(&group, "Widget"))
                .exits(0);
            let crd = format!("crd/widgets.{group}");
            app.kubectl(&["wait", "--for=condition=Established", &crd, "--timeout=20s"]);
            std::thread::sleep(Duration::from_secs(1));
            app.kubectl_with(&["apply"], &widget).exits(0);
        });
        wait("40s")
    });
    assert_eq!(last(&running.exits(0).stdout)["outcome"], "running");
}
