//! What controllers write into objects of a release is theirs: no drift, in no promotion's way, and not adopted with the
//! rest of their fields. Their managers' names stand in for them here.

use super::support::{ReleaseFile, config, promote};
use super::target::{diff, in_sync, lands, live, service};
use crate::harness::{Namespace, Run, TestCluster};
use serde_json::{Value, json};

const ROLLOUTS: &str = "rollouts-controller";

/// Writes into an object as a controller of that name does.
fn write(namespace: &Namespace, manager: &str, object: &str, patch: &Value) {
    let manager = format!("--field-manager={manager}");
    let patch = patch.to_string();
    let words = ["patch", object, &manager, "--type=merge", "-p", &patch];
    namespace.kubectl().args(words).run().ok();
}

/// Serves Rollouts, for this and later tests: the definition stays, as an installation's does.
fn serve_rollouts(namespace: &Namespace) {
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "rollouts.argoproj.io"}, "spec": {"group": "argoproj.io", "scope": "Namespaced",
            "names": {"kind": "Rollout", "plural": "rollouts"}, "versions": [{"name": "v1alpha1", "served": true,
                "storage": true, "subresources": {"status": {}}, "schema": {"openAPIV3Schema": {"type": "object",
                    "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}]}});
    let create = namespace
        .kubectl()
        .args(["create", "-f", "-"])
        .run_with(&definition.to_string());
    assert!(
        create.code == Some(0) || create.stderr.contains("AlreadyExists"),
        "{create:?}"
    );
    let wait = [
        "wait",
        "--for=condition=Established",
        "--timeout=20s",
        "crd/rollouts.argoproj.io",
    ];
    namespace.kubectl().args(wait).run().ok();
}

/// A Rollout that nothing waits for: no controller runs here.
fn rollout(image: &str) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "web", "annotations": {"kubectl-delivery.io/wait": "false"}},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "strategy": {"canary": {}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": image}]}}}})
}

fn revision(namespace: &Namespace) -> Value {
    live(namespace, "rollouts.argoproj.io/web")["metadata"]["annotations"]["rollout.argoproj.io/revision"]
        .clone()
}

fn counted(revision: &str) -> Value {
    json!({"metadata": {"annotations": {"rollout.argoproj.io/revision": revision}}})
}

#[test]
fn the_revision_of_a_rollout_is_its_controllers_in_every_promotion_and_with_adopt() {
    let namespace = TestCluster::get().namespace_named("t-controllers");
    serve_rollouts(&namespace);
    let release = |version: &str| ReleaseFile::new("shop", version, vec![rollout(&format!("web:{version}"))]);
    let rollout = "rollouts.argoproj.io/web";

    lands(&namespace, &release("1"), &[]);
    write(&namespace, ROLLOUTS, rollout, &counted("1"));
    for mode in ["auto", "server", "readonly"] {
        in_sync(&namespace, &release("1"), mode);
    }

    // Without a flag: nothing of the controller's is in the way.
    lands(&namespace, &release("2"), &[]);
    assert_eq!(revision(&namespace), "1");

    write(&namespace, ROLLOUTS, rollout, &counted("2"));
    lands(&namespace, &release("3"), &["--adopt", ROLLOUTS]);
    assert_eq!(revision(&namespace), "2");

    // Any other field of the same manager is drift.
    write(&namespace, ROLLOUTS, rollout, &json!({"spec": {"paused": true}}));
    for mode in ["auto", "server", "readonly"] {
        let ran = diff(&namespace, &release("3"), mode).exits(1);
        assert!(ran.stdout.contains("/spec/paused"), "{mode}: {}", ran.stdout);
        assert!(
            !ran.stdout.contains("argoproj.io/revision"),
            "{mode}: {}",
            ran.stdout
        );
    }
    let refused = promote(&namespace, &release("3"), &["-y"]).exits(2);
    assert!(
        refused.stderr.contains("/spec/paused") && !refused.stderr.contains("argoproj.io/revision"),
        "{}",
        refused.stderr
    );
    lands(&namespace, &release("3"), &["--adopt", ROLLOUTS]);
    let after = live(&namespace, rollout);
    assert_eq!(
        (after["spec"].get("paused"), revision(&namespace)),
        (None, json!("2"))
    );

    TestCluster::get()
        .delivery()
        .args(["revert", "shop", "-y", "-n", namespace.name()])
        .run()
        .exits(0);
    assert_eq!(revision(&namespace), "2");
}

#[test]
fn the_revision_that_a_service_is_switched_to_stays_though_an_apply_replaces_its_selector() {
    let namespace = TestCluster::get().namespace_named("t-controllers");
    let release = |version: &str, port: u16| {
        let service = service(&json!({"ports": [{"port": port}]}));
        ReleaseFile::new("shop", version, vec![service])
    };
    let switch = |hash: &str| {
        let patch = json!({"metadata": {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "web"}},
            "spec": {"selector": {"rollouts-pod-template-hash": hash}}});
        write(&namespace, ROLLOUTS, "service/web", &patch);
    };
    let selector = || live(&namespace, "service/web")["spec"]["selector"].clone();
    let switched = |hash: &str| json!({"app": "web", "rollouts-pod-template-hash": hash});

    lands(&namespace, &release("1", 80), &[]);
    switch("a");
    for mode in ["auto", "server", "readonly"] {
        in_sync(&namespace, &release("1", 80), mode);
    }
    lands(&namespace, &release("2", 81), &[]);
    assert_eq!(selector(), switched("a"));

    // What was stored with the release is of that time.
    switch("b");
    let promoted = TestCluster::get()
        .delivery()
        .args(["diff", "-n", namespace.name()])
        .run()
        .exits(0);
    assert!(promoted.stdout.contains("no differences"), "{}", promoted.stdout);
    lands(&namespace, &release("3", 82), &["--adopt", ROLLOUTS]);
    assert_eq!(selector(), switched("b"));

    // Without the controller's mark it is somebody's selector like any other.
    let unmanaged =
        json!({"metadata": {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": null}}});
    write(&namespace, ROLLOUTS, "service/web", &unmanaged);
    let ran = diff(&namespace, &release("3", 82), "auto").exits(1);
    assert!(
        ran.stdout.contains("rollouts-pod-template-hash"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_a_cloud_controller_notes_on_a_service_stays_and_what_else_it_writes_is_drift() {
    let namespace = TestCluster::get().namespace_named("t-controllers");
    let release = ReleaseFile::new("shop", "1", vec![service(&json!({}))]);
    lands(&namespace, &release, &[]);
    let notes = json!({"metadata": {"annotations": {"cloud.google.com/neg-status": "{}"}}});
    write(&namespace, "glbc", "service/web", &notes);
    lands(&namespace, &release, &["--adopt", "glbc"]);

    write(
        &namespace,
        "glbc",
        "service/web",
        &json!({"metadata": {"annotations": {"cloud.google.com/other": "x"}}}),
    );
    let ran = diff(&namespace, &release, "auto").exits(1);
    assert!(ran.stdout.contains("cloud.google.com~1other"), "{}", ran.stdout);
    lands(&namespace, &release, &["--adopt", "glbc"]);
    let annotations = live(&namespace, "service/web")["metadata"]["annotations"].clone();
    assert_eq!(annotations, json!({"cloud.google.com/neg-status": "{}"}));
}

#[test]
fn a_certificate_authority_that_is_injected_over_a_placeholder_stays() {
    let namespace = TestCluster::get().namespace_named("t-controllers");
    let name = format!("{}.example", namespace.name());
    let hook = |label: &str| {
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name, "labels": {"version": label},
                "annotations": {"cert-manager.io/inject-ca-from": "shop/web", "kubectl-delivery.io/wait": "false"}},
            "webhooks": [{"name": format!("a.{name}"), "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "failurePolicy": "Ignore",
                "clientConfig": {"caBundle": "Cg==", "service": {"name": "none", "namespace": namespace.name()}},
                "rules": [{"apiGroups": [name], "apiVersions": ["v1"], "resources": ["nothing"], "operations": ["CREATE"]}]}]})
    };
    let release = |version: &str| ReleaseFile::new("shop", version, vec![hook(version)]);
    lands(&namespace, &release("1"), &[]);
    let object = format!("validatingwebhookconfiguration/{name}");
    let mut injected = live(&namespace, &object)["webhooks"].clone();
    injected[0]["clientConfig"]["caBundle"] = "LS0t".into();
    write(
        &namespace,
        "cert-manager-cainjector",
        &object,
        &json!({"webhooks": injected}),
    );
    for mode in ["auto", "server", "readonly"] {
        in_sync(&namespace, &release("1"), mode);
    }
    lands(&namespace, &release("2"), &[]);
    let bundle = live(&namespace, &object)["webhooks"][0]["clientConfig"]["caBundle"].clone();
    namespace.kubectl().args(["delete", &object]).run().ok();
    assert_eq!(bundle, "LS0t");
}

#[test]
fn the_marks_of_kapp_stay_in_a_promotion_that_does_not_adopt_and_go_with_one_that_does() {
    let namespace = TestCluster::get().namespace_named("t-controllers");
    let mut marked = config("settings", json!({"a": "b"}));
    marked["metadata"]["labels"] = json!({"kapp.k14s.io/app": "1", "kapp.k14s.io/association": "v1.x"});
    marked["metadata"]["annotations"] = json!({"kapp.k14s.io/identity": "v1;shop//ConfigMap/settings;v1"});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [marked]});
    let create = ["create", "--field-manager=kapp", "-f", "-"];
    namespace.kubectl().args(create).run_with(&list.to_string()).ok();

    let release = |data: Value| ReleaseFile::new("shop", "1", vec![config("settings", data)]);
    let marks = || {
        let metadata = live(&namespace, "configmap/settings")["metadata"].clone();
        let is_kapps = |map: &str| {
            let keys = metadata[map].as_object().into_iter().flatten();
            keys.filter(|(key, _)| key.starts_with("kapp.k14s.io/")).count()
        };
        (is_kapps("labels"), is_kapps("annotations"))
    };

    lands(&namespace, &release(json!({"a": "b", "c": "d"})), &[]);
    assert_eq!(marks(), (2, 1));
    let outcome = diff(&namespace, &release(json!({"a": "b", "c": "d"})), "auto").exits(0);
    assert!(
        outcome.stdout.contains("1 object is managed by kapp"),
        "{}",
        outcome.stdout
    );

    lands(
        &namespace,
        &release(json!({"a": "b", "c": "d"})),
        &["--adopt", "kapp"],
    );
    assert_eq!(marks(), (0, 0));
}
