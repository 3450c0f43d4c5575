//! A promotion ends at the target: what the server would hold if only the release had ever been said.

use super::support::{ReleaseFile, config, deployment, kubectl_apply, promote};
use crate::harness::{Namespace, Ran, Run, TestCluster, Webhook};
use kubectl_delivery::model::Object;
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
fn in_sync(namespace: &Namespace, release: &ReleaseFile, mode: &str) {
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
    let said = format!("{}{}", again.stdout, again.stderr);
    assert!(said.contains("nothing to do"), "{said}");
}

pub(super) fn live(namespace: &Namespace, resource: &str) -> Value {
    namespace
        .kubectl()
        .args(["get", resource, "-o", "json"])
        .run()
        .exits(0)
        .json()
}

fn policy(spec: Value) -> Value {
    let mut object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"},
        "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [{"podSelector": {}}]}]}});
    for (key, value) in spec.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    object
}

fn service(spec: Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    for (key, value) in spec.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    object
}

fn with_pod(mut object: Value, pod: Value) -> Value {
    for (key, value) in pod.as_object().unwrap() {
        object["spec"]["template"]["spec"][key] = value.clone();
    }
    object
}

#[test]
fn what_was_added_below_an_empty_map_is_named_in_every_mode_and_overwrite_removes_it() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let mut web = with_pod(deployment("web", "web:1"), json!({"securityContext": {}}));
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
    let with = with_pod(plain.clone(), json!({"serviceAccountName": "shop"}));
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
        .args(["revert", "shop", "-n", namespace.name()])
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
        vec![policy(json!({"egress": [{"to": [{"podSelector": {}}]}]}))],
    );
    let one = ReleaseFile::new("shop", "1", vec![policy(json!({}))]);
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
        json!({"volumes": [{"name": "t", "emptyDir": {}}]}),
    );
    let mounts = json!([{"name": "t", "mountPath": "/a"}, {"name": "t", "mountPath": "/b", "subPath": "s", "readOnly": true}]);
    web["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = mounts;
    lands(&namespace, &ReleaseFile::new("shop", "1", vec![web.clone()]), &[]);
    web["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2".into();
    lands(&namespace, &ReleaseFile::new("shop", "2", vec![web]), &[]);
}

#[rstest]
#[case::without_a_word(json!({"type": "Recreate"}))]
#[case::with_a_null(json!({"type": "Recreate", "rollingUpdate": null}))]
fn a_strategy_that_forbids_the_servers_default_is_promoted_and_reverted(#[case] strategy: Value) {
    let namespace = TestCluster::get().namespace_named("t-target");
    lands(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![deployment("web", "web:1")]),
        &[],
    );
    let mut recreate = deployment("web", "web:1");
    recreate["spec"]["strategy"] = strategy;
    lands(&namespace, &ReleaseFile::new("shop", "2", vec![recreate]), &[]);
    assert_eq!(
        live(&namespace, "deployment/web")["spec"]["strategy"],
        json!({"type": "Recreate"})
    );

    TestCluster::get()
        .delivery()
        .args(["revert", "shop", "-n", namespace.name()])
        .run()
        .exits(0);
    let strategy = &live(&namespace, "deployment/web")["spec"]["strategy"];
    assert_eq!(strategy["rollingUpdate"]["maxSurge"], "25%");
}

#[rstest]
#[case::named(json!({"type": "RollingUpdate"}))]
#[case::left_out(Value::Null)]
#[case::with_a_partition(json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}))]
fn the_update_strategy_of_a_stateful_set_may_become_on_delete(#[case] first: Value) {
    let namespace = TestCluster::get().namespace_named("t-target");
    let set = |strategy: Value| {
        let mut set = deployment("db", "web:1");
        set["kind"] = "StatefulSet".into();
        set["spec"]["updateStrategy"] = strategy;
        set
    };
    lands(&namespace, &ReleaseFile::new("shop", "1", vec![set(first)]), &[]);
    lands(
        &namespace,
        &ReleaseFile::new("shop", "2", vec![set(json!({"type": "OnDelete"}))]),
        &[],
    );
    assert_eq!(
        live(&namespace, "statefulset/db")["spec"]["updateStrategy"],
        json!({"type": "OnDelete"})
    );
}

#[test]
fn a_volume_that_gets_a_source_loses_the_one_that_the_server_gave_it() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let web = |source: Value| {
        let mut volume = json!({"name": "v"});
        for (key, value) in source.as_object().unwrap() {
            volume[key] = value.clone();
        }
        with_pod(deployment("web", "web:1"), json!({"volumes": [volume]}))
    };
    lands(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![config("a", json!({"a": "b"})), web(json!({}))]),
        &[],
    );
    let with = vec![
        config("a", json!({"a": "b"})),
        web(json!({"configMap": {"name": "a"}})),
    ];
    lands(&namespace, &ReleaseFile::new("shop", "2", with), &[]);
    let volume = &live(&namespace, "deployment/web")["spec"]["template"]["spec"]["volumes"][0];
    assert_eq!(
        volume,
        &json!({"name": "v", "configMap": {"name": "a", "defaultMode": 420}})
    );
}

#[rstest]
#[case::node_port(json!({}), json!({"type": "NodePort"}))]
#[case::one_more_port(json!({"type": "NodePort"}),
    json!({"type": "NodePort", "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}))]
#[case::from_external(json!({"type": "ExternalName", "externalName": "a.example", "selector": null, "ports": null}), json!({}))]
#[case::back_to_cluster(json!({"type": "NodePort"}), json!({"type": "ClusterIP"}))]
#[case::local_traffic(json!({"type": "NodePort"}), json!({"type": "NodePort", "externalTrafficPolicy": "Local"}))]
fn a_service_for_which_the_server_allocates_something_is_updated(
    #[case] first: Value,
    #[case] second: Value,
) {
    let namespace = TestCluster::get().namespace_named("t-target");
    lands(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![service(first)]),
        &[],
    );
    lands(
        &namespace,
        &ReleaseFile::new("shop", "2", vec![service(second)]),
        &[],
    );
}

#[test]
fn a_headless_service_that_would_get_an_address_is_refused_by_the_fields_name() {
    let namespace = TestCluster::get().namespace_named("t-target");
    lands(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![service(json!({"clusterIP": "None"}))]),
        &[],
    );
    let second = ReleaseFile::new("shop", "2", vec![service(json!({}))]);
    assert!(
        diff(&namespace, &second, "auto")
            .exits(1)
            .stdout
            .contains("/spec/clusterIP")
    );
    let refused = promote(&namespace, &second, &["-y"]).exits(2);
    assert!(
        refused.stderr.contains("immutable") && refused.stderr.contains("/spec/clusterIP"),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_the_control_plane_counts_on_a_daemon_set_is_no_drift() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let set = |image: &str| {
        let mut set = deployment("collector", image);
        set["kind"] = "DaemonSet".into();
        set["spec"].as_object_mut().unwrap().remove("replicas");
        set
    };
    lands(
        &namespace,
        &ReleaseFile::new("shop", "1", vec![set("web:1")]),
        &[],
    );
    lands(
        &namespace,
        &ReleaseFile::new("shop", "2", vec![set("web:2")]),
        &[],
    );
}

#[test]
fn a_bare_pod_is_in_sync_right_after_its_promotion() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "worker"},
        "spec": {"containers": [{"name": "main", "image": "web:1"}]}});
    lands(&namespace, &ReleaseFile::new("shop", "1", vec![pod]), &[]);
}

#[test]
fn what_the_server_fills_in_is_no_difference_whoever_made_the_object() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let name = namespace.name();
    let group = format!("{name}.example");
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things.{group}")}, "spec": {"group": group, "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"}, "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
                    "x-kubernetes-preserve-unknown-fields": true}}}}, "subresources": {"status": {}}}]}});
    let inner =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("{name}-inner")}});
    let objects = [inner, definition, service(json!({"type": "NodePort"}))];
    kubectl_apply(&namespace, &objects);
    let file = serde_json::to_string(&json!({"apiVersion": "v1", "kind": "List", "items": objects})).unwrap();
    let mut diff = TestCluster::get().delivery();
    let ran = diff.args(["diff", "-n", name, "-f", "-"]).run_with(&file);
    namespace
        .kubectl()
        .args(["delete", "--wait=false", "namespace", &format!("{name}-inner")])
        .run()
        .ok();
    namespace
        .kubectl()
        .args(["delete", "--wait=false", "crd", &format!("things.{group}")])
        .run()
        .ok();
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn the_rules_of_an_aggregated_role_are_its_controllers() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let name = namespace.name();
    let label = format!("{name}.example/aggregate");
    let role = |suffix: &str, more: Value| {
        let mut role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": format!("{name}-{suffix}")}});
        for (key, value) in more.as_object().unwrap() {
            role[key] = value.clone();
        }
        role
    };
    let selector = json!({"clusterRoleSelectors": [{"matchLabels": {&label: "true"}}]});
    let objects = |team: &str| {
        let mut roles = vec![
            role("all", json!({"aggregationRule": selector, "rules": []})),
            role("bare", json!({"aggregationRule": selector})),
            role(
                "part",
                json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
            ),
        ];
        for role in &mut roles {
            role["metadata"]["labels"] = json!({"team": team});
        }
        roles[2]["metadata"]["labels"][&label] = "true".into();
        roles
    };
    let rules = |suffix: &str| live(&namespace, &format!("clusterrole/{name}-{suffix}"))["rules"].clone();
    lands(&namespace, &ReleaseFile::new("shop", "1", objects("a")), &[]);
    assert!(crate::harness::until(10, || rules("all")
        .as_array()
        .is_some_and(|rules| rules.len() == 1)));
    lands(&namespace, &ReleaseFile::new("shop", "2", objects("b")), &[]);
    assert_eq!(
        rules("all").as_array().map(Vec::len),
        Some(1),
        "the controller's rules stay"
    );
    for suffix in ["all", "bare", "part"] {
        namespace
            .kubectl()
            .args(["delete", "clusterrole", &format!("{name}-{suffix}")])
            .run()
            .ok();
    }
}

#[test]
fn the_marks_of_an_installer_are_told_in_one_line_and_are_no_difference() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let mut marked = config("settings", json!({"a": "b"}));
    let notes =
        json!({"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": namespace.name()});
    marked["metadata"]["annotations"] = notes;
    marked["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "Helm"});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [marked]});
    let create = ["create", "--field-manager=helm", "-f", "-"];
    namespace.kubectl().args(create).run_with(&list.to_string()).ok();
    let release = ReleaseFile::new("shop", "1", vec![config("settings", json!({"a": "b"}))]);
    let ran = diff(&namespace, &release, "auto").exits(0);
    assert!(
        ran.stdout.contains("1 object is managed by Helm"),
        "{}",
        ran.stdout
    );

    lands(&namespace, &release, &["--adopt", "helm"]);
    let object = Object::new(live(&namespace, "configmap/settings")).unwrap();
    assert_eq!(
        (
            object.annotation("meta.helm.sh/release-name"),
            object.label("app.kubernetes.io/managed-by")
        ),
        (None, None)
    );
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
        json!({"hostNetwork": false, "nodeSelector": {}, "volumes": null}),
    );
    web["spec"]["minReadySeconds"] = 0.into();
    let container = &mut web["spec"]["template"]["spec"]["containers"][0];
    container["args"] = json!([]);
    container["env"] = json!([{"name": "A", "value": ""}]);
    let mut address = service(json!({"ports": [{"port": 80, "nodePort": null}]}));
    address["metadata"]["annotations"] = Value::Null;
    let objects = vec![
        address,
        policy(json!({"policyTypes": ["Ingress"]})),
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

#[test]
fn what_admission_writes_anew_at_each_request_is_no_drift_and_no_failed_restore() {
    let namespace = TestCluster::get().namespace_named("t-target");
    let stamp = Webhook::changing(&namespace, "deployments", |review| {
        let has_notes = review["request"]["object"]["metadata"]["annotations"].is_object();
        let now = jiff::Timestamp::now().to_string();
        let path = "/metadata/annotations";
        if has_notes {
            json!([{"op": "add", "path": format!("{path}/stamped-at"), "value": now}])
        } else {
            json!([{"op": "add", "path": path, "value": {"stamped-at": now}}])
        }
    });
    let create = ["create", "--dry-run=server", "-o", "yaml", "-f", "-"];
    let probe = deployment("probe", "web:1").to_string();
    stamp.wait(|| {
        namespace
            .kubectl()
            .args(create)
            .run_with(&probe)
            .ok()
            .contains("stamped-at")
    });
    let web = |replicas: u32| {
        let mut web = deployment("web", "web:1");
        web["spec"]["replicas"] = replicas.into();
        ReleaseFile::new("shop", &replicas.to_string(), vec![web])
    };
    promote(&namespace, &web(1), &["-y", "--settle", "0s"]).exits(0);
    in_sync(&namespace, &web(1), "auto");
    let second = promote(&namespace, &web(2), &["-y", "--settle", "0s"]).exits(0);
    assert!(
        second.stderr.contains("stamped-at") && second.stderr.contains("rewritten by admission"),
        "{}",
        second.stderr
    );
    in_sync(&namespace, &web(2), "auto");
    let mut view = TestCluster::get().delivery();
    let first = web(1);
    view.arg("diff")
        .arg(first.path())
        .args(["-n", namespace.name(), "-o", "json"]);
    let not_compared = view.run().json()["notCompared"].clone();
    let is_stamp = |one: &Value| {
        one["name"] == "web"
            && one["path"] == "/metadata/annotations/stamped-at"
            && one["reason"] == "admission"
    };
    assert!(
        not_compared.as_array().unwrap().iter().any(is_stamp),
        "{not_compared:#}"
    );
    TestCluster::get()
        .delivery()
        .args(["revert", "shop", "-n", namespace.name()])
        .run()
        .exits(0);
    assert_eq!(live(&namespace, "deployment/web")["spec"]["replicas"], 1);
}
