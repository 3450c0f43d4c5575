//! Hooks: what runs before and after, what cannot be undone, and what undoes it.

use crate::execute::app::{App, image, map, workload};
use crate::harness::{Ran, Run};
use kubectl_delivery::testing::model::Object;
use serde_json::{Value, json};

/// A Job of one container; `play` is what its pod's simulated node plays.
pub(super) fn job(name: &str, annotations: Value, digit: char, play: Option<(&str, &str)>) -> Value {
    let mut template = json!({"metadata": {"labels": {}, "annotations": {}}, "spec": {"restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": image(digit)}]}});
    if let Some((play, after)) = play {
        template["metadata"]["labels"]["kwok-play"] = play.into();
        template["metadata"]["annotations"]["kwok-play-after"] = after.into();
    }
    let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template}});
    job["metadata"]["annotations"] = annotations;
    job
}

pub(super) fn web(digit: char, play: Option<&str>) -> Value {
    workload("Deployment", "web", digit, play)
}

pub(super) fn the_job(app: &App, name: &str) -> Option<Object> {
    app.namespace.get("batch", "Job", name)
}

/// Which steps were begun, in order: their objects' names.
pub(super) fn begun(ran: &Ran) -> Vec<String> {
    let events = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    events
        .filter(|event| event["event"] == "stepStarted")
        .map(|event| event["object"]["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn jobs_run_before_and_after_the_workloads_by_our_annotation_or_helms_and_again_with_each_change() {
    let app = App::new();
    let objects = |digit| {
        vec![
            job("check", json!({"kubectl-delivery.io/hook": "verify"}), '1', None),
            job(
                "second",
                json!({"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-weight": "5"}),
                '1',
                None,
            ),
            job(
                "first",
                json!({"kubectl-delivery.io/hook": "pre"}),
                '1',
                Some(("job-slow", "1s")),
            ),
            job("farewell", json!({"helm.sh/hook": "pre-delete"}), '1', None),
            web(digit, None),
            map("config", json!({})),
        ]
    };
    let ran = app
        .promote("1", &objects('1'))
        .args(["-o", "json"])
        .run()
        .exits(0);
    assert_eq!(begun(&ran), ["config", "first", "second", "web", "check"]);
    assert!(
        ran.stderr.contains("farewell") && the_job(&app, "farewell").is_none(),
        "{}",
        ran.stderr
    );
    let first = the_job(&app, "first").unwrap();
    let finished = first.text("/status/completionTime").to_owned();
    let created = |object: &Object| object.text("/metadata/creationTimestamp").to_owned();
    assert!(!finished.is_empty(), "it was waited for");
    assert!(created(&the_job(&app, "second").unwrap()) >= finished);
    let mut diff = crate::harness::TestCluster::get().delivery();
    diff.arg("diff")
        .arg(app.release("1", &objects('1')))
        .args(["-n", app.namespace.name()])
        .run()
        .exits(0);
    // Nothing to do: no hook runs.
    app.promote("1", &objects('1')).run().exits(0);
    assert_eq!(the_job(&app, "first").unwrap().uid(), first.uid());
    let ran = app
        .promote("2", &objects('2'))
        .args(["-o", "json"])
        .run()
        .exits(0);
    assert_eq!(begun(&ran), ["first", "second", "web", "check"]);
    assert_ne!(the_job(&app, "first").unwrap().uid(), first.uid());
}

#[test]
fn a_verify_job_that_fails_puts_everything_back() {
    let app = App::new();
    let old = [web('1', None), map("config", json!({"v": "1"}))];
    app.promote("1", &old).run().exits(0);
    let before = app.copy(&old);
    let check = job(
        "check",
        json!({"helm.sh/hook": "test"}),
        '1',
        Some(("job-fails", "1s")),
    );
    let new = [web('2', None), map("config", json!({"v": "2"})), check];
    let ran = app.promote("2", &new).run().exits(3);
    assert!(ran.stderr.contains("check"), "{}", ran.stderr);
    app.copy(&new).must_be(&before, "after the verify Job failed");
}

#[test]
fn a_hook_that_is_not_understood_is_refused_by_its_name_and_nothing_is_touched() {
    let app = App::new();
    let objects = [
        job("a", json!({"helm.sh/hook": "crd-install"}), '1', None),
        job(
            "b",
            json!({"helm.sh/hook": "test", "helm.sh/hook-delete-policy": "sometimes"}),
            '1',
            None,
        ),
        job("c", json!({"kubectl-delivery.io/hook": "during"}), '1', None),
        job(
            "d",
            json!({"kubectl-delivery.io/irreversible": "true", "kubectl-delivery.io/undo": "back"}),
            '1',
            None,
        ),
        job("e", json!({"kubectl-delivery.io/irreversible": "yes"}), '1', None),
        map("config", json!({})),
    ];
    let ran = app.promote("1", &objects).run().exits(2);
    for message in ["crd-install", "sometimes", "during", "back", "found \"yes\""] {
        assert!(
            ran.stderr.contains(message),
            "nothing said of {message}: {}",
            ran.stderr
        );
    }
    assert!(app.namespace.get("", "ConfigMap", "config").is_none());
}

#[test]
fn past_an_irreversible_job_a_failure_stops_and_says_what_to_do() {
    let app = App::new();
    let old = [web('1', None), map("config", json!({"v": "1"}))];
    app.promote("1", &old).run().exits(0);
    let before = app.copy(&old);
    let migrate = job(
        "migrate",
        json!({"kubectl-delivery.io/hook": "pre", "kubectl-delivery.io/irreversible": "true"}),
        '1',
        None,
    );
    let new = [
        web('2', Some("image-not-found")),
        map("config", json!({"v": "2"})),
        migrate,
    ];
    let ran = app.promote("2", &new).run().exits(4);
    for message in [
        "irreversible: its annotation",
        "migrate",
        "promote --resume app",
        "revert app",
    ] {
        assert!(
            ran.stderr.contains(message),
            "nothing said of {message}: {}",
            ran.stderr
        );
    }
    assert_eq!(
        app.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/v"),
        "2",
        "nothing is put back"
    );
    let status = app.status();
    assert_eq!(status["unfinished"]["version"], "2", "{status}");
    assert!(
        status.to_string().contains("after an irreversible step"),
        "{status}"
    );
    let other = app.promote("3", &old).run().exits(2);
    assert!(other.stderr.contains("unfinished"), "{}", other.stderr);
    // What can be put back is put back when a person asks for it; the rest is named.
    let ran = app.revert().run().exits(4);
    assert!(
        ran.stderr.contains("migrate")
            && ran
                .stderr
                .contains("its annotation kubectl-delivery.io/irreversible"),
        "{}",
        ran.stderr
    );
    app.copy(&old)
        .must_be(&before, "after the revert that was asked for");
    app.promote("3", &[web('3', None), map("config", json!({"v": "3"}))])
        .arg("--allow-prune")
        .run()
        .exits(0);
}

#[test]
fn an_irreversible_job_that_failed_runs_again_when_it_was_deleted_and_the_run_is_resumed() {
    let app = App::new();
    let annotations = json!({"kubectl-delivery.io/hook": "pre", "kubectl-delivery.io/irreversible": "true"});
    let objects = [
        job("migrate", annotations, '1', Some(("job-fails", "1s"))),
        map("config", json!({})),
    ];
    let ran = app.promote("1", &objects).run().exits(4);
    let delete = format!("kubectl delete job.batch/migrate -n {}", app.namespace.name());
    assert!(
        ran.stderr.contains("kubectl logs job.batch/migrate") && ran.stderr.contains(&delete),
        "{}",
        ran.stderr
    );
    let first = the_job(&app, "migrate").unwrap();
    app.kubectl(&["delete", "job", "migrate"]);
    app.promote("1", &objects).run().exits(4);
    assert_ne!(
        the_job(&app, "migrate").unwrap().uid(),
        first.uid(),
        "it has run again"
    );
}

/// A promotion past an irreversible Job that another one undoes.
fn undoable(app: &App, undo: Option<(&str, &str)>) -> (Vec<Value>, Ran) {
    let annotations = json!({"kubectl-delivery.io/hook": "pre", "kubectl-delivery.io/irreversible": "true",
        "kubectl-delivery.io/undo": "migrate-back"});
    let new = vec![
        web('2', Some("image-not-found")),
        map("config", json!({"v": "2"})),
        job("migrate", annotations, '1', None),
        job("migrate-back", json!({}), '1', undo),
    ];
    let ran = app.promote("2", &new).run();
    (new, ran)
}

#[test]
fn the_job_that_the_release_names_undoes_an_irreversible_one() {
    let app = App::new();
    let old = [web('1', None), map("config", json!({"v": "1"}))];
    app.promote("1", &old).run().exits(0);
    let before = app.copy(&old);
    let (new, ran) = undoable(&app, Some(("job-slow", "1s")));
    let ran = ran.exits(3);
    assert!(ran.stderr.contains("migrate-back"), "{}", ran.stderr);
    assert!(the_job(&app, "migrate").is_none());
    let back = the_job(&app, "migrate-back").expect("it stays, with its log");
    assert!(
        !back.text("/status/completionTime").is_empty(),
        "it was waited for"
    );
    app.copy(&new[..2]).must_be(&before, "after the revert");
    assert!(app.status().get("unfinished").is_none());
    // The next one that is needed takes its place.
    let ran = app.promote("2", &new).run().exits(2);
    assert!(ran.stderr.contains("quarantine"), "{}", ran.stderr);
    app.promote("2", &new)
        .args(["--waive", "quarantine"])
        .run()
        .exits(3);
    assert_ne!(the_job(&app, "migrate-back").unwrap().uid(), back.uid());
}

#[test]
fn an_undo_job_that_fails_is_named_with_its_log_and_the_next_revert_runs_it_again() {
    let app = App::new();
    app.promote("1", &[web('1', None), map("config", json!({"v": "1"}))])
        .run()
        .exits(0);
    let ran = undoable(&app, Some(("job-fails", "1s"))).1.exits(4);
    let logs = format!("kubectl logs job.batch/migrate-back -n {}", app.namespace.name());
    assert!(ran.stderr.contains(&logs), "{}", ran.stderr);
    let failed = the_job(&app, "migrate-back").unwrap();
    app.kubectl(&["delete", "job", "migrate-back"]);
    app.revert().run().exits(4);
    assert_ne!(the_job(&app, "migrate-back").unwrap().uid(), failed.uid());
}

#[test]
fn a_changed_job_is_created_again_once_the_pods_of_the_old_one_are_gone() {
    let app = App::new();
    let slow = |digit| job("sync", json!({}), digit, Some(("slow-to-end", "3s")));
    // Its pod never completes: another hand made it, and it is adopted.
    let mut old = slow('1');
    old["metadata"]["namespace"] = app.namespace.name().into();
    app.kubectl_with(&["create"], &old).exits(0);
    while app
        .kubectl(&["get", "pods", "-l", "job-name=sync", "-o", "name"])
        .is_empty()
    {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let first = the_job(&app, "sync").unwrap();
    let new = job("sync", json!({}), '2', None);
    let ran = app
        .promote("2", &[new])
        .args(["--adopt", "kubectl"])
        .run()
        .exits(0);
    let second = the_job(&app, "sync").unwrap();
    assert_ne!(first.uid(), second.uid());
    assert!(
        ran.took >= std::time::Duration::from_secs(3),
        "its pod takes 3 s to go: {:?}",
        ran.took
    );
    let pods = app.kubectl(&["get", "pods", "-o", "json"]);
    let pods: Value = serde_json::from_str(&pods).unwrap();
    let images: Vec<_> = pods["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pod| pod["spec"]["containers"][0]["image"].clone())
        .collect();
    assert_eq!(images, [image('2')], "no pod of the old one is left");
}
