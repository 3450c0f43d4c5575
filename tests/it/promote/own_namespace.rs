//! A release that brings the namespace to which it is promoted: it is created before lock and journal, and goes with them.

use crate::execute::app::{App, NAME, map, workload};
use crate::harness::{Act, KillProxy, Ran, Run, TestCluster, unique};
use kubectl_delivery::testing::model::names::{applyset_id, inventory};
use rstest::rstest;
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

/// A namespace that is not there.
struct Own {
    app: App,
    name: String,
}

impl Drop for Own {
    fn drop(&mut self) {
        let delete = ["delete", "namespace", "--ignore-not-found", "--wait=false"];
        TestCluster::get().kubectl().args(delete).arg(&self.name).run();
    }
}

impl Own {
    fn new() -> Self {
        Self {
            app: App::new(),
            name: format!("t-own-{}", unique()),
        }
    }

    fn objects(&self, more: &[Value]) -> Vec<Value> {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name, "labels": {"team": "a"}}});
        let inside = more.iter().cloned().map(|mut object| {
            object["metadata"]["namespace"] = self.name.as_str().into();
            object
        });
        [namespace].into_iter().chain(inside).collect()
    }

    fn promote(&self, version: &str, more: &[Value], flags: &[&str]) -> Ran {
        let file = self.app.release(version, &self.objects(more));
        let mut promote = TestCluster::get().delivery();
        promote
            .arg("promote")
            .arg(file)
            .args(["-n", &self.name, "-y", "--settle", "0s"])
            .args(flags)
            .run()
    }

    fn command(&self, words: &[&str]) -> Ran {
        TestCluster::get()
            .delivery()
            .args(words)
            .args(["-n", &self.name])
            .run()
    }

    /// The namespace is cluster-wide: nothing but the flag confirms that it was made by the release.
    fn revert(&self) -> Command {
        let mut command = TestCluster::get().delivery();
        command.args(["revert", NAME, "-y", "-n", &self.name]);
        command.args(["--allow-unconfirmed", &format!("Namespace/{}", self.name)]);
        command
    }

    fn is_there(&self) -> bool {
        TestCluster::get()
            .kubectl()
            .args(["get", "namespace", &self.name])
            .run()
            .code
            == Some(0)
    }
}

#[test]
fn a_first_promotion_makes_the_release_namespace_and_its_revert_takes_it_away() {
    let own = Own::new();
    own.promote("1", &[map("app", json!({"a": "b"}))], &["--dry-run=server"])
        .exits(0);
    assert!(!own.is_there(), "a dry run makes nothing");
    own.promote("1", &[map("app", json!({"a": "b"}))], &[]).exits(0);
    own.command(&["diff"]).exits(0);
    let ran = own.promote("1", &[map("app", json!({"a": "b"}))], &[]).exits(0);
    assert!(ran.stderr.contains("nothing to do"), "{}", ran.stderr);
    let status = own.command(&["status", NAME, "-o", "json"]).exits(0).json();
    assert_eq!(status[0]["version"], "1", "{status}");
    own.revert().run().exits(0);
    assert!(!own.is_there(), "the revert takes it away");
}

#[test]
fn a_first_promotion_that_fails_leaves_no_namespace() {
    let own = Own::new();
    let broken = workload("Deployment", "web", '1', Some("crash-loop"));
    let ran = own.promote("1", &[map("app", json!({})), broken], &[]).exits(3);
    assert!(!own.is_there(), "{}", ran.stderr);
}

#[test]
fn a_namespace_that_a_killed_run_created_before_its_journal_is_the_next_runs_to_take_away() {
    let own = Own::new();
    let mut namespace = own.objects(&[])[0].clone();
    let set = applyset_id(&inventory(NAME), &own.name);
    namespace["metadata"]["labels"]["applyset.kubernetes.io/part-of"] = set.into();
    let apply = [
        "apply",
        "--server-side",
        "--field-manager=kubectl-delivery",
        "-f",
        "-",
    ];
    TestCluster::get()
        .kubectl()
        .args(apply)
        .run_with(&namespace.to_string())
        .ok();
    let broken = workload("Deployment", "web", '1', Some("crash-loop"));
    own.promote("1", &[map("app", json!({})), broken], &[]).exits(3);
    assert!(!own.is_there());
}

#[rstest]
#[case::before(Act::KillBefore)]
#[case::after(Act::KillAfter)]
fn a_run_that_is_killed_while_its_namespace_goes_leaves_nothing_that_a_revert_does_not_take_away(
    #[case] act: Act,
) {
    let own = Own::new();
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let objects = [map("app", json!({"a": "b"}))];
    own.promote("2", &objects, &[]).exits(0);
    proxy.at_write_to(&format!("/namespaces/{}", own.name), act);
    let killed = proxy.run(&mut own.revert());
    assert_eq!(killed.code, None, "{}", killed.stderr);
    proxy.forget();
    if act == Act::KillBefore {
        let status = own.command(&["status", NAME, "-o", "json"]).exits(0).json();
        assert_eq!(
            status[0]["unfinished"]["version"], "2",
            "what is left is told: {status}"
        );
        own.revert().run().exits(0);
    }
    let start = Instant::now();
    while own.is_there() {
        assert!(start.elapsed() < Duration::from_secs(60), "it stays");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_namespace_that_goes_slower_than_its_lock_is_renewed_is_no_lost_lock() {
    let own = Own::new();
    own.promote("1", &[map("app", json!({"a": "b"}))], &[]).exits(0);
    let finalizers = |value: &str| {
        let patch = format!(r#"{{"metadata": {{"finalizers": {value}}}}}"#);
        TestCluster::get()
            .kubectl()
            .args(["patch", "namespace", &own.name, "-p", &patch])
            .run()
            .ok();
    };
    finalizers(r#"["example.com/slow"]"#);
    let ran = std::thread::scope(|scope| {
        let revert = scope.spawn(|| own.revert().run());
        std::thread::sleep(Duration::from_secs(12));
        finalizers("null");
        revert.join().unwrap()
    });
    ran.exits(0);
    assert!(!own.is_there());
}

#[test]
fn a_release_namespace_with_an_object_of_somebody_else_stays_and_is_named() {
    let own = Own::new();
    own.promote("1", &[map("app", json!({}))], &[]).exits(0);
    let create = ["create", "configmap", "foreign", "-n", &own.name];
    TestCluster::get().kubectl().args(create).run().ok();
    let ran = own.revert().run().exits(4);
    assert!(own.is_there());
    assert!(
        ran.stderr
            .contains("ConfigMap foreign in it belongs to another client"),
        "{}",
        ran.stderr
    );
    TestCluster::get()
        .kubectl()
        .args(["delete", "configmap", "foreign", "-n", &own.name])
        .run()
        .ok();
    own.revert().run().exits(0);
    assert!(!own.is_there(), "once nothing of others is in it, it goes");
}

#[test]
fn what_is_needed_in_a_namespace_that_is_not_there_is_waived_singly() {
    let own = Own::new();
    let mut web = workload("Deployment", "web", '1', None);
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "db"}}]);
    let ran = own.promote("1", &[web.clone()], &[]).exits(2);
    let waiver = format!("requirements=Secret/{}/db", own.name);
    assert!(
        ran.stderr.contains(&format!("--waive {waiver} ")),
        "{}",
        ran.stderr
    );
    assert!(!own.is_there(), "a refused promotion makes nothing");
    own.promote(
        "1",
        &[web],
        &["--waive", &waiver, "--reason", "an operator makes it"],
    )
    .exits(0);
    assert!(own.is_there());
}

#[test]
fn a_namespace_that_stays_only_for_what_the_release_itself_keeps_is_a_revert_that_is_done() {
    let own = Own::new();
    let mut retained = map("kept", json!({}));
    retained["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    own.promote("1", &[retained, map("plain", json!({}))], &[])
        .exits(0);
    let ran = own.revert().run().exits(0);
    let why = "ConfigMap kept in it is kept: helm.sh/resource-policy: keep";
    assert!(
        ran.stderr.contains(why) && ran.stderr.contains(&own.name),
        "{}",
        ran.stderr
    );
    assert!(own.is_there(), "{}", ran.stderr);
    let left = ["get", "configmaps", "-o", "name", "-n", &own.name];
    let left = TestCluster::get().kubectl().args(left).run().ok();
    assert!(left.contains("/kept") && !left.contains("/plain"), "{left}");

    // The journal is closed: nothing is left to revert, and the next promotion begins anew.
    let status = own.command(&["status", NAME, "-o", "json"]).exits(0).json();
    assert!(status[0]["unfinished"].is_null(), "{status}");
    own.promote("2", &[map("plain", json!({}))], &[]).exits(0);
}

#[test]
fn a_namespace_with_what_is_kept_and_an_object_of_somebody_else_is_left() {
    let own = Own::new();
    let mut retained = map("kept", json!({}));
    retained["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    own.promote("1", &[retained.clone()], &[]).exits(0);
    retained["metadata"]["name"] = "other".into();
    let create = ["create", "-n", &own.name, "-f", "-"];
    TestCluster::get()
        .kubectl()
        .args(create)
        .run_with(&retained.to_string())
        .ok();
    let ran = own.revert().run().exits(4);
    assert!(
        ran.stderr
            .contains("ConfigMap other in it belongs to another client"),
        "{}",
        ran.stderr
    );
}
