//! A promotion ends at the target: what the server would hold if only the release had ever been said.

use super::support::{ReleaseFile, config, deployment, promote};
use crate::harness::{Namespace, Ran, Run, TestCluster};
use rstest::rstest;
use serde_json::{Value, json};

pub(super) fn diff(namespace: &Namespace, release: &ReleaseFile, mode: &str) -> Ran {
    let mut command = TestCluster::get().delivery();
    command
        .arg("diff")
        .arg(release.path())
        .args(["-n", namespace.name(), "--mode", mode])
        .run()
}

/// Nothing differs but the images, which the simulated nodes do not pull.
pub(super) fn in_sync(namespace: &Namespace, release: &ReleaseFile, mode: &str) {
    let mut command = TestCluster::get().delivery();
    command
        .arg("diff")
        .arg(release.path())
        .args(["-n", namespace.name(), "--mode", mode, "-o", "json"]);
    let view = command.run().json();
    for finding in ["differ", "missing", "extra", "untested", "requirements"] {
        assert_eq!(view["summary"][finding], 0, "{mode}: {view:#}");
    }
}

/// Promotes, and finds nothing that differs in any mode, and nothing to do.
pub(super) fn lands(namespace: &Namespace, release: &ReleaseFile, flags: &[&str]) {
    let flags = [&["-y", "--settle", "0s", "--timeout", "60s"], flags].concat();
    promote(namespace, release, &flags).exits(0);
    for mode in ["auto", "server", "readonly"] {
        in_sync(namespace, release, mode);
    }
    let again = promote(namespace, release, &flags).exits(0);
    let message = format!("{}{}", again.stdout, again.stderr);
    assert!(message.contains("nothing to do"), "{message}");
}

pub(super) fn live(namespace: &Namespace, resource: &str) -> Value {
    namespace
        .kubectl()
        .args(["get", resource, "-o", "json"])
        .run()
        .exits(0)
        .json()
}

fn policy(spec: &Value) -> Value {
    let mut object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"},
        "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [{"podSelector": {}}]}]}});
    for (key, value) in spec.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    object
}

pub(super) fn service(spec: &Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    for (key, value) in spec.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    object
}

pub(super) fn with_pod(mut object: Value, pod: &Value) -> Value {
    for (key, value) in pod.as_object().unwrap() {
        object["spec"]["template"]["spec"][key] = value.clone();
    }
    object
}

#[test]
fn what_was_added_below_an_empty_map_is_named_in_every_mode_and_overwrite_removes_it() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let mut web = with_pod(deployment("web", "web:1"), &json!({"securityContext": {}}));
    web["metadata"]["annotations"] = json!({});
    web["spec"]["template"]["spec"]["containers"][0]["securityContext"] = json!({});
    web["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({});
    let release = ReleaseFile::new("shop", "1", vec![web, config("settings", Value::Null)]);
    lands(&namespace, &release, &[]);

    let patch = json!({"spec": {"template": {"spec": {"securityContext": {"fsGroup": 1000}, "containers": [
        {"name": "main", "securityContext": {"privileged": true}, "resources": {"limits": {"memory": "64Mi"}}}]}}}});
    namespace
        .kubectl()
        .args(["patch", "deployment", "web", "-p", &patch.to_string()])
        .run()
        .ok();
    namespace
        .kubectl()
        .args(["annotate", "deployment", "web", "note=x"])
        .run()
        .ok();
    namespace
        .kubectl()
        .args(["patch", "configmap", "settings", "-p", r#"{"data":{"a":"b"}}"#])
        .run()
        .ok();
    for mode in ["auto", "server", "readonly"] {
        let ran = diff(&namespace, &release, mode).exits(1);
        for field in [
            "privileged",
            "limits",
            "fsGroup",
            "/metadata/annotations/note",
            "/data/a",
            "kubectl-patch",
        ] {
            assert!(
                ran.stdout.contains(field),
                "{mode}: nothing said of {field}:\n{}",
                ran.stdout
            );
        }
    }

    lands(&namespace, &release, &["--overwrite"]);
    // A map of several leaves goes as a whole, and leaves nobody's entry behind.
    let nested = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "lifecycle": {
        "preStop": {"exec": {"command": ["a"]}}, "postStart": {"exec": {"command": ["b"]}}}}]}}}});
    namespace
        .kubectl()
        .args(["patch", "deployment", "web", "-p", &nested.to_string()])
        .run()
        .ok();
    lands(&namespace, &release, &["--overwrite"]);
    let web = live(&namespace, "deployment/web");
    assert_eq!(
        web["spec"]["template"]["spec"]["containers"][0]["securityContext"],
        json!({})
    );
    assert_eq!(live(&namespace, "configmap/settings")["data"], Value::Null);
}

#[test]
fn a_field_that_nobody_owns_and_a_fresh_object_would_not_hold_is_removed() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let release = ReleaseFile::new("shop", "1", vec![deployment("web", "web:1")]);
    lands(&namespace, &release, &[]);
    let patch = json!([
        {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "miner", "image": "miner:1"}},
        {"op": "add", "path": "/spec/template/spec/hostNetwork", "value": true},
        {"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]);
    namespace
        .kubectl()
        .args([
            "patch",
            "deployment",
            "web",
            "--type=json",
            "-p",
            &patch.to_string(),
        ])
        .run()
        .ok();
    let ran = diff(&namespace, &release, "auto").exits(1);
    assert!(
        ran.stdout.contains("[name=miner]") && ran.stdout.contains("hostNetwork"),
        "{}",
        ran.stdout
    );

    lands(&namespace, &release, &[]);
    let pod = &live(&namespace, "deployment/web")["spec"]["template"]["spec"];
    assert_eq!(
        (pod["containers"].as_array().unwrap().len(), &pod["hostNetwork"]),
        (1, &Value::Null)
    );
}

#[rstest]
#[case::deployment("Deployment")]
#[case::stateful_set("StatefulSet")]
fn a_service_account_that_leaves_the_release_leaves_the_pods_too(#[case] kind: &str) {
    let namespace = TestCluster::get().namespace_named("t-target");
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "shop"}});
    let mut plain = deployment("web", "web:1");
    plain["kind"] = kind.into();
    let with = with_pod(plain.clone(), &json!({"serviceAccountName": "shop"}));
    lands(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![account, with]),
        &[],
    );
    lands(
        &namespace,
        &ReleaseFile::new("shop", "2", vec![plain]),
        &["--allow-prune"],
    );
    let resource = format!("{}/web", kind.to_lowercase());
    let pod = &live(&namespace, &resource)["spec"]["template"]["spec"];
    assert_eq!(
        (&pod["serviceAccountName"], &pod["serviceAccount"]),
        (&Value::Null, &Value::Null)
    );

    TestCluster::get()
        .delivery()
        .args(["revert", "shop", "-y", "-n", namespace.name()])
        .run()
        .exits(0);
    let pod = &live(&namespace, &resource)["spec"]["template"]["spec"];
    assert_eq!(
        (&pod["serviceAccountName"], &pod["serviceAccount"]),
        (&json!("shop"), &json!("shop"))
    );
}

#[test]
fn the_types_of_a_network_policy_follow_its_rules_in_both_directions() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let both = ReleaseFile::new(
        "shop",
        "2",
        vec![policy(&json!({"egress": [{"to": [{"podSelector": {}}]}]}))],
    );
    let one = ReleaseFile::new("shop", "1", vec![policy(&json!({}))]);
    let types = || live(&namespace, "networkpolicy/web")["spec"]["policyTypes"].clone();
    lands(&namespace, &one, &[]);
    assert_eq!(types(), json!(["Ingress"]));
    lands(&namespace, &both, &[]);
    assert_eq!(types(), json!(["Ingress", "Egress"]));
    lands(&namespace, &one, &[]);
    assert_eq!(types(), json!(["Ingress"]));
}

#[test]
fn a_volume_may_be_mounted_twice() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let mut web = with_pod(
        deployment("web", "web:1"),
        &json!({"volumes": [{"name": "t", "emptyDir": {}}]}),
    );
    let mounts = json!([{"name": "t", "mountPath": "/a"}, {"name": "t", "mountPath": "/b", "subPath": "s", "readOnly": true}]);
    web["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = mounts;
    lands(&namespace, &ReleaseFile::new("shop", "1", vec![web.clone()]), &[]);
    web["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2".into();
    lands(&namespace, &ReleaseFile::new("shop", "2", vec![web]), &[]);
}

#[test]
fn manifests_alone_do_not_differ_from_a_promotion_by_what_it_wrote_itself() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let settings = config("settings", json!({"a": "b"}));
    lands(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![settings.clone()]),
        &[],
    );
    let mut diff = TestCluster::get().delivery();
    diff.args(["diff", "-n", namespace.name(), "-f", "-"])
        .run_with(&settings.to_string())
        .exits(0);
}

#[test]
fn a_reader_sees_what_was_added_by_hand_and_nothing_else() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "x"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"},
        "subjects": [{"kind": "User", "name": "alice"}]});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "x"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    let mut web = with_pod(
        deployment("web", "web:1"),
        &json!({"hostNetwork": false, "nodeSelector": {}, "volumes": null}),
    );
    web["spec"]["minReadySeconds"] = 0.into();
    let container = &mut web["spec"]["template"]["spec"]["containers"][0];
    container["args"] = json!([]);
    container["env"] = json!([{"name": "A", "value": ""}]);
    let mut address = service(&json!({"ports": [{"port": 80, "nodePort": null}]}));
    address["metadata"]["annotations"] = Value::Null;
    let objects = vec![
        address,
        policy(&json!({"policyTypes": ["Ingress"]})),
        role,
        binding,
        web,
    ];
    let release = ReleaseFile::new("shop", "1", objects);
    lands(&namespace, &release, &[]);

    let reader = namespace.user("reader").with_role("view").ready();
    let as_reader = |words: &[&str]| {
        let mut command = TestCluster::get().delivery();
        command
            .env("KUBECONFIG", reader.kubeconfig())
            .args(words)
            .args(["-n", namespace.name()])
            .run()
    };
    for command in ["diff", "status", "history"] {
        let ran = as_reader(&[command]);
        // The role has no right to Roles and bindings: these two are said, and nothing else is.
        let unread = command == "diff" && ran.stderr.contains("2 objects could not be checked");
        assert!(ran.code == Some(0) || unread, "{command}: {}", ran.stderr);
    }

    let patch = |resource: &str, patch: Value| {
        namespace
            .kubectl()
            .args(["patch", resource, "--type=json", "-p", &patch.to_string()])
            .run()
            .ok();
    };
    let subject = json!({"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"});
    patch(
        "rolebinding/x",
        json!([{"op": "add", "path": "/subjects/-", "value": subject}]),
    );
    patch(
        "service/web",
        json!([{"op": "add", "path": "/spec/selector/more", "value": "x"}]),
    );
    let key = json!([{"op": "add", "path": "/spec/podSelector/matchLabels/more", "value": "x"}]);
    patch("networkpolicy/web", key);
    let admin = diff(&namespace, &release, "readonly").exits(1);
    for field in ["/subjects", "/spec/selector", "/spec/podSelector"] {
        assert!(
            admin.stdout.contains(field),
            "nothing said of {field}:\n{}",
            admin.stdout
        );
    }
}
