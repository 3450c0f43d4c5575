//! The preflight finds everything first, says it at once, and nothing is changed.

use super::support::{ReleaseFile, config, contents, deployment, job, kubectl_apply, promote};
use crate::harness::{Namespace, Ran, Run, TestCluster};
use serde_json::json;
use std::time::Duration;

/// Promotes with `-y`; refused with these checks, and the namespace is as it was.
fn refused(namespace: &Namespace, release: &ReleaseFile, flags: &[&str], checks: &[&str]) -> Ran {
    let before = contents(namespace);
    let ran = promote(namespace, release, &[&["-y"], flags].concat()).exits(2);
    for check in checks {
        assert!(
            ran.stderr.contains(&format!("error [{check}]")),
            "no finding of {check}:\n{}",
            ran.stderr
        );
    }
    assert_eq!(
        contents(namespace),
        before,
        "something was changed:\n{}",
        ran.stderr
    );
    ran
}

#[test]
fn everything_that_is_wrong_is_said_in_one_list_and_nothing_is_changed() {
    let namespace = TestCluster::get().namespace_named("t-preflight");
    let mut web = deployment("web", "web:1");
    kubectl_apply(&namespace, &[web.clone(), config("edited", json!({"a": "1"}))]);
    namespace
        .kubectl()
        .args(["set", "env", "deployment/web", "EXTRA=1"])
        .run()
        .ok();
    web["spec"]["selector"]["matchLabels"]["tier"] = "x".into();
    web["spec"]["template"]["metadata"]["labels"]["tier"] = "x".into();
    namespace.quota(json!({"requests.cpu": "150m"}));
    let mut greedy = deployment("greedy", "web:1");
    greedy["spec"]["replicas"] = 3.into();
    greedy["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "10m".into();
    let mut lonely = deployment("lonely", "web:1");
    lonely["spec"]["template"]["spec"]["serviceAccountName"] = "nobody".into();
    let release = ReleaseFile::new(
        "shop",
        "1",
        vec![web, greedy, lonely, config("edited", json!({"a": "2"}))],
    );
    let ran = refused(
        &namespace,
        &release,
        &[],
        &["ownership", "immutable", "pods", "quota"],
    );
    for message in [
        "spec.selector",
        "set by kubectl-client-side-apply",
        "--adopt kubectl-client-side-apply",
        "nobody",
    ] {
        assert!(
            ran.stderr.contains(message),
            "nothing said of {message}:\n{}",
            ran.stderr
        );
    }
}

#[test]
fn objects_that_others_keep_are_refused_by_the_name_of_their_keeper() {
    let namespace = TestCluster::get().namespace_named("t-preflight");
    let retained = |name: &str, labels: serde_json::Value, annotations: serde_json::Value| {
        let mut object = config(name, json!({"a": "1"}));
        object["metadata"]["labels"] = labels;
        object["metadata"]["annotations"] = annotations;
        namespace.apply(object);
    };
    retained(
        "set",
        json!({"applyset.kubernetes.io/part-of": "applyset-other-v1"}),
        json!({}),
    );
    retained(
        "helm",
        json!({}),
        json!({"meta.helm.sh/release-name": "old-shop"}),
    );
    retained(
        "argo",
        json!({}),
        json!({"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:x/argo"}),
    );
    retained(
        "flux",
        json!({"kustomize.toolkit.fluxcd.io/name": "shop"}),
        json!({}),
    );
    let objects = ["set", "helm", "argo", "flux"].map(|name| config(name, json!({"a": "1"})));
    let release = ReleaseFile::new("shop", "1", objects.to_vec());
    let ran = refused(&namespace, &release, &[], &["managed-by"]);
    for message in [
        "applyset-other-v1",
        "Helm (release old-shop)",
        "Argo CD",
        "Flux",
        "kubectl delivery wait",
        "kubectl delivery render",
    ] {
        assert!(
            ran.stderr.contains(message),
            "nothing said of {message}:\n{}",
            ran.stderr
        );
    }
    assert_eq!(
        ran.stderr.matches("error [managed-by]").count(),
        4,
        "{}",
        ran.stderr
    );
}

#[test]
fn a_policy_that_denies_an_object_or_its_pods_refuses_the_promotion() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-preflight");
    namespace
        .kubectl()
        .args([
            "label",
            "namespace",
            namespace.name(),
            "pod-security.kubernetes.io/enforce=restricted",
        ])
        .run()
        .ok();
    let name = format!("deny-{}", namespace.name());
    let policy = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}]},
            "validations": [{"expression": "!('forbidden' in object.data)", "message": "no forbidden keys here"}]}},
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": {
            "policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name()}}}}}]});
    cluster
        .kubectl()
        .args(["apply", "-f", "-"])
        .run_with(&policy.to_string())
        .ok();
    let _gone_at_the_end = Policy(&name);
    // A policy is enforced a moment after it is there.
    let probe = config("probe", json!({"forbidden": "x"})).to_string();
    let denied = || {
        namespace
            .kubectl()
            .args(["create", "--dry-run=server", "-f", "-"])
            .run_with(&probe)
            .code
            != Some(0)
    };
    assert!((0..100).any(|_| denied() || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        false
    }));
    let release = ReleaseFile::new(
        "shop",
        "1",
        vec![config("a", json!({"forbidden": "x"})), deployment("web", "web:1")],
    );
    let ran = refused(&namespace, &release, &[], &["admission", "pods"]);
    assert!(
        ran.stderr.contains("no forbidden keys here") && ran.stderr.contains("PodSecurity"),
        "{}",
        ran.stderr
    );
}

struct Policy<'a>(&'a str);

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy"] {
            TestCluster::get()
                .kubectl()
                .args(["delete", kind, self.0, "--ignore-not-found"])
                .run();
        }
    }
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_promoted() {
    let namespace = TestCluster::get().namespace_named("t-preflight");
    let release = ReleaseFile::new("shop", "1", vec![config("a", json!({"a": "1"}))]);
    let before = contents(&namespace);
    let ran = promote(&namespace, &release, &[]).exits(1);
    let error = "error: cannot ask for confirmation without a terminal; nothing was changed\n";
    assert!(ran.stderr.contains(error), "{}", ran.stderr);
    assert_eq!(contents(&namespace), before);
}

#[test]
fn a_dry_run_shows_the_plan_and_changes_nothing() {
    let namespace = TestCluster::get().namespace_named("t-preflight");
    let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"password": "aHVudGVyMg=="}});
    secret["metadata"]["namespace"] = namespace.name().into();
    let objects = vec![
        deployment("web", "web:1"),
        config("a", json!({"a": "1"})),
        secret,
        job("once", "x:1"),
    ];
    let release = ReleaseFile::new("shop", "1", objects);
    let before = contents(&namespace);
    let plan = promote(&namespace, &release, &["--dry-run=server", "-o", "json"]).exits(0);
    assert!(!plan.stdout.contains("aHVudGVyMg") && !plan.stderr.contains("aHVudGVyMg"));
    let plan = plan.json();
    let order: Vec<_> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["target"]["name"].clone())
        .collect();
    assert_eq!(order.len(), 4);
    let at = |name: &str| order.iter().position(|found| found == name).unwrap();
    assert!(at("a") < at("web") && at("db") < at("web"), "{order:?}");
    assert_eq!(contents(&namespace), before);
}

#[test]
fn a_written_plan_is_refused_once_the_cluster_has_moved() {
    let namespace = TestCluster::get().namespace_named("t-preflight");
    namespace.apply(config("a", json!({"a": "0"})));
    let release = ReleaseFile::new(
        "shop",
        "1",
        vec![config("a", json!({"a": "1"})), config("b", json!({"a": "1"}))],
    );
    let written = promote(
        &namespace,
        &release,
        &["--dry-run=server", "-o", "json", "--adopt", "test"],
    )
    .ok();
    let file = release.sibling("plan.json");
    std::fs::write(&file, written).unwrap();
    let plan = file.to_str().unwrap();
    // As it was approved, it is only a question of asking.
    promote(
        &namespace,
        &release,
        &["--plan", plan, "--adopt", "test", "--dry-run=server"],
    )
    .exits(0);
    namespace
        .kubectl()
        .args(["annotate", "configmap", "a", "note=moved"])
        .run()
        .ok();
    let ran = refused(&namespace, &release, &["--plan", plan, "--adopt", "test"], &[]);
    assert!(
        ran.stderr.contains("the cluster changed since the plan was made") && ran.stderr.contains("/a"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_plan_that_says_that_it_is_old_brings_no_expired_rule_back() {
    let namespace = TestCluster::get().namespace_named("t-preflight");
    let release = ReleaseFile::new("shop", "1", vec![config("a", json!({"A": "1"}))]);
    let yesterday = (jiff::Timestamp::now() - Duration::from_secs(86_400))
        .strftime("%Y-%m-%d")
        .to_string();
    let here = config("a", json!({"A": "2"})).to_string();
    std::fs::write(release.sibling("here.yaml"), here).unwrap();
    let environment = release.sibling("e.yaml");
    let rule = |expires: &str| {
        let text = format!(
            "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Environment\nmetadata: {{name: e}}\nspec:\n  manifests: {{files: [here.yaml]}}\n  differences:\n  - target: {{kind: ConfigMap}}\n    path: /data/A\n    reason: r\n    expires: {expires}\n"
        );
        std::fs::write(&environment, text).unwrap();
    };
    let with = ["-e", environment.to_str().unwrap()];
    rule("2999-01-01");
    let written = promote(
        &namespace,
        &release,
        &[&["--dry-run=server", "-o", "json"], &with[..]].concat(),
    );
    let mut plan = written.exits(0).json();
    plan["createdAt"] = "2020-01-01T00:00:00Z".into();
    let file = release.sibling("plan.json");
    std::fs::write(&file, plan.to_string()).unwrap();
    rule(&yesterday);
    let flags = [&["--plan", file.to_str().unwrap()], &with[..]].concat();
    let ran = refused(&namespace, &release, &flags, &["untested"]);
    assert!(ran.stderr.contains("has expired"), "{}", ran.stderr);
}

#[test]
fn an_image_that_its_registry_does_not_have_refuses_and_one_that_nobody_answers_for_does_not() {
    let namespace = TestCluster::get().namespace_named("t-preflight");
    let absent = format!("{}/shop/web:never-pushed", TestCluster::get().registry);
    let release = ReleaseFile::new(
        "shop",
        "1",
        vec![deployment("web", &absent), deployment("api", "127.0.0.1:9/api:1")],
    );
    let ran = refused(&namespace, &release, &[], &["images"]);
    assert!(
        ran.stderr.contains(&format!(
            "Deployment {namespace}/web: {absent} does not exist in its registry"
        )),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr
            .contains("api: not looked up: 127.0.0.1:9/api:1: cannot reach 127.0.0.1:9: connection refused"),
        "{}",
        ran.stderr
    );
    promote(&namespace, &release, &["--dry-run=server", "--waive", "images"]).exits(1);
    let waived = format!("images={absent}");
    let ran = promote(
        &namespace,
        &release,
        &["--dry-run=server", "--waive", &waived, "--reason", "preloaded"],
    );
    assert!(ran.exits(0).stderr.contains("waived [images]"));
    let other = format!("images={absent}-other");
    let ran = promote(&namespace, &release, &["--dry-run=server", "--waive", &other]).exits(2);
    assert!(
        ran.stderr
            .contains(&format!("--waive {other} matches no finding")),
        "{}",
        ran.stderr
    );
}
