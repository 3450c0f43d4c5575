//! Everything that can be wrong before a promotion, at once: one list, and not one object is touched.

use super::support::{ReleaseFile, config, contents, deployment, kubectl_apply};
use crate::harness::{Namespace, Ran, Run, TestCluster, Webhook};
use serde_json::{Value, json};
use std::process::Command;

/// Objects that somebody else keeps, by what says so.
fn managed_by_others(namespace: &Namespace) -> Vec<Value> {
    let keepers = [
        (
            "set",
            json!({"applyset.kubernetes.io/part-of": "applyset-other-v1"}),
            json!({}),
        ),
        (
            "helm",
            json!({}),
            json!({"meta.helm.sh/release-name": "old-shop"}),
        ),
        (
            "argo",
            json!({}),
            json!({"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:x/argo"}),
        ),
        (
            "flux",
            json!({"kustomize.toolkit.fluxcd.io/name": "shop"}),
            json!({}),
        ),
    ];
    let keep = |(name, labels, annotations): (&str, Value, Value)| {
        let mut object = config(name, json!({"a": "1"}));
        object["metadata"]["labels"] = labels;
        object["metadata"]["annotations"] = annotations;
        namespace.apply(object);
        config(name, json!({"a": "1"}))
    };
    keepers.into_iter().map(keep).collect()
}

/// What is in the namespace, and a release that everything speaks against.
fn scene(namespace: &Namespace) -> ReleaseFile {
    let mut web = deployment("web", "web:1");
    kubectl_apply(namespace, &[web.clone(), config("edited", json!({"a": "1"}))]);
    web["spec"]["selector"]["matchLabels"]["tier"] = "x".into();
    web["spec"]["template"]["metadata"]["labels"]["tier"] = "x".into();
    namespace.quota(json!({"count/services": "0"}));
    namespace.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"user": "shop"}}));
    let mut reader = deployment("reader", "web:1");
    reader["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]);
    let mut objects = managed_by_others(namespace);
    objects.extend([
        web,
        reader,
        config("edited", json!({"a": "2"})),
        config("bad", json!({"forbidden": "x"})),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"clusterIP": "None", "selector": {"app": "web"}}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"}, "rules": []}),
    ]);
    ReleaseFile::new("shop", "1", objects)
}

fn run(command: &mut Command, words: &[&str], file: &std::path::Path) -> Ran {
    command.args(words).arg(file).run()
}

/// Signed by a key that the environment does not know, with a report of failed tests.
fn environment(release: &ReleaseFile, namespace: &Namespace) -> std::path::PathBuf {
    let (ours, theirs) = (
        rcgen::KeyPair::generate().unwrap(),
        rcgen::KeyPair::generate().unwrap(),
    );
    std::fs::write(release.sibling("ours.pub"), ours.public_key_pem()).unwrap();
    let key = release.sibling("theirs.key");
    std::fs::write(&key, theirs.serialize_pem()).unwrap();
    let report = release.sibling("report.xml");
    let failed =
        "<testsuite name='a' tests='1' failures='1'><testcase name='b'><failure/></testcase></testsuite>";
    std::fs::write(&report, failed).unwrap();
    let delivery = || TestCluster::get().delivery();
    let (key, report) = (key.to_str().unwrap(), format!("integration={}", report.display()));
    run(&mut delivery(), &["sign", "--key", key], &release.path()).ok();
    let attest = [
        "attest",
        "--evidence",
        &report,
        "--accept-failures",
        "known",
        "--key",
        key,
    ];
    run(&mut delivery(), &attest, &release.path()).ok();
    let environment = release.sibling("environment.yaml");
    let text = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment", "metadata": {"name": "production"},
        "spec": {"namespace": namespace.name(), "require": {"keys": ["ours.pub"], "evidence": ["integration"]}}});
    std::fs::write(&environment, text.to_string()).unwrap();
    environment
}

#[test]
fn all_that_speaks_against_a_promotion_is_said_in_one_list_and_not_one_object_is_touched() {
    let namespace = TestCluster::get().namespace_named("t-preflight");
    let release = scene(&namespace);
    let environment = environment(&release, &namespace);
    let hook = Webhook::denying(&namespace, ("", "configmaps"), |review| {
        review
            .pointer("/request/object/data/forbidden")
            .map(|_| "no forbidden keys here".into())
    });
    let probe = config("probe", json!({"forbidden": "x"})).to_string();
    hook.wait(|| {
        namespace
            .kubectl()
            .args(["create", "--dry-run=server", "-f", "-"])
            .run_with(&probe)
            .code
            != Some(0)
    });
    // Everything but to write Roles.
    let user = namespace
        .user("limited")
        .with_role("edit")
        .may(&["get", "list", "watch"], "rbac.authorization.k8s.io", &["roles"])
        .ready();
    let before = contents(&namespace);
    let mut command = TestCluster::get().delivery();
    command
        .env("KUBECONFIG", user.kubeconfig())
        .arg("promote")
        .arg(release.path())
        .arg("-y");
    let ran = command.arg("-e").arg(&environment).run().exits(2);
    let expected = [
        ("permissions", "roles"),
        ("quota", "small"),
        ("immutable", "spec.selector"),
        ("admission", "no forbidden keys here"),
        ("ownership", "--adopt kubectl-client-side-apply"),
        ("requirements", "password"),
        ("managed-by", "applyset-other-v1"),
        ("managed-by", "Helm (release old-shop)"),
        ("managed-by", "Argo CD"),
        ("managed-by", "Flux"),
        ("signature", "ours.pub"),
        ("evidence", "integration"),
    ];
    for (check, message) in expected {
        let found = ran
            .stderr
            .lines()
            .any(|line| line.contains(&format!("error [{check}]")));
        assert!(
            found && ran.stderr.contains(message),
            "no finding of {check} with {message}:\n{}",
            ran.stderr
        );
    }
    assert_eq!(
        contents(&namespace),
        before,
        "something was changed:\n{}",
        ran.stderr
    );
}
