//! Hooks as Helm runs them, hooks that are Pods, and Jobs that are gone once they have run.

use super::hooks::{begun, job, the_job, web};
use crate::execute::app::{App, image, map};
use crate::harness::{Act, KillProxy, Ran, Recorded, Run, TestCluster};
use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

fn diff(app: &App, version: &str, objects: &[Value]) -> Ran {
    let mut diff = TestCluster::get().delivery();
    diff.arg("diff")
        .arg(app.release(version, objects))
        .args(["-n", app.namespace.name()])
        .run()
}

/// Promotes, and says which steps were begun.
fn promoted(app: &App, version: &str, objects: &[Value]) -> Vec<String> {
    begun(&app.promote(version, objects).args(["-o", "json"]).run().exits(0))
}

fn has_nothing_to_do(app: &App, version: &str, objects: &[Value]) {
    let ran = app.promote(version, objects).run().exits(0);
    assert!(ran.stderr.contains("nothing to do"), "{}", ran.stderr);
}

#[test]
fn hooks_of_an_installation_run_once_and_those_of_upgrades_from_then_on() {
    let app = App::new();
    let objects = |digit| {
        vec![
            job("install", json!({"helm.sh/hook": "pre-install"}), '1', None),
            job("upgrade", json!({"helm.sh/hook": "post-upgrade"}), '1', None),
            web(digit, None),
        ]
    };
    assert_eq!(promoted(&app, "1", &objects('1')), ["install", "web"]);
    diff(&app, "1", &objects('1')).exits(0);
    has_nothing_to_do(&app, "1", &objects('1'));
    let install = the_job(&app, "install").unwrap();
    assert_eq!(promoted(&app, "2", &objects('2')), ["web", "upgrade"]);
    assert_eq!(the_job(&app, "install").unwrap().uid(), install.uid());
    diff(&app, "2", &objects('2')).exits(0);
    // It is still a member: once no release holds it, it is pruned.
    app.promote("3", &objects('2')[1..])
        .arg("--allow-prune")
        .run()
        .exits(0);
    assert!(the_job(&app, "install").is_none());
}

#[test]
fn a_hook_that_goes_once_it_has_succeeded_is_gone_after_the_promotion_and_no_difference() {
    let app = App::new();
    let annotations = json!({"helm.sh/hook": "test", "helm.sh/hook-delete-policy": "hook-succeeded"});
    let objects = |digit| vec![job("check", annotations.clone(), '1', None), web(digit, None)];
    assert_eq!(promoted(&app, "1", &objects('1')), ["web", "check", "check"]);
    assert!(the_job(&app, "check").is_none());
    assert_eq!(
        app.kubectl(&["get", "pods", "-l", "job-name=check", "-o", "name"]),
        ""
    );
    let outcome = diff(&app, "1", &objects('1')).exits(0);
    assert!(
        outcome.stdout.contains("completed and was cleaned up"),
        "{outcome:?}"
    );
    has_nothing_to_do(&app, "1", &objects('1'));
    let before = app.copy(&objects('1'));
    assert_eq!(promoted(&app, "2", &objects('2')), ["web", "check", "check"]);
    app.revert().run().exits(0);
    app.copy(&objects('1')).must_be(&before, "after the revert");
    // One that fails stays as long as whoever promotes may want its log: until what it belongs to is put back.
    let mut failing = objects('3');
    failing[0] = job("check", annotations.clone(), '1', Some(("job-fails", "1s")));
    app.promote("3", &failing).run().exits(3);
    app.copy(&objects('1')).must_be(&before, "after the hook failed");
}

#[test]
fn a_run_that_is_killed_while_its_hook_goes_is_finished_by_the_next_one() {
    let app = App::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let annotations = json!({"helm.sh/hook": "test", "helm.sh/hook-delete-policy": "hook-succeeded"});
    let objects = |digit| vec![job("check", annotations.clone(), '1', None), web(digit, None)];
    proxy.run(&mut app.promote("1", &objects('1'))).exits(0);
    let goes = |write: &Recorded| write.method == Method::DELETE && write.path.ends_with("/jobs/check");
    let at = proxy.writes().iter().position(goes).expect("it is deleted") + 1;
    for (version, act) in [("2", Act::KillBefore), ("3", Act::KillAfter)] {
        let objects = objects(version.chars().next().unwrap());
        proxy.forget();
        proxy.at_write(at, act);
        let killed = proxy.run(&mut app.promote(version, &objects));
        assert_eq!(killed.code, None, "{act:?}: {}", killed.stderr);
        proxy.forget();
        app.promote(version, &objects).run().exits(0);
        assert!(the_job(&app, "check").is_none(), "{act:?}: it is still there");
        assert!(app.status().get("unfinished").is_none(), "{act:?}");
        diff(&app, version, &objects).exits(0);
    }
}

#[test]
fn a_job_with_a_time_to_live_is_not_run_again_once_it_is_gone() {
    let app = App::new();
    let objects = |digit, seconds: u32| {
        let mut seed = job("seed", json!({}), '1', None);
        seed["spec"]["ttlSecondsAfterFinished"] = seconds.into();
        vec![
            seed,
            web(digit, None),
            job("check", json!({"kubectl-delivery.io/hook": "verify"}), '1', None),
        ]
    };
    assert_eq!(promoted(&app, "1", &objects('1', 2)), ["seed", "web", "check"]);
    while the_job(&app, "seed").is_some() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let outcome = diff(&app, "1", &objects('1', 2)).exits(0);
    assert!(
        outcome.stdout.contains("seed") && outcome.stdout.contains("completed and was cleaned up"),
        "{outcome:?}"
    );
    has_nothing_to_do(&app, "1", &objects('1', 2));
    assert_eq!(promoted(&app, "2", &objects('2', 2)), ["web", "check"]);
    // Another one has not run.
    assert_eq!(promoted(&app, "3", &objects('2', 300)), ["seed", "check"]);
}

#[rstest]
#[case::at_once(0)]
#[case::soon(1)]
fn a_job_that_goes_while_others_are_still_on_their_way_or_soak_was_not_deleted_by_somebody(
    #[case] seconds: u32,
) {
    let app = App::new();
    let mut seed = job("seed", json!({}), '1', None);
    seed["spec"]["ttlSecondsAfterFinished"] = seconds.into();
    let mut slow = web('1', Some("slow-ready"));
    slow["spec"]["template"]["metadata"]["annotations"] = json!({"kwok-play-after": "5s"});
    app.promote("1", &[seed, slow])
        .args(["--soak", "3s"])
        .run()
        .exits(0);
    assert!(the_job(&app, "seed").is_none(), "it went meanwhile");
}

#[test]
fn a_hook_that_a_revert_took_away_makes_nothing_run_again() {
    let app = App::new();
    let objects = |digit, play| {
        vec![
            job("prepare", json!({"kubectl-delivery.io/hook": "pre"}), '1', None),
            web(digit, play),
        ]
    };
    let old = objects('1', None);
    app.promote("1", &old).run().exits(0);
    app.promote("2", &objects('2', Some("image-not-found")))
        .run()
        .exits(3);
    assert!(
        the_job(&app, "prepare").is_none(),
        "it has run, and is not run again by a revert"
    );
    diff(&app, "1", &old).exits(0);
    has_nothing_to_do(&app, "1", &old);
    assert_eq!(promoted(&app, "3", &objects('3', None)), ["prepare", "web"]);
}

/// A Pod of one container that plays.
fn pod(name: &str, hook: &str, play: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"kwok-play": play},
            "annotations": {"helm.sh/hook": hook, "kwok-play-after": "1s"}},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "image": image('1')}]}})
}

#[test]
fn a_pod_that_is_a_hook_runs_to_its_end_and_puts_everything_back_where_it_fails() {
    let app = App::new();
    let objects = |digit, play| {
        vec![
            pod("prepare", "pre-install,pre-upgrade", play),
            web(digit, None),
            map("config", json!({})),
        ]
    };
    let phase = || {
        app.namespace
            .get("", "Pod", "prepare")
            .map(|pod| pod.text("/status/phase").to_owned())
    };
    assert_eq!(
        promoted(&app, "1", &objects('1', "job-slow")),
        ["config", "prepare", "web"]
    );
    assert_eq!(phase().as_deref(), Some("Succeeded"), "it was waited for");
    has_nothing_to_do(&app, "1", &objects('1', "job-slow"));
    let ran = app.promote("2", &objects('2', "job-fails")).run().exits(3);
    assert!(
        ran.stderr.contains("prepare") && ran.stderr.contains("exit code 1"),
        "{}",
        ran.stderr
    );
    assert_eq!(phase(), None, "what has run is not run again by a revert");
    assert_eq!(promoted(&app, "3", &objects('3', "job-slow")), ["prepare", "web"]);
}
