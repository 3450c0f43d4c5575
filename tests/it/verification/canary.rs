//! A kind that tells its new revision: pods of another one do not count.

use super::shop::{Shop, controlled_by, digest};
use crate::harness::{OwnCluster, Run, TestCluster};
use serde_json::json;

#[test]
fn a_canary_is_verified_by_the_pods_of_its_new_revision_alone() {
    // The group is one that others use, and a kind of it belongs to the whole cluster.
    let cluster = OwnCluster::start("canary");
    let mut shop = Shop::on(&cluster, "argoproj.io");
    // A registry that answers: it has no such image.
    shop.registry.clone_from(&TestCluster::get().registry);
    let workload = shop.create_workload(5);
    shop.pods("old", 4, "another", &controlled_by(&workload));
    shop.pods("new", 1, "tested", &controlled_by(&workload));

    let turn_to = |hash: &str| {
        let patch = json!({"status": {"currentPodHash": hash, "replicas": 5, "phase": "Healthy", "observedGeneration": "1"}}).to_string();
        let mut command = shop.namespace.kubectl();
        command.args(["patch", "rollouts.argoproj.io", "web", "--subresource=status"]);
        command.args(["--type=merge", "-p", &patch]).run().ok();
    };

    turn_to("new");
    let ran = shop.wait("20s").exits(0);
    assert!(
        ran.stderr
            .contains(": 1 object in sync, 1 of 1 images verified in 1 pod\n"),
        "{}",
        ran.stderr
    );

    turn_to("old");
    let ran = shop.wait("20s").exits(3);
    assert!(ran.stderr.contains(digest("another").short()), "{}", ran.stderr);

    // No pod is of this revision yet.
    turn_to("next");
    let ran = shop.wait("10s").exits(3);
    assert!(ran.stderr.contains("0 of 5 pods exist"), "{}", ran.stderr);
}
