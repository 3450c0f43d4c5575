//! `promote --on-failure=stop` leaves a failure standing, to be looked at and settled by a later run.

use crate::execute::app::{App, NAME, image, map, workload};
use crate::harness::{Ran, Run, TestCluster};
use serde_json::json;

fn resume(app: &App) -> Ran {
    let mut resume = TestCluster::get().delivery();
    resume
        .args([
            "promote",
            "--resume",
            NAME,
            "-n",
            app.namespace.name(),
            "--settle",
            "0s",
        ])
        .run()
}

#[test]
fn a_failure_is_left_standing_with_the_commands_that_settle_it() {
    let app = App::new();
    let version = |value: &str, digit: char, play: Option<&str>| {
        [
            map("config", json!({"v": value})),
            workload("Deployment", "web", digit, play),
        ]
    };
    app.promote("1", &version("1", '1', None)).run().exits(0);
    let before = app.copy(&version("1", '1', None));
    let broken = version("2", '2', Some("image-not-found"));
    let ran = app.promote("2", &broken).arg("--on-failure=stop").run().exits(4);
    let namespace = app.namespace.name();
    for hint in ["delivery promote --resume app", "delivery revert app"] {
        assert!(
            ran.stderr.contains(&format!("{hint} -n {namespace}")),
            "no {hint}:\n{}",
            ran.stderr
        );
    }
    assert_eq!(
        app.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/v"),
        "2",
        "it stands"
    );
    let web = app.namespace.get("apps", "Deployment", "web").unwrap();
    assert_eq!(web.text("/spec/template/spec/containers/0/image"), image('2'));
    assert_eq!(app.status()["unfinished"]["version"], "2");
    // What was broken stays broken until somebody repairs it.
    resume(&app).exits(4);
    app.revert().run().exits(0);
    app.copy(&version("1", '1', None))
        .must_be(&before, "after the revert of what stood");
}

#[test]
fn a_failure_that_stood_is_finished_once_its_cause_is_gone() {
    let app = App::new();
    let web = || {
        let mut web = workload("Deployment", "web", '1', None);
        web["spec"]["template"]["spec"]["serviceAccountName"] = "later".into();
        web["spec"]["progressDeadlineSeconds"] = 10.into();
        web
    };
    let waive = [
        "--waive",
        "requirements=ServiceAccount/later",
        "--waive",
        "pods=Deployment/web",
    ];
    app.promote("1", &[web()])
        .args(waive)
        .arg("--on-failure=stop")
        .run()
        .exits(4);
    app.kubectl(&["create", "serviceaccount", "later"]);
    resume(&app).exits(0);
    assert_eq!(app.status()["version"], "1");
}
