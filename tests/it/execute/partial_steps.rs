//! Steps that fail after something of them was done: what they left behind is put back with the rest.

use super::app::{App, image, map, workload};
use crate::harness::{Act, KillProxy, Run, TestCluster, Webhook};
use serde_json::{Value, json};

fn job(digit: char) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate"}, "spec": {"suspend": true,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image(digit)}]}}}})
}

#[test]
fn a_job_that_was_deleted_and_could_not_be_created_again_comes_back() {
    let app = App::new();
    let old = [job('1'), map("config", json!({"v": "1"}))];
    app.promote("1", &old).run().exits(0);
    // Denies the new Job when it is meant, and lets every question about it pass.
    let is_new = |review: &Value| {
        let images = review["request"]["object"]["spec"]["template"]["spec"]["containers"].to_string();
        let is_meant = review["request"]["dryRun"] != true && images.contains(&image('2'));
        is_meant.then(|| "no new Jobs today".to_owned())
    };
    let hook = Webhook::denying(&app.namespace, ("batch", "jobs"), is_new);
    let mut probe = job('2');
    probe["metadata"]["name"] = "probe".into();
    hook.wait(|| app.kubectl_with(&["create"], &probe).code != Some(0));
    let ran = app
        .promote("2", &[job('2'), map("config", json!({"v": "2"}))])
        .run()
        .exits(3);
    assert!(ran.stderr.contains("no new Jobs today"), "{}", ran.stderr);
    let back = app
        .namespace
        .get("batch", "Job", "migrate")
        .expect("it is there again");
    assert_eq!(back.text("/spec/template/spec/containers/0/image"), image('1'));
    assert_eq!(
        app.namespace
            .get("", "ConfigMap", "config")
            .unwrap()
            .text("/data/v"),
        "1"
    );
}

#[test]
fn what_went_into_an_object_that_somebody_made_meanwhile_is_withdrawn() {
    let app = App::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write_to("/configmaps/b", Act::HoldBefore);
    let running = proxy.spawn(&mut app.promote("1", &[map("b", json!({"ours": "1"}))]));
    proxy.wait_for_act();
    app.kubectl(&["create", "configmap", "b", "--from-literal=theirs=1"]);
    let before = app.copy(&[map("b", json!({}))]);
    proxy.release();
    let ran = running.wait().exits(3);
    assert!(ran.stderr.contains("created by another client"), "{}", ran.stderr);
    app.copy(&[map("b", json!({}))])
        .must_be(&before, "after the promotion gave up");
}

#[test]
fn a_creation_whose_answer_was_lost_is_known_again_and_done_once() {
    let app = App::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write_to("/configmaps/b", Act::LoseAnswer);
    proxy
        .run(&mut app.promote("1", &[map("b", json!({"v": "1"}))]))
        .exits(0);
    app.revert().run().exits(0);
    assert!(app.namespace.get("", "ConfigMap", "b").is_none(), "it was ours");
}

#[test]
fn a_resumed_promotion_proves_the_images_that_were_tested() {
    let app = App::new();
    app.promote("1", &[workload("Deployment", "web", '1', None)])
        .run()
        .exits(0);
    // Its node says that it runs another image of the release than the one that is named.
    let mut web = workload("Deployment", "web", '2', None);
    let other = format!("registry.example/app@sha256:{}", "3".repeat(64));
    web["spec"]["template"]["metadata"]["annotations"] = json!({"kwok-image-id/main": other});
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write_to("/deployments/web", Act::KillAfter);
    let side = workload("Deployment", "side", '3', None);
    assert_eq!(proxy.run(&mut app.promote("2", &[web, side])).code, None);
    let mut resume = TestCluster::get().delivery();
    resume.args(["promote", "app", "--resume", "-n", app.namespace.name()]);
    let ran = resume.run().exits(3);
    assert!(ran.stderr.contains(&"3".repeat(12)), "{}", ran.stderr);
    assert_eq!(app.status()["version"], "1");
}

#[test]
fn what_somebody_changed_before_a_killed_run_could_stays_whichever_way_the_next_run_goes() {
    for what in ["resume", "revert"] {
        let app = App::new();
        let version = |v: &str| [map("a", json!({"v": v})), map("b", json!({"v": v}))];
        app.promote("1", &version("1")).run().exits(0);
        let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
        proxy.at_write_to("/configmaps/a", Act::KillBefore);
        assert_eq!(proxy.run(&mut app.promote("2", &version("2"))).code, None);
        app.kubectl(&[
            "patch",
            "configmap",
            "a",
            "--type=merge",
            "-p",
            r#"{"data":{"v":"hand"}}"#,
        ]);
        let mut next = TestCluster::get().delivery();
        match what {
            "resume" => next.args(["promote", "app", "--resume"]),
            _ => next.args(["revert", "app"]),
        };
        let ran = next.args(["-n", app.namespace.name()]).run();
        assert_eq!(
            ran.code,
            Some(if what == "resume" { 3 } else { 0 }),
            "{what}: {}",
            ran.stderr
        );
        let value = |name: &str| {
            app.namespace
                .get("", "ConfigMap", name)
                .unwrap()
                .text("/data/v")
                .to_owned()
        };
        assert_eq!(
            (value("a"), value("b")),
            ("hand".into(), "1".into()),
            "{what}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains("left in place"), "{what}: {}", ran.stderr);
    }
}
