//! The end of an application: its objects are deleted as one promotion would create them, all or none, what holds data
//! stays, and a revert brings everything back.

use crate::execute::app::{App, NAME, image, map};
use crate::execute::crash_fixture::Then;
use crate::execute::kill_points::{Point, kill_points};
use crate::harness::{Act, KillProxy, Run, TestCluster, unique, until};
use serde_json::{Value, json};
use std::process::Command;

/// What the cluster holds besides the namespace of a test, deleted at its end.
struct Outside(String);

impl Outside {
    fn new() -> Self {
        Self(format!("t-del-{}", unique()))
    }

    fn definition(&self) -> String {
        format!("things.{}.example.com", self.0)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let definition = self.definition();
        for (kind, name) in [
            ("crd", &definition),
            ("priorityclass", &self.0),
            ("storageclass", &self.0),
            ("clusterrole", &self.0),
            ("validatingadmissionpolicybinding", &self.0),
            ("validatingadmissionpolicy", &self.0),
        ] {
            let names = ["delete", "--ignore-not-found", "--wait=false", kind, name];
            TestCluster::get().kubectl().args(names).run();
        }
    }
}

/// An application of several kinds: in the namespace, cluster-wide, of a kind of its own, with data and with a mark.
fn objects(app: &App, outside: &Outside) -> Vec<Value> {
    let name = &outside.0;
    app.namespace.apply(
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": "example.com/none", "volumeBindingMode": "WaitForFirstConsumer"}),
    );
    let group = format!("{name}.example.com");
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": outside.definition()}, "spec": {"group": group, "names": {"kind": "Thing", "plural": "things"},
            "scope": "Namespaced", "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let thing = json!({"apiVersion": format!("{group}/v1"), "kind": "Thing", "metadata": {"name": "one"}, "spec": {"size": 3}});
    let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": 7});
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "storageClassName": name, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}});
    let mut marked = map("marked", json!({"a": "1"}));
    marked["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {
        "selector": {"app": "web"}, "ports": [{"port": 80}]}});
    let labels = json!({"app": "web"});
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": labels}, "spec": {
        "replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "containers": [{"name": "web", "image": image('1'), "envFrom": [{"configMapRef": {"name": "config"}}]}]}}}});
    let config = map("config", json!({"a": "1"}));
    vec![definition, thing, class, claim, marked, config, service, web]
}

/// ConfigMaps alone, one of which stays.
fn maps() -> Vec<Value> {
    let mut marked = map("marked", json!({"a": "1"}));
    marked["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
    vec![
        map("config", json!({"a": "1"})),
        map("other", json!({"b": "1"})),
        marked,
    ]
}

fn promoted(objects: &[Value]) -> App {
    let app = App::new();
    promote(&app, "1", objects);
    app
}

fn promote(app: &App, version: &str, objects: &[Value]) {
    let mut promote = app.promote(version, objects);
    promote.args(["--timeout", "60s"]).run().exits(0);
}

fn delete(app: &App, flags: &[&str]) -> Command {
    let mut command = app.delivery();
    command
        .args(["delete", NAME, "-n", app.namespace.name()])
        .args(flags);
    command
}

/// The names of what is there of a kind, but for what this tool and the cluster keep.
fn names(app: &App, kind: &str) -> Vec<String> {
    let listed = app.kubectl(&["get", kind, "-o", "name"]);
    let names = listed.lines().filter_map(|line| line.split_once('/'));
    let names = names.map(|(_, name)| name.to_owned());
    names
        .filter(|name| !name.starts_with("delivery-") && name != "kube-root-ca.crt")
        .collect()
}

fn get(app: &App, kind: &str, name: &str) -> Option<Value> {
    let found = app
        .namespace
        .kubectl()
        .args(["get", kind, name, "-o", "json", "--ignore-not-found"])
        .run()
        .ok();
    (!found.trim().is_empty()).then(|| serde_json::from_str(&found).unwrap())
}

/// What a user sees of an object: all but what the server and controllers write.
fn content(mut object: Value) -> Value {
    object.as_object_mut().unwrap().shift_remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| ["name", "namespace", "labels"].contains(&&**key));
    object
}

/// The objects of `maps()`, whole, with the inventory.
fn versions(app: &App) -> String {
    app.kubectl(&[
        "get",
        "configmaps,secrets,leases",
        "-o",
        "jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}",
    ])
}

/// A deletion that is refused with these words, and changes nothing.
fn assert_refused(app: &App, deletion: &mut Command, words: [&str; 2]) {
    let before = versions(app);
    let ran = deletion.run().exits(2);
    for word in words {
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
    }
    assert_eq!(versions(app), before);
}

fn endings(app: &App) -> Vec<String> {
    let history = app.history();
    // The newest is listed first.
    let entries = history.as_array().unwrap().iter().rev();
    entries
        .map(|entry| format!("{} {}", entry["revision"], entry["outcome"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_deleted_release_leaves_what_holds_data_and_a_revert_brings_it_back() {
    let (app, outside) = (App::new(), Outside::new());
    let objects = objects(&app, &outside);
    promote(&app, "1", &objects);
    let thing = outside.definition();
    let kinds = [
        (thing.as_str(), "one"),
        ("priorityclass", outside.0.as_str()),
        ("configmap", "config"),
        ("service", "web"),
        ("deployment", "web"),
    ];
    let all = || kinds.map(|(kind, name)| get(&app, kind, name).map(content));
    let before = all();
    assert!(before.iter().all(Option::is_some));

    let ran = delete(&app, &["-y"]).run().exits(0);
    assert!(
        ran.stderr.contains("deleted app 1; no release is promoted"),
        "{}",
        ran.stderr
    );
    // A workload goes before what it reads, and a kind's objects before what serves them.
    let at = |object: &str| ran.stderr.rfind(&format!("deleted  {object}")).unwrap();
    let namespace = app.namespace.name();
    assert!(at(&format!("Deployment {namespace}/web")) < at(&format!("ConfigMap {namespace}/config")));
    assert!(at(&format!("Thing {namespace}/one")) < at(&format!("Deployment {namespace}/web")));

    assert_eq!(all(), [const { None }; 5]);
    assert!(get(&app, "pvc", "data").is_some() && get(&app, "configmap", "marked").is_some());
    assert!(get(&app, "crd", &thing).is_some());
    for stays in [
        format!("keep    PersistentVolumeClaim {namespace}/data"),
        format!("keep    ConfigMap {namespace}/marked"),
    ] {
        let is_told = ran.stderr.lines().any(|line| line.starts_with(&stays));
        assert!(is_told, "{stays}: {}", ran.stderr);
    }
    assert_eq!(endings(&app), ["1 promoted", "2 deleted"]);
    let status = app.status();
    assert_eq!(
        (&status["state"], status.get("revision"), &status["workloads"]),
        (&json!("deleted"), None, &json!([]))
    );

    let again = delete(&app, &["-y"]).run().exits(0);
    assert!(
        again
            .stderr
            .contains("nothing to delete: no release app is promoted"),
        "{}",
        again.stderr
    );
    app.delivery().args(["diff", "-n", namespace]).run().exits(2);

    // Nothing but the state says what a cluster-wide object was.
    let class = format!("PriorityClass/{}", outside.0);
    app.revert().args(["--allow-unconfirmed", &class]).run().exits(0);
    assert_eq!(all(), before);
    assert_eq!(endings(&app), ["1 promoted", "2 reverted"]);
    assert_eq!(app.status()["revision"], json!(1));
    // Contents, members and owners are as the promotion left them.
    app.delivery()
        .arg("diff")
        .arg(app.release("1", &objects))
        .args(["-n", namespace])
        .run()
        .exits(0);
    let members = get(&app, "configmap", "delivery-app").unwrap();
    let members = members["data"]["members"].as_str().unwrap();
    assert_eq!(members.lines().count(), objects.len(), "{members}");
}

#[test]
fn a_promotion_after_a_deletion_goes_on_with_the_next_revision_and_takes_up_what_stayed() {
    let app = promoted(&maps());
    delete(&app, &["-y"]).run().exits(0);
    assert_eq!(names(&app, "configmaps"), ["marked"]);

    app.revert_to("1").run().exits(0);
    assert_eq!(names(&app, "configmaps"), ["config", "marked", "other"]);
    delete(&app, &["-y"]).run().exits(0);
    promote(&app, "2", &maps());
    assert_eq!(
        endings(&app),
        ["1 promoted", "2 deleted", "3 promoted", "4 deleted", "5 promoted"]
    );
    assert_eq!(app.status()["revision"], json!(5));
    // The last promotion is what a revert undoes: nothing was there before it but what had stayed.
    app.revert().run().exits(0);
    assert_eq!(names(&app, "configmaps"), ["marked"]);
    assert_eq!(app.status()["state"], json!("deleted"));
}

#[test]
fn what_is_named_goes_too_and_what_was_changed_since_is_deleted_and_restored_as_it_was() {
    let app = promoted(&maps());
    app.kubectl(&[
        "patch",
        "configmap",
        "config",
        "-p",
        "{\"data\":{\"c\":\"by hand\"}}",
    ]);

    delete(&app, &["-y", "--prune-kept", "configmap/marked"])
        .run()
        .exits(0);
    assert_eq!(names(&app, "configmaps"), Vec::<String>::new());

    app.revert().run().exits(0);
    assert_eq!(names(&app, "configmaps"), ["config", "marked", "other"]);
    let config = get(&app, "configmap", "config").unwrap();
    assert_eq!(config["data"], json!({"a": "1", "c": "by hand"}));
}

#[test]
fn a_deleted_release_is_forgotten_with_what_it_left_in_place() {
    let app = promoted(&maps());
    delete(&app, &["-y"]).run().exits(0);
    // A promotion that failed since changes nothing about it.
    app.promote("2", &[map("late", json!({})), json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p",
        "labels": {"kwok-play": "crash-loop"}}, "spec": {"containers": [{"name": "p", "image": image('1')}]}})])
        .run()
        .exits(3);

    let mut forget = app.delivery();
    forget.args([
        "forget",
        NAME,
        "-n",
        app.namespace.name(),
        "--manager",
        "kubectl",
        "-y",
    ]);
    forget.run().exits(0);

    let left = app.kubectl(&["get", "configmaps,secrets", "-o", "json", "--show-managed-fields"]);
    let left: Value = serde_json::from_str(&left).unwrap();
    for object in left["items"].as_array().unwrap() {
        let metadata = object["metadata"].to_string();
        assert!(
            !metadata.contains("applyset.kubernetes.io") && !metadata.contains("kubectl-delivery"),
            "{metadata}"
        );
    }
    assert_eq!(names(&app, "configmaps"), ["marked"]);
}

#[test]
fn a_finalizer_that_never_ends_is_told_beforehand_and_rolls_the_deletion_back() {
    let app = promoted(&maps());
    app.kubectl(&[
        "patch",
        "configmap",
        "other",
        "-p",
        "{\"metadata\":{\"finalizers\":[\"example.com/hold\"]}}",
    ]);

    // Longer than a CI system waits for a line.
    let ran = delete(&app, &["-y", "--timeout", "31s"]).run().exits(4);
    let other = format!("ConfigMap {}/other", app.namespace.name());
    let held = "held by its finalizers example.com/hold";
    for line in [
        "note [undo]".to_owned(),
        format!("{other}: being deleted, {held}; "),
        format!("{other}: still being deleted after 31s, {held}"),
    ] {
        assert!(ran.stderr.contains(&line), "{line}: {}", ran.stderr);
    }
    // What could be recreated is; the one that is held can only be waited for.
    assert_eq!(names(&app, "configmaps"), ["config", "marked", "other"]);
    assert_eq!(app.status()["revision"], json!(1));
    assert_eq!(endings(&app), ["1 promoted", "2 rollbackIncomplete"]);

    app.kubectl(&[
        "patch",
        "configmap",
        "other",
        "-p",
        "{\"metadata\":{\"finalizers\":null}}",
    ]);
    assert!(until(20, || get(&app, "configmap", "other").is_none()));
    app.revert().run().exits(0);
    assert_eq!(names(&app, "configmaps"), ["config", "marked", "other"]);
    let other = get(&app, "configmap", "other").unwrap();
    assert_eq!(other["data"], json!({"b": "1"}));
}

#[test]
fn a_deletion_that_admission_denies_is_refused_before_anything_is_changed() {
    let (app, outside) = (promoted(&maps()), Outside::new());
    let namespace = app.namespace.name();
    let name = &outside.0;
    let policy = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["configmaps"]}]},
            "validations": [{"expression": "oldObject.metadata.name != 'other'", "message": "other is needed"}]}},
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": {
            "policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}}}]});
    app.kubectl_with(&["apply"], &policy).exits(0);
    let is_denied = || {
        let dry = ["delete", "configmap", "other", "--dry-run=server"];
        app.namespace.kubectl().args(dry).run().code != Some(0)
    };
    assert!(until(20, is_denied));

    assert_refused(
        &app,
        &mut delete(&app, &["-y"]),
        ["error [admission]", "other is needed"],
    );
}

#[test]
fn a_permission_that_is_missing_is_named_and_nothing_is_changed() {
    let app = promoted(&maps());
    let user = app
        .namespace
        .user("ci")
        .may(
            &["get", "list", "watch", "create", "update", "patch"],
            "",
            &["configmaps", "secrets"],
        )
        .may(
            &["get", "list", "watch", "create", "update", "patch", "delete"],
            "coordination.k8s.io",
            &["leases"],
        )
        .may(&["delete"], "", &["secrets"])
        .may(&["get"], "", &["namespaces"])
        .ready();

    let mut deletion = delete(&app, &["-y"]);
    deletion.env("KUBECONFIG", user.kubeconfig());
    assert_refused(&app, &mut deletion, ["error [permissions]", "delete configmaps"]);
}

#[test]
fn a_dry_run_and_a_missing_answer_change_nothing() {
    let app = promoted(&maps());
    let before = versions(&app);

    for whither in ["client", "server"] {
        let shown = delete(&app, &["--dry-run", whither]).run().exits(0);
        let title = format!(
            "delete app 1 (revision 1) from namespace {} of ",
            app.namespace.name()
        );
        assert!(shown.stdout.starts_with(&title), "{}", shown.stdout);
        assert!(
            shown
                .stdout
                .ends_with("\n2 to delete, 1 left in place (dry run)\n"),
            "{}",
            shown.stdout
        );
    }
    let plan = delete(&app, &["--dry-run=server", "-o", "json"])
        .run()
        .exits(0)
        .json();
    assert_eq!(
        (&plan["operation"], plan["steps"].as_array().unwrap().len()),
        (&json!("delete"), 2)
    );
    let ran = delete(&app, &[]).run().exits(1);
    assert!(
        ran.stderr
            .contains("cannot ask for confirmation without a terminal"),
        "{}",
        ran.stderr
    );
    assert_eq!(versions(&app), before);

    let mut unknown = app.delivery();
    unknown.args(["delete", "nosuch", "-n", app.namespace.name(), "-y"]);
    let ran = unknown.run().exits(1);
    let expected = format!("error: no release nosuch in namespace {}", app.namespace.name());
    assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
}

#[test]
fn what_another_release_owns_and_what_nothing_confirms_is_left_alone() {
    let (app, outside) = (App::new(), Outside::new());
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": outside.0}, "rules": []});
    promote(&app, "1", &[maps(), vec![role]].concat());
    let other = app.release_named("other", "1", &[map("theirs", json!({"a": "1"}))]);
    let mut promote = app.delivery();
    promote
        .arg("promote")
        .arg(other)
        .args(["-n", app.namespace.name(), "-y"]);
    promote.run().exits(0);
    // As a release that took it without this one's knowledge leaves it.
    app.kubectl(&[
        "label",
        "configmap",
        "config",
        "applyset.kubernetes.io/part-of=applyset-x-v1",
        "--overwrite",
    ]);

    let ran = delete(&app, &["-y"]).run().exits(2);
    let flag = format!("--allow-unconfirmed ClusterRole/{}", outside.0);
    assert!(ran.stderr.contains(&flag), "{}", ran.stderr);
    assert_eq!(names(&app, "configmaps"), ["config", "marked", "other", "theirs"]);

    let flag: Vec<&str> = flag.split(' ').collect();
    delete(&app, &[&["-y"], &flag[..]].concat()).run().exits(0);
    assert_eq!(names(&app, "configmaps"), ["config", "marked", "theirs"]);
    assert!(get(&app, "clusterrole", &outside.0).is_none());
}

#[test]
fn what_stays_keeps_what_it_uses() {
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web",
        "annotations": {"helm.sh/resource-policy": "keep"}}, "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [
            {"name": "web", "image": image('1'), "envFrom": [{"configMapRef": {"name": "config"}}]}]}}}});
    let app = promoted(&[vec![web], maps()].concat());

    let ran = delete(&app, &["-y"]).run().exits(0);

    assert!(ran.stderr.contains("still used by Deployment"), "{}", ran.stderr);
    assert_eq!(names(&app, "configmaps"), ["config", "marked"]);
}

#[test]
fn killed_in_any_state_of_its_journal_it_is_run_again_to_the_same_end_and_can_be_reverted() {
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let app = promoted(&maps());
    let maps_of =
        |app: &App| ["config", "other", "marked"].map(|name| get(app, "configmap", name).map(content));
    let before = maps_of(&app);
    proxy.forget();
    proxy.run(&mut delete(&app, &["-y"])).exits(0);
    let points = kill_points(&proxy.writes());
    // It is begun, two are deleted, it ends.
    assert!(points.len() > 3, "{points:?}");
    app.revert().run().exits(0);

    for point in points {
        let Point { n, act, then } = point;
        assert_eq!(maps_of(&app), before, "{point:?}");
        proxy.forget();
        proxy.at_write(n, act);
        let ran = proxy.run(&mut delete(&app, &["-y"]));
        let is_killed = ran.code.is_none();

        if is_killed && then == Then::Promote {
            let again = delete(&app, &["-y", "--lock-timeout", "60s"]).run();
            assert_eq!(again.code, Some(0), "{point:?}: {}", again.stderr);
        }
        if !is_killed || then == Then::Promote {
            assert_eq!(names(&app, "configmaps"), ["marked"], "{point:?}");
            let last = endings(&app).pop().unwrap();
            assert!(last.ends_with(" deleted"), "{point:?}: {last}");
            assert_eq!(app.status()["state"], json!("deleted"), "{point:?}");
        }

        // Killed before its first write it has left nothing to revert but the promotion.
        if n > 1 || act == Act::KillAfter || then == Then::Promote {
            let ran = app.revert().args(["--lock-timeout", "60s"]).run();
            assert_eq!(ran.code, Some(0), "{point:?}: {}", ran.stderr);
        }
    }
    assert_eq!(maps_of(&app), before);
}

#[test]
fn an_interrupted_deletion_is_rolled_back() {
    let app = promoted(&maps());
    app.kubectl(&[
        "patch",
        "configmap",
        "other",
        "-p",
        "{\"metadata\":{\"finalizers\":[\"example.com/hold\"]}}",
    ]);
    let before = get(&app, "configmap", "config").map(content);

    let running = crate::harness::Running::start(&mut delete(&app, &["-y", "--timeout", "60s"]));
    let is_going = || {
        let other = get(&app, "configmap", "other");
        other.is_some_and(|other| other["metadata"].get("deletionTimestamp").is_some())
    };
    assert!(until(30, is_going));
    running.process().signal("INT");
    running.until_stderr("interrupted");
    app.kubectl(&[
        "patch",
        "configmap",
        "other",
        "-p",
        "{\"metadata\":{\"finalizers\":null}}",
    ]);

    let ran = running.wait();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert_eq!(names(&app, "configmaps"), ["config", "marked", "other"]);
    assert_eq!(get(&app, "configmap", "config").map(content), before);
    assert_eq!(app.status()["revision"], json!(1));
}
