//! What is missing: `--mode=server` says what the server would say of creating it, and a namespace that does not exist is
//! named once.

use super::*;
use serde_json::{Value, json};

/// A policy that denies ConfigMaps with a key in one namespace; it goes with this.
struct Policy(String);

impl Policy {
    fn denying(namespace: &Namespace) -> Self {
        let name = format!("deny-{namespace}");
        let api = "admissionregistration.k8s.io/v1";
        let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]});
        let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace.name()}});
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
                "matchConstraints": {"resourceRules": [rule]},
                "validations": [{"expression": "!('forbidden' in object.data)", "message": "no forbidden keys here"}]}},
            {"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": {
                "policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": selector}}}]});
        let mut apply = TestCluster::get().kubectl();
        apply.args(["apply", "-f", "-"]).run_with(&list.to_string()).ok();

        // A policy is enforced a moment after it is there.
        let probe = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe"}, "data": {"forbidden": "x"}});
        let denied = || {
            let mut create = namespace.kubectl();
            let create = create.args(["create", "--dry-run=server", "-f", "-"]);
            create.run_with(&probe.to_string()).code != Some(0)
        };
        assert!(crate::harness::until(20, denied), "the policy is not enforced");
        Self(name)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let kinds = "validatingadmissionpolicybinding,validatingadmissionpolicy";
        let mut delete = TestCluster::get().kubectl();
        delete.args(["delete", kinds, &self.0, "--wait=false"]).run();
    }
}

/// Why each object is missing, by its name.
fn reasons(ran: Ran) -> Vec<(String, Option<String>)> {
    let view = ran.exits(1).json();
    let objects = view["objects"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().map(String::from);
    objects
        .iter()
        .map(|object| {
            assert_eq!(object["status"], "missing", "{object}");
            (text(&object["name"]).unwrap(), text(&object["message"]))
        })
        .collect()
}

fn why<'r>(reasons: &'r [(String, Option<String>)], name: &str) -> Option<&'r str> {
    let (_, why) = reasons.iter().find(|(known, _)| known == name).unwrap();
    why.as_deref()
}

#[test]
fn what_the_server_would_refuse_to_create_is_said_by_mode_server() {
    let scene = Scene::new();
    let _policy = Policy::denying(&scene.namespace);
    scene.write(
        "apiVersion: v1
kind: ConfigMap
metadata: {name: good}
data: {allowed: x}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: denied}
data: {forbidden: x}
---
apiVersion: v1
kind: Service
metadata: {name: rejected}
spec: {ports: [{port: 99999}]}
",
    );

    let reasons_of = |mode: &str| reasons(scene.diff(&["-o", "json", "--mode", mode]));
    let found = reasons_of("server");
    assert_eq!(why(&found, "good"), Some("would be created"));
    let denied = why(&found, "denied").unwrap();
    assert!(
        denied.starts_with("denied by admission: ") && denied.ends_with("no forbidden keys here"),
        "{denied}"
    );
    let rejected = why(&found, "rejected").unwrap();
    assert!(
        rejected.starts_with("rejected by the API server: ") && rejected.contains("spec.ports[0].port"),
        "{rejected}"
    );

    // Nothing was asked, and nothing is known of an answer.
    let is_created = |why: &Option<String>| why.as_deref() == Some("would be created");
    assert!(reasons_of("auto").iter().all(|(_, why)| is_created(why)));
    let there = scene
        .namespace
        .kubectl()
        .args(["get", "configmap", "-o", "name"])
        .run();
    assert!(!there.ok().contains("good"));
}

#[test]
fn what_comes_with_the_release_cannot_be_dry_run_and_is_no_error() {
    let scene = Scene::new();
    let other = format!("{}-new", scene.namespace);
    let group = format!("{}.example", scene.namespace);
    scene.write(&format!(
        "apiVersion: v1
kind: Namespace
metadata: {{name: {other}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: inside, namespace: {other}}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: widgets.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: Widget, plural: widgets}}
  versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object}}}}}}]
---
apiVersion: {group}/v1
kind: Widget
metadata: {{name: widget}}
"
    ));

    let found = reasons(scene.diff(&["-o", "json", "--mode=server"]));
    let awaits = |what: &str| format!("not dry-run: its {what} is created by this release");
    assert_eq!(why(&found, "inside"), Some(&*awaits("namespace")));
    assert_eq!(why(&found, "widget"), Some(&*awaits("CustomResourceDefinition")));
    assert_eq!(why(&found, &other), Some("would be created"));
}

#[test]
fn a_namespace_that_does_not_exist_is_named_once_with_what_to_type() {
    let scene = Scene::new();
    let file = scene.write(SHOP);
    let missing = format!("{}-missing", scene.namespace);
    for mode in ["auto", "server"] {
        let mut diff = TestCluster::get().delivery();
        let diff = diff
            .args(["diff", "-n", &missing, "--mode", mode, "-f"])
            .arg(&file);
        let ran = diff.run().exits(1);

        let note =
            format!("namespace {missing} does not exist; to create it: kubectl create namespace {missing}");
        assert_eq!(ran.stdout.matches(&note).count(), 1, "{}", ran.stdout);
        assert_eq!(ran.stdout.matches("not exist").count(), 1, "{}", ran.stdout);
        assert!(!ran.stdout.contains("not found"), "{}", ran.stdout);
    }
}
