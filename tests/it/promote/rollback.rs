//! Whether there is a way back: what runs and could not start again refuses a promotion before anything moves.

use super::support::contents;
use crate::execute::app::{App, image, map, workload};
use crate::harness::{KillProxy, Run, TestCluster};
use serde_json::{Value, json};

/// A workload that reads a key of the ConfigMap `shop-config`.
fn reading(kind: &str, digit: char) -> Value {
    let mut web = workload(kind, "web", digit, None);
    web["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "URL",
        "valueFrom": {"configMapKeyRef": {"name": "shop-config", "key": "PAYMENTS_URL"}}}]);
    web
}

/// An application whose key somebody removed behind its pods.
fn app_without_its_key() -> App {
    let app = App::new();
    let config = json!({"PAYMENTS_URL": "x", "LEVEL": "info"});
    app.namespace.apply(map("shop-config", config));
    app.promote("1", &[reading("Deployment", '1')]).run().exits(0);
    let patch = r#"{"data": {"PAYMENTS_URL": null}}"#;
    app.kubectl(&["patch", "configmap/shop-config", "--type=merge", "-p", patch]);
    app
}

#[test]
fn a_promotion_without_a_way_back_is_refused_before_anything_moves_and_waived_with_a_reason() {
    let app = app_without_its_key();
    let namespace = app.namespace.name().to_owned();
    let next = [workload("Deployment", "web", '2', None)];
    let before = contents(&app.namespace);

    let ran = app.promote("2", &next).run().exits(2);
    let refusal = format!(
        "error [rollback] Deployment {namespace}/web: the running version could not start again: \
         ConfigMap {namespace}/shop-config has no key \"PAYMENTS_URL\"; a failed promotion could not be rolled back"
    );
    let text = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&refusal), "{text}");
    assert!(
        text.contains(&format!("--waive rollback=Deployment/{namespace}/web")),
        "{text}"
    );
    let line = format!("rollback: not possible: Deployment {namespace}/web could not start again");
    assert!(text.contains(&line), "{text}");
    assert_eq!(contents(&app.namespace), before);

    let dry = app
        .promote("2", &next)
        .args(["--dry-run=server", "-o", "json"])
        .run();
    let plan = dry.exits(2).json();
    assert_eq!(plan["rollback"]["possible"], false);
    assert_eq!(plan["rollback"]["notStarting"][0]["name"], "web");

    let waive = [
        "--waive",
        "rollback=Deployment/web",
        "--reason",
        "the key is on its way",
    ];
    let ran = app.promote("2", &next).args(waive).run().exits(0);
    assert!(ran.stderr.contains("waived [rollback]"), "{}", ran.stderr);
    let waivers = app.history()[0]["waivers"].to_string();
    assert!(
        waivers.contains("rollback") && waivers.contains("the key is on its way"),
        "{waivers}"
    );
    let status = app.status();
    let message = format!("not possible: Deployment {namespace}/web could not start again");
    assert!(
        status["rollback"]["message"]
            .as_str()
            .unwrap()
            .starts_with(&message),
        "{status}"
    );

    // Once nothing is missing there is a way back again.
    let ran = app
        .promote("3", &[workload("Deployment", "web", '3', None)])
        .run()
        .exits(0);
    assert!(ran.stderr.contains("rollback: possible"), "{}", ran.stderr);
    let message = &app.status()["rollback"]["message"];
    assert_eq!(message, "possible, to app 2 (revision 2)");
}

#[test]
fn what_the_promotion_itself_brings_back_is_a_note() {
    let app = App::new();
    app.namespace
        .apply(map("shop-config", json!({"PAYMENTS_URL": "x"})));
    app.promote("1", &[reading("Deployment", '1')]).run().exits(0);
    app.kubectl(&["delete", "configmap/shop-config"]);

    let config = map("shop-config", json!({"PAYMENTS_URL": "y"}));
    let ran = app
        .promote("2", &[config, reading("Deployment", '2')])
        .run()
        .exits(0);
    let text = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("note [rollback]") && text.contains("this promotion brings what is missing"),
        "{text}"
    );
}

#[test]
fn what_is_not_ready_now_either_is_a_note() {
    let app = app_without_its_key();
    // Its pods stop being ready: nothing of it could be lost by a rollback.
    let play = r#"{"spec": {"template": {"metadata": {"labels": {"kwok-play": "never-ready"}}}}}"#;
    app.kubectl(&["patch", "deployment/web", "--type=merge", "-p", play]);
    app.kubectl(&[
        "wait",
        "deployment/web",
        "--for=jsonpath={.status.unavailableReplicas}=1",
        "--timeout=60s",
    ]);

    let next = [workload("Deployment", "web", '2', None)];
    let flags = ["--dry-run=server", "--overwrite"];
    let ran = app.promote("2", &next).args(flags).run();
    let text = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("note [rollback]") && text.contains("it is not ready now either"),
        "{text}"
    );
    assert!(!text.contains("error [rollback]"), "{text}");
}

#[test]
fn pod_security_that_came_later_is_found_by_the_pod_of_what_runs() {
    let app = App::new();
    let mut web = workload("Deployment", "web", '1', None);
    web["spec"]["template"]["spec"]["hostNetwork"] = true.into();
    app.promote("1", &[web]).run().exits(0);
    let label = format!("namespace/{}", app.namespace.name());
    app.kubectl(&["label", &label, "pod-security.kubernetes.io/enforce=baseline"]);

    let ran = app
        .promote("2", &[workload("Deployment", "web", '2', None)])
        .run()
        .exits(2);
    let text = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("error [rollback]") && text.contains("violates PodSecurity"),
        "{text}"
    );
}

#[test]
fn a_quota_that_was_cut_is_found_and_one_that_is_exactly_used_is_none() {
    let app = App::new();
    // One pod goes before the next one comes.
    let recreating = |digit: char| {
        let mut web = workload("Deployment", "web", digit, None);
        web["spec"]["strategy"] = json!({"type": "Recreate"});
        web
    };
    app.promote("1", &[recreating('1')]).run().exits(0);
    app.namespace.quota(json!({"pods": "2"}));
    let ran = app.promote("2", &[recreating('2')]).run().exits(0);
    assert!(!ran.stderr.contains("[rollback]"), "{}", ran.stderr);

    app.namespace.quota(json!({"pods": "1"}));
    let cut = || {
        let quota = app.namespace.get("", "ResourceQuota", "small");
        quota.is_some_and(|quota| quota.text("/status/hard/pods") == "1")
    };
    assert!(crate::harness::until(60, cut), "the quota is never looked at");
    let ran = app.promote("3", &[recreating('3')]).run().exits(2);
    let text = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("error [rollback]")
            && text.contains("used without the replaced pod: pods=1, limited: pods=1"),
        "{text}"
    );
}

#[test]
fn what_a_user_may_not_read_is_named_in_the_line_and_refuses_nothing() {
    let app = App::new();
    app.promote("1", &[workload("Deployment", "web", '1', None)])
        .run()
        .exits(0);
    let user = app.namespace.user("ci").with_role("admin").ready();

    let next = [workload("Deployment", "web", '2', None)];
    let mut command = app.promote("2", &next);
    command
        .arg("--dry-run=server")
        .env("KUBECONFIG", user.kubeconfig());
    let ran = command.run();
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = "rollback: possible (not checked: nodes: missing permission to list nodes)";
    assert!(text.contains(line), "{text}\n{}", ran.stderr);
    assert!(!ran.stderr.contains("error [rollback]"), "{}", ran.stderr);
}

#[test]
fn pods_that_differ_in_their_names_alone_are_tried_once() {
    let app = App::new();
    let night = |name: &str, digit: char| {
        let pod = json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": image(digit)}]});
        let template = json!({"metadata": {"labels": {"app": "night"}}, "spec": pod});
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": {
            "schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}}})
    };
    let names = ["one", "two", "three"];
    app.promote("1", &names.map(|name| night(name, '1')))
        .run()
        .exits(0);

    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let next = names.map(|name| night(name, '2'));
    let ran = proxy.run(&mut app.promote("2", &next));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let requests = proxy.requests();
    let is_try = |path: &str| path.ends_with("/pods");
    let tries = requests
        .iter()
        .filter(|request| request.method == "POST" && is_try(&request.path));
    assert_eq!(
        tries.count(),
        2,
        "one of the pods to come, and one of those of now"
    );
}
