//! `kubectl delivery version`, through kubectl as users run it.

use crate::harness::{Run, TestCluster, linked_as};

#[test]
fn kubectl_finds_the_plugin_and_it_tells_both_versions_to_an_administrator() {
    let cluster = TestCluster::get();
    let folder = tempfile::tempdir().unwrap();
    let ran = linked_as("kubectl-delivery", folder.path(), &cluster.tools)
        .env("KUBECONFIG", &cluster.kubeconfig)
        .args(["delivery", "version", "-o", "json"])
        .run()
        .exits(0)
        .json();
    assert_eq!(
        ran["clientVersion"]["gitVersion"],
        concat!("v", env!("CARGO_PKG_VERSION"))
    );
    let asked = cluster
        .kubectl()
        .args(["version", "-o", "json"])
        .run()
        .exits(0)
        .json();
    assert_eq!(
        ran["serverVersion"]["gitVersion"],
        asked["serverVersion"]["gitVersion"]
    );
    assert_eq!(ran["serverVersion"]["address"], cluster.server.as_str());
}

#[test]
fn a_user_without_any_rights_is_told_both_versions_too() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-version");
    let user = namespace.user("nobody").ready();
    let folder = tempfile::tempdir().unwrap();
    let ran = linked_as("kubectl-delivery", folder.path(), &cluster.tools)
        .env("KUBECONFIG", user.kubeconfig())
        .args(["delivery", "version"])
        .run()
        .ok();
    assert!(ran.contains("client: v") && ran.contains("server: v"), "{ran}");
}

#[test]
fn without_a_cluster_the_clients_version_is_told() {
    let cluster = TestCluster::get();
    let ran = crate::harness::delivery(&cluster.tools)
        .args(["version", "--client"])
        .run()
        .ok();
    assert!(ran.starts_with("client: v") && !ran.contains("server"), "{ran}");
}
