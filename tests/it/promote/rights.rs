//! Rights: whichever one is missing is found before anything is touched.

use super::support::{ReleaseFile, config, contents, deployment, job, kubectl_apply};
use crate::harness::{Namespace, Run, TestCluster, User, blocking};
use kubectl_delivery::testing::cluster::AccessReview;
use kubectl_delivery::testing::model::finding::Comparison;
use kubectl_delivery::testing::model::plan::Plan;
use kubectl_delivery::testing::model::preflight::Permission;
use kubectl_delivery::testing::model::verb::Verb;
use kubectl_delivery::testing::preflight::questions;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Gives the user these rights and no others, and waits until the server knows it.
fn grant(namespace: &Namespace, user: &User<'_>, rights: &[&Permission], missing: Option<&Permission>) {
    let rule = |right: &&Permission| {
        let resource = match &*right.subresource {
            "" => right.resource.clone(),
            sub => format!("{}/{sub}", right.resource),
        };
        json!({"verbs": [right.verb.as_str()], "apiGroups": [right.group], "resources": [resource]})
    };
    let rules: Vec<Value> = rights.iter().map(rule).collect();
    namespace.apply(
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "limited"}, "rules": rules}),
    );
    blocking(async {
        let client = TestCluster::get().connect_with(&user.kubeconfig()).await;
        let start = Instant::now();
        let settled = async |right: &Permission, wanted: bool| {
            let review = AccessReview {
                verb: right.verb.to_string(),
                group: right.group.clone(),
                resource: right.resource.clone(),
                subresource: right.subresource.clone(),
                namespace: right.namespace.clone(),
                name: String::new(),
            };
            while client.may(&review).await.unwrap() != wanted {
                assert!(
                    start.elapsed() < Duration::from_secs(20),
                    "the server does not take {right:?} over"
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        for right in rights {
            settled(right, true).await;
        }
        if let Some(right) = missing {
            settled(right, false).await;
        }
    });
}

fn fixture(namespace: &Namespace) -> ReleaseFile {
    let before = [
        deployment("web", "web:1"),
        job("once", "x:1"),
        config("a", json!({"a": "1"})),
    ];
    kubectl_apply(namespace, &before);
    let after = vec![
        deployment("web", "web:2"),
        job("once", "x:2"),
        config("a", json!({"a": "2"})),
        config("new", json!({})),
    ];
    ReleaseFile::new("shop", "2", after)
}

fn as_user(
    user: &User<'_>,
    namespace: &Namespace,
    release: &ReleaseFile,
    flags: &[&str],
) -> crate::harness::Ran {
    let mut command = TestCluster::get().delivery();
    command.env("KUBECONFIG", user.kubeconfig());
    command
        .arg("promote")
        .arg(release.path())
        .args(["-n", namespace.name(), "--adopt", "kubectl"])
        .args(flags)
        .run()
}

fn bind(namespace: &Namespace) {
    namespace.apply(
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "limited"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "limited"},
        "subjects": [{"kind": "ServiceAccount", "name": "limited", "namespace": namespace.name()}]}),
    );
}

#[test]
fn each_single_right_that_is_missing_is_found_by_its_name_before_anything_is_touched() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-rights");
    let release = fixture(&namespace);
    let mut plan = cluster.delivery();
    plan.arg("promote").arg(release.path()).args([
        "-n",
        namespace.name(),
        "--adopt",
        "kubectl",
        "--dry-run=server",
        "-o",
        "json",
    ]);
    let plan: Plan = serde_json::from_value(plan.run().exits(0).json()).unwrap();
    let needed = questions(&plan, &Comparison::default(), &[]).rights;
    let reads = |resource: &str, group: &str| Permission {
        group: group.into(),
        resource: resource.into(),
        subresource: String::new(),
        namespace: Some(namespace.name().into()),
        verb: Verb::List,
    };
    let reads = [
        reads("horizontalpodautoscalers", "autoscaling"),
        reads("resourcequotas", ""),
    ];
    let mut all: Vec<&Permission> = needed.keys().collect();
    all.extend(reads.iter().filter(|right| !needed.contains_key(*right)));
    let user = namespace.user("limited").ready();
    bind(&namespace);
    grant(&namespace, &user, &all, None);
    as_user(&user, &namespace, &release, &["--dry-run=server"]).exits(0);
    let before = contents(&namespace);
    let mut tried = 0;
    for (right, need) in needed.iter().filter(|(_, need)| !need.optional) {
        let rest: Vec<&Permission> = all.iter().copied().filter(|other| *other != right).collect();
        grant(&namespace, &user, &rest, Some(right));
        println!("without {} {} ({})", right.verb, right.resource, need.purpose);
        let ran = as_user(&user, &namespace, &release, &["-y"]).exits(2);
        let finding = ran.stderr.lines().find(|line| {
            // What may not be read cannot be planned either: said as such.
            (line.contains("error [permissions]") || line.contains("error [unreadable]"))
                && line.contains(right.verb.as_str())
                && line.contains(&right.resource)
        });
        assert!(
            finding.is_some(),
            "without {} {} ({}):\n{}",
            right.verb,
            right.resource,
            need.purpose,
            ran.stderr
        );
        let unchanged = |contents: std::collections::BTreeMap<String, String>| {
            contents
                .into_iter()
                .filter(|(id, _)| !id.starts_with("Role "))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            unchanged(contents(&namespace)),
            unchanged(before.clone()),
            "without {} {}",
            right.verb,
            right.resource
        );
        tried += 1;
    }
    println!("tried {tried} missing rights");
    assert!(tried >= 25, "only {tried} rights were tried");
}

/// The Role of docs/permissions.md, as it stands there.
fn documented_role() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/permissions.md");
    let text = std::fs::read_to_string(path).unwrap();
    let yaml = text
        .split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    serde_yaml::from_str(yaml).unwrap()
}

#[test]
fn a_promotion_and_its_revert_run_under_exactly_the_documented_role() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-rights");
    let release = fixture(&namespace);
    let user = namespace.user("limited").ready();
    bind(&namespace);
    let mut role = documented_role();
    role["metadata"]["name"] = "limited".into();
    namespace.apply(role);
    let start = Instant::now();
    let settled = || as_user(&user, &namespace, &release, &["--dry-run=server"]).code == Some(0);
    while !settled() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{}",
            as_user(&user, &namespace, &release, &["--dry-run=server"]).stderr
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    as_user(&user, &namespace, &release, &["-y", "--settle", "1s"]).exits(0);
    assert_eq!(namespace.get("", "ConfigMap", "a").unwrap().text("/data/a"), "2");
    let mut revert = cluster.delivery();
    revert
        .env("KUBECONFIG", user.kubeconfig())
        .args(["revert", "shop", "-y", "-n", namespace.name()])
        .run()
        .exits(0);
    assert_eq!(namespace.get("", "ConfigMap", "a").unwrap().text("/data/a"), "1");
    assert!(namespace.get("", "ConfigMap", "new").is_none());
}
