//! How rehearsals end: in the promotion, in a failure that changed nothing, in an unknown, in an interruption.

use super::{finished, head, left, rehearse, results, web};
use crate::execute::app::{App, map};
use crate::harness::{Run, Running, until};
use serde_json::{Value, json};

fn version(app: &App) -> String {
    let web = app.namespace.get("apps", "Deployment", "web").unwrap();
    web.text("/spec/template/spec/containers/0/image").to_owned()
}

#[test]
fn both_templates_are_tried_and_then_the_release_is_promoted() {
    let app = App::new();
    app.promote("1", &[web('1', None)]).run().exits(0);

    let ran = rehearse(&app, "2", &[web('2', None)], &[]).run().exits(0);
    assert_eq!(results(&ran), ["current: ready", "new: ready"], "{}", ran.stdout);
    assert_eq!(finished(&ran)["outcome"], "promoted");
    assert_eq!(left(&app), [""; 0]);
    // What was promoted before can be reverted to, as after any promotion.
    app.revert().run().exits(0);
    assert!(version(&app).contains(&"1".repeat(64)));
}

#[test]
fn a_new_template_that_does_not_start_ends_it_before_any_object_is_changed() {
    let app = App::new();
    app.promote("1", &[web('1', None)]).run().exits(0);
    app.promote("2", &[web('2', None)]).run().exits(0);
    let before = (head(&app), version(&app));

    let ran = rehearse(&app, "3", &[web('3', Some("crash-loop"))], &[])
        .run()
        .exits(2);
    assert_eq!(results(&ran), ["current: ready", "new: failed"], "{}", ran.stdout);
    let end = finished(&ran);
    assert_eq!(end["outcome"], "rehearsalFailed", "{end}");
    let message = end["message"].as_str().unwrap();
    assert!(
        message.contains("Deployment") && message.contains("new template"),
        "{message}"
    );
    assert_eq!(end["rehearsed"].as_array().unwrap().len(), 2, "{end}");
    assert_eq!(end["revision"], 2, "{end}");

    assert_eq!((head(&app), version(&app)), before);
    assert_eq!(
        (left(&app), app.status()["state"].clone()),
        (vec![], json!("promoted"))
    );
    assert!(
        app.namespace
            .get("coordination.k8s.io", "Lease", "delivery-app")
            .is_none()
    );
    // The last finished promotion can be reverted as before.
    app.revert().run().exits(0);
    assert!(version(&app).contains(&"1".repeat(64)));
}

#[test]
fn what_runs_now_and_would_not_start_again_is_found_before_it_is_replaced() {
    let app = App::new();
    // Nobody has noticed: it has no pods.
    let mut idle = web('1', Some("missing-config-key"));
    idle["spec"]["replicas"] = 0.into();
    app.promote("1", &[idle]).run().exits(0);

    let mut text = app.promote("2", &[web('2', None)]);
    let ran = text.arg("--rehearse").run().exits(2);
    let lines = [
        "rehearsing …",
        "trying   Deployment",
        "FAILED   Pod",
        "failed   Deployment",
        "error: rehearsal of app 2 failed: Deployment",
        "no object of the release was changed; the current release is app 1 (revision 1); pods that ran and are deleted: Pod",
    ];
    for line in lines {
        assert!(
            ran.stderr.contains(line) || ran.stdout.contains(line),
            "{line}\n{}\n{}",
            ran.stdout,
            ran.stderr
        );
    }
    assert!(version(&app).contains(&"1".repeat(64)));
    // Its pods are not tried where only the new template is.
    let mut new = app.promote("2", &[web('2', None)]);
    new.arg("--rehearse=new").run().exits(0);
}

#[test]
fn a_first_promotion_that_is_not_rehearsed_well_leaves_no_release() {
    let app = App::new();
    let ran = rehearse(&app, "1", &[web('1', Some("crash-loop"))], &[])
        .run()
        .exits(2);
    assert_eq!(results(&ran), ["new: failed"], "{}", ran.stdout);
    assert_eq!((head(&app), left(&app)), (None, vec![]));
    assert!(app.namespace.get("apps", "Deployment", "web").is_none());

    // The next one begins as a first promotion does.
    rehearse(&app, "1", &[web('1', None)], &[]).run().exits(0);
    assert_eq!(app.status()["revision"], 1);
}

#[test]
fn a_quota_without_room_says_nothing_of_the_template() {
    let app = App::new();
    let in_place = |digit| {
        let mut web = web(digit, None);
        web["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}});
        web
    };
    app.promote("1", &[in_place('1')]).run().exits(0);
    // As many as there are.
    app.namespace.quota(json!({"pods": "2"}));

    // Its own dry run of a pod finds the same.
    let waiver = [
        "--waive",
        "pods=Deployment/web",
        "--reason",
        "one goes before one comes",
    ];
    let ran = rehearse(&app, "2", &[in_place('2')], &waiver).run().exits(0);
    assert_eq!(
        results(&ran),
        ["current: unknown", "new: unknown"],
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("exceeded quota"), "{}", ran.stdout);
    assert!(version(&app).contains(&"2".repeat(64)));
}

#[test]
fn an_interruption_deletes_the_pod_and_changes_nothing() {
    let app = App::new();
    app.promote("1", &[web('1', None)]).run().exits(0);
    let before = head(&app);

    let mut command = rehearse(&app, "2", &[web('2', Some("never-ready"))], &["--rehearse=new"]);
    let running = Running::start(&mut command);
    assert!(until(60, || !left(&app).is_empty()), "no pod was tried");
    let status = app.status();
    assert_eq!(status["state"], "inProgress", "{status}");
    assert_eq!(status["unfinished"]["phase"], "rehearsing", "{status}");

    running.process().signal("INT");
    let ran = running.wait();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert_eq!((head(&app), left(&app)), (before, vec![]));
    assert!(version(&app).contains(&"1".repeat(64)));
}

#[test]
fn a_new_template_that_reads_what_changes_is_left_out_by_name() {
    let app = App::new();
    let reading = |digit: char, value: &str| {
        let mut web = web(digit, None);
        let container = &mut web["spec"]["template"]["spec"]["containers"][0];
        container["envFrom"] = json!([{"configMapRef": {"name": "config"}}]);
        [map("config", json!({"v": value})), web]
    };
    app.promote("1", &reading('1', "1")).run().exits(0);

    let ran = rehearse(&app, "2", &reading('2', "2"), &[]).run().exits(0);
    assert_eq!(results(&ran), ["current: ready"], "{}", ran.stdout);
    let note = "new template not rehearsed: ConfigMap";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);

    let ran = rehearse(&app, "3", &reading('3', "2"), &[]).run().exits(0);
    assert_eq!(results(&ran), ["current: ready", "new: ready"], "{}", ran.stdout);
    let preflight: Vec<Value> = super::events(&ran)
        .into_iter()
        .filter(|one| one["event"] == "preflight")
        .collect();
    assert!(
        !preflight[0].to_string().contains("not rehearsed"),
        "{}",
        preflight[0]
    );
}
