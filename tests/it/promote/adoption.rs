//! First promotions onto what Helm, kapp or a person wrote.

use super::support::{ReleaseFile, config, deployment, promote};
use crate::execute::snapshot::copy_shared;
use crate::harness::{Namespace, Run, TestCluster, blocking};
use rstest::rstest;
use serde_json::{Value, json};

fn create(namespace: &Namespace, manager: &str, objects: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let manager = format!("--field-manager={manager}");
    namespace
        .kubectl()
        .args(["create", &manager, "-f", "-"])
        .run_with(&list)
        .ok();
}

#[rstest]
fn what_helm_or_kapp_installed_is_adopted_by_its_name_and_a_revert_gives_it_back(
    #[values("helm", "kapp")] manager: &str,
) {
    let namespace = TestCluster::get().namespace_named("t-adopt");
    let mut old = deployment("web", "web:1");
    let containers = old["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap();
    containers.push(json!({"name": "sidecar", "image": "side:1"}));
    let objects = [old, config("a", json!({"keep": "1", "gone": "1"}))];
    create(&namespace, manager, &objects);
    let before = blocking(copy_shared(namespace.name(), &objects));
    let new = vec![deployment("web", "web:2"), config("a", json!({"keep": "1"}))];
    let release = ReleaseFile::new("shop", "1", new);
    let refused = promote(&namespace, &release, &["-y"]).exits(2);
    assert!(
        refused.stderr.contains(&format!("--adopt {manager}")),
        "{}",
        refused.stderr
    );
    blocking(copy_shared(namespace.name(), &objects)).must_be(&before, "refused");
    promote(
        &namespace,
        &release,
        &["-y", "--settle", "0s", "--adopt", manager],
    )
    .exits(0);
    let web = namespace.get("apps", "Deployment", "web").unwrap();
    assert_eq!(
        web.at("/spec/template/spec/containers")
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        namespace.get("", "ConfigMap", "a").unwrap().at("/data"),
        Some(&json!({"keep": "1"}))
    );
    TestCluster::get()
        .delivery()
        .args(["revert", "shop", "-y", "-n", namespace.name()])
        .run()
        .exits(0);
    blocking(copy_shared(namespace.name(), &objects)).must_be(&before, "reverted");
}

#[test]
fn a_persons_edit_is_refused_with_who_and_when_until_it_may_be_overwritten() {
    let namespace = TestCluster::get().namespace_named("t-adopt");
    let first = ReleaseFile::new("shop", "1", vec![config("a", json!({"a": "1"}))]);
    promote(&namespace, &first, &["-y"]).exits(0);
    let patch = json!({"data": {"a": "by hand"}}).to_string();
    namespace
        .kubectl()
        .args([
            "patch",
            "configmap",
            "a",
            "--field-manager=kubectl-edit",
            "-p",
            &patch,
        ])
        .run()
        .ok();
    let edited = [config("a", Value::Null)];
    let before = blocking(copy_shared(namespace.name(), &edited));
    let second = ReleaseFile::new("shop", "2", vec![config("a", json!({"a": "2"}))]);
    let refused = promote(&namespace, &second, &["-y"]).exits(2);
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    for message in ["kubectl-edit", "/data/a", &today, "--overwrite"] {
        assert!(
            refused.stderr.contains(message),
            "nothing said of {message}:\n{}",
            refused.stderr
        );
    }
    blocking(copy_shared(namespace.name(), &edited)).must_be(&before, "refused");
    promote(&namespace, &second, &["-y", "--overwrite"]).exits(0);
    assert_eq!(
        namespace.get("", "ConfigMap", "a").unwrap().at("/data"),
        Some(&json!({"a": "2"}))
    );
}

#[test]
fn after_an_annotation_by_hand_was_overwritten_the_next_release_may_bring_one_of_its_own() {
    let namespace = TestCluster::get().namespace_named("t-adopt");
    let first = ReleaseFile::new("shop", "1", vec![config("a", json!({"a": "1"}))]);
    promote(&namespace, &first, &["-y"]).exits(0);
    let patch = json!({"metadata": {"annotations": {"by-hand": "yes"}}}).to_string();
    let manual = [
        "patch",
        "configmap",
        "a",
        "--field-manager=kubectl-edit",
        "--type=merge",
        "-p",
        &patch,
    ];
    namespace.kubectl().args(manual).run().ok();
    promote(&namespace, &first, &["-y", "--overwrite"]).exits(0);

    // The hand's entry is left with an empty map: of another annotation it says nothing.
    let mut next = config("a", json!({"a": "1"}));
    next["metadata"]["annotations"] = json!({"ours": "2"});
    promote(&namespace, &ReleaseFile::new("shop", "2", vec![next]), &["-y"]).exits(0);
    let live = namespace.get("", "ConfigMap", "a").unwrap();
    assert_eq!(live.at("/metadata/annotations"), Some(&json!({"ours": "2"})));
}

#[test]
fn a_map_by_hand_goes_as_a_whole_though_the_hand_set_several_fields_of_it() {
    let namespace = TestCluster::get().namespace_named("t-adopt");
    let release = ReleaseFile::new("shop", "1", vec![deployment("web", "web:1")]);
    promote(&namespace, &release, &["-y", "--settle", "0s"]).exits(0);
    let set = json!({"readOnlyRootFilesystem": false, "seccompProfile": {"type": "Unconfined"}});
    let containers = json!([{"name": "main", "securityContext": set}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}}).to_string();
    let manual = [
        "patch",
        "deployment",
        "web",
        "--field-manager=kubectl-edit",
        "-p",
        &patch,
    ];
    namespace.kubectl().args(manual).run().ok();
    promote(&namespace, &release, &["-y", "--settle", "0s", "--overwrite"]).exits(0);

    let web = namespace.get("apps", "Deployment", "web").unwrap();
    let container = web.at("/spec/template/spec/containers/0").unwrap();
    assert_eq!(
        container.get("securityContext"),
        None,
        "a fresh object has none, not an empty one"
    );
    promote(&namespace, &release, &["-y", "--mode", "server"]).exits(0);
}

/// The server counts up an annotation of it with each new template.
#[test]
fn a_daemon_set_that_kubectl_applied_is_given_back_to_kubectl_with_all_its_fields() {
    let namespace = TestCluster::get().namespace_named("t-adopt");
    let mut old = deployment("agent", "web:1");
    old["kind"] = json!("DaemonSet");
    old["spec"].as_object_mut().unwrap().shift_remove("replicas");
    namespace
        .kubectl()
        .args(["apply", "-f", "-"])
        .run_with(&old.to_string())
        .ok();
    let owners = || {
        let live = namespace.get("apps", "DaemonSet", "agent").unwrap();
        let is_kubectls = |entry: &&Value| entry["manager"] == "kubectl-client-side-apply";
        live.managed_fields()
            .iter()
            .find(is_kubectls)
            .map(|entry| entry["fieldsV1"].clone())
    };
    let before = owners();
    let counted = "/f:metadata/f:annotations/f:deprecated.daemonset.template.generation";
    assert!(
        before
            .as_ref()
            .is_some_and(|fields| fields.pointer(counted).is_some()),
        "{before:?}"
    );
    let mut new = old.clone();
    new["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:2");
    let release = ReleaseFile::new("shop", "1", vec![new]);
    promote(
        &namespace,
        &release,
        &["-y", "--settle", "0s", "--adopt", "kubectl"],
    )
    .exits(0);
    TestCluster::get()
        .delivery()
        .args(["revert", "shop", "-y", "-n", namespace.name()])
        .run()
        .exits(0);
    assert_eq!(owners(), before);
}
