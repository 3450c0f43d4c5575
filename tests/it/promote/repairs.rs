//! What is broken, missing or changed by hand now is no reason to refuse the release that mends it.

use crate::execute::app::{App, image, map, workload};
use crate::harness::{Run, TestCluster, unique, until};
use serde_json::{Value, json};

/// Cluster-scoped objects that go at the end.
pub(super) struct Gone(pub Vec<String>);

impl Drop for Gone {
    fn drop(&mut self) {
        for name in &self.0 {
            TestCluster::get()
                .kubectl()
                .args(["delete", "--ignore-not-found", "--wait=false", name])
                .run();
        }
    }
}

/// Lines of what was said that begin with a word.
pub(super) fn lines_starting_with<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(word)).collect()
}

#[test]
fn a_restart_by_kubectl_is_told_and_kept_and_stands_in_no_promotions_way() {
    let app = App::new();
    let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
    let objects = |other: &str, digit: char| {
        let mut all: Vec<_> = kinds
            .map(|kind| workload(kind, &kind.to_lowercase(), digit, None))
            .into();
        all.push(map("other", json!({"a": other})));
        all
    };
    app.promote("1", &objects("1", '1')).run().exits(0);
    let restarted_at = |kind: &str| {
        let live = app.namespace.get("apps", kind, &kind.to_lowercase()).unwrap();
        live.at("/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt")
            .cloned()
    };
    for kind in kinds {
        app.kubectl(&["rollout", "restart", &format!("{kind}/{}", kind.to_lowercase())]);
    }
    let before = kinds.map(restarted_at);
    assert!(before.iter().all(Option::is_some));
    for mode in ["auto", "server", "readonly"] {
        let mut diff = TestCluster::get().delivery();
        let ran = diff
            .args(["diff", "-n", app.namespace.name(), "--mode", mode])
            .run()
            .exits(0);
        let text = format!("{}{}", ran.stdout, ran.stderr);
        assert!(
            text.contains("restartedAt") && text.contains("was set by kubectl-rollout; kept"),
            "{text}"
        );
    }
    // Another object changes, then the restarted ones: no pod is restarted for nothing.
    app.promote("2", &objects("2", '1')).run().exits(0);
    assert_eq!(kinds.map(restarted_at), before);
    app.promote("3", &objects("2", '2')).run().exits(0);
    assert_eq!(kinds.map(restarted_at), before);
    let ran = app.promote("3", &objects("2", '2')).run().exits(0);
    assert!(ran.stderr.contains("nothing to do"), "{}", ran.stderr);
    let mut diff = TestCluster::get().delivery();
    diff.args(["diff", "-n", app.namespace.name()]).run().exits(0);
}

#[test]
fn a_generated_name_that_is_new_at_each_rendering_is_a_replacement_and_no_prune() {
    let app = App::new();
    let objects = |names: [&str; 2]| {
        let maps = names.map(|name| map(name, json!({"name": name})));
        [maps.to_vec(), vec![map("a", json!({})), map("b", json!({}))]].concat()
    };
    app.promote("1", &objects(["conf-mc24c29ghg", "migrate-1.0.1"]))
        .run()
        .exits(0);
    app.promote("2", &objects(["conf-cg2bk2fff9", "migrate-1.0.2"]))
        .run()
        .exits(0);
    for gone in ["conf-mc24c29ghg", "migrate-1.0.1"] {
        assert!(
            app.namespace.get("", "ConfigMap", gone).is_none(),
            "{gone} is still there"
        );
    }
    // Without a replacement the guard stays.
    let ran = app
        .promote("3", &objects(["conf-cg2bk2fff9", "migrate-1.0.2"])[2..])
        .run()
        .exits(2);
    assert_eq!(
        lines_starting_with(&ran.stderr, "error [prune]").len(),
        1,
        "{}",
        ran.stderr
    );
}

#[test]
fn a_missing_image_of_a_rollout_that_it_has_broken_is_a_note() {
    let app = App::new();
    app.promote("1", &[workload("Deployment", "web", '1', None)])
        .run()
        .exits(0);
    let absent = format!("{}/shop/web:never-pushed", TestCluster::get().registry);
    let patch = json!({"spec": {"template": {"metadata": {"labels": {"kwok-play": "image-not-found"}},
        "spec": {"containers": [{"name": "main", "image": absent}]}}}});
    app.kubectl(&["patch", "deployment", "web", "-p", &patch.to_string()]);
    let half_way = || {
        let live = app.namespace.get("apps", "Deployment", "web").unwrap();
        live.at("/status/readyReplicas") == Some(&json!(2))
            && live.at("/status/updatedReplicas") == Some(&json!(1))
    };
    assert!(until(20, half_way), "it stands half-way, with its old pods ready");
    let ran = app
        .promote("1", &[workload("Deployment", "web", '1', None)])
        .arg("--overwrite")
        .run()
        .exits(0);
    let notes = lines_starting_with(&ran.stderr, "note [rollback]");
    assert!(notes.iter().any(|line| line.contains(&absent)), "{}", ran.stderr);
}

/// A Deployment that pod security called `baseline` denies.
fn on_host_network(name: &str) -> Value {
    let mut object = workload("Deployment", name, '1', None);
    object["spec"]["template"]["spec"]["hostNetwork"] = true.into();
    object
}

#[test]
fn pods_are_not_judged_by_labels_that_the_release_gives_their_namespace() {
    let app = App::new();
    let other = format!("t-psa-{}", unique());
    let _gone = Gone(vec![format!("namespace/{other}")]);
    let objects = |level: &str, mut web: Value| {
        web["metadata"]["namespace"] = other.as_str().into();
        let labels = json!({"pod-security.kubernetes.io/enforce": level});
        vec![
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other, "labels": labels}}),
            web,
        ]
    };
    app.promote(
        "1",
        &objects("baseline", workload("Deployment", "web", '1', None)),
    )
    .run()
    .exits(0);
    // Only the pod changes: the labels that are there count.
    let ran = app
        .promote("2", &objects("baseline", on_host_network("web")))
        .run()
        .exits(2);
    assert!(ran.stderr.contains("error [pods]"), "{}", ran.stderr);
    let mut labelled = objects("baseline", on_host_network("web"));
    labelled[0]["metadata"]["labels"]["team"] = "a".into();
    let ran = app.promote("2", &labelled).run().exits(2);
    assert!(
        ran.stderr.contains("error [pods]"),
        "another label changes nothing of it: {}",
        ran.stderr
    );
    let ran = app
        .promote("3", &objects("privileged", on_host_network("web")))
        .run()
        .exits(0);
    let note = format!("pod admission not checked yet: this promotion changes Namespace {other} first");
    assert!(ran.stderr.contains(&note), "{}", ran.stderr);
    let path = "-o=jsonpath={.spec.template.spec.hostNetwork}";
    assert_eq!(
        app.kubectl(&["get", "deployment", "web", "-n", &other, path]),
        "true"
    );
}

#[test]
fn a_quota_and_a_limit_that_the_release_raises_are_no_reason_to_refuse_it() {
    let app = App::new();
    let quota = |pods: &str| json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "pods"}, "spec": {"hard": {"pods": pods}}});
    let limits = |cpu: &str| {
        json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "cpu"},
        "spec": {"limits": [{"type": "Container", "max": {"cpu": cpu}, "default": {"cpu": cpu}}]}})
    };
    let web = |replicas: u32, cpu: &str| {
        let mut object = workload("Deployment", "web", '1', None);
        object["spec"]["replicas"] = replicas.into();
        object["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": cpu}});
        object
    };
    app.promote("1", &[quota("2"), limits("1"), web(1, "1")])
        .run()
        .exits(0);
    let ran = app
        .promote("2", &[quota("2"), limits("1"), web(4, "2")])
        .run()
        .exits(2);
    assert!(
        ran.stderr.contains("error [pods]") && ran.stderr.contains("error [quota]"),
        "{}",
        ran.stderr
    );
    let ran = app
        .promote("3", &[quota("3"), limits("2"), web(4, "2")])
        .run()
        .exits(2);
    assert!(!ran.stderr.contains("error [pods]"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("error [quota]"),
        "four pods do not fit into three: {}",
        ran.stderr
    );
    app.promote("4", &[quota("9"), limits("2"), web(4, "2")])
        .run()
        .exits(0);
}

#[test]
fn what_thirty_objects_wait_for_is_said_once() {
    let app = App::new();
    let account = |n: usize| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": format!("w{n}")}});
    let web = |n: usize| {
        let mut object = workload("Deployment", &format!("w{n}"), '1', None);
        object["spec"]["replicas"] = 0.into();
        object["spec"]["template"]["spec"]["serviceAccountName"] = format!("w{n}").into();
        object
    };
    let objects: Vec<Value> = (0..12).flat_map(|n| [account(n), web(n)]).collect();
    let ran = app.promote("1", &objects).arg("-o").arg("json").run().exits(0);
    let notes = lines_starting_with(&ran.stderr, "note [pods]");
    assert_eq!(notes.len(), 1, "{}", ran.stderr);
    assert!(
        notes[0].contains("and 2 more: pod admission not checked yet"),
        "{}",
        ran.stderr
    );
    // After the first event, which says what is promoted and where.
    let preflight: Value = serde_json::from_str(ran.stdout.lines().nth(1).unwrap()).unwrap();
    let finding = preflight["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["check"] == "pods")
        .unwrap();
    assert_eq!(finding["objects"].as_array().unwrap().len(), 12, "{finding}");
}

#[test]
fn a_job_that_a_promotion_replaces_is_called_replaced_without_the_servers_dump() {
    let app = App::new();
    let job = |digit: char| {
        let container = json!({"name": "main", "image": image(digit), "command": ["/bin/true"]});
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}})
    };
    app.kubectl_with(&["apply"], &job('1')).exits(0);
    let manifests = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(manifests.path(), job('2').to_string()).unwrap();
    for mode in ["auto", "server"] {
        let mut diff = TestCluster::get().delivery();
        diff.args(["diff", "-n", app.namespace.name(), "--mode", mode, "-f"])
            .arg(manifests.path());
        let ran = diff.run().exits(1);
        assert!(
            ran.stdout.contains("replaced: would be deleted and recreated"),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stdout.contains(&image('2')),
            "the image is named: {}",
            ran.stdout
        );
        assert!(
            !ran.stdout.contains("immutable") && ran.stdout.len() < 1500,
            "{}",
            ran.stdout
        );
    }
    let ran = app
        .promote("1", &[job('2')])
        .args(["--adopt", "kubectl"])
        .run()
        .exits(0);
    assert!(ran.stderr.contains("replace"), "{}", ran.stderr);
}

#[test]
fn a_quota_without_room_for_what_a_promotion_itself_keeps_is_found_by_the_preflight() {
    for (resource, limit) in [
        ("count/leases.coordination.k8s.io", "0"),
        ("count/configmaps", "3"),
        ("configmaps", "3"),
        ("secrets", "0"),
        ("count/secrets", "0"),
    ] {
        let app = App::new();
        app.namespace.quota(json!({resource: limit}));
        let ran = app.promote("1", &[map("a", json!({"a": "1"}))]).run().exits(2);
        let refused = lines_starting_with(&ran.stderr, "error [quota]");
        assert!(
            refused.len() == 1 && refused[0].contains(resource),
            "{resource}: {}",
            ran.stderr
        );
        assert!(app.namespace.get("", "ConfigMap", "a").is_none());
    }
}
