//! What cannot move is refused before anything is touched, with what to type.

use super::{Split, cart, own, whole, with_cart};
use crate::execute::app::{map, workload};
use crate::harness::{Ran, Run};
use kubectl_delivery::testing::model::moves::ReleaseRef;
use serde_json::json;

fn says(ran: &Ran, all: &[&str]) {
    for outcome in all {
        assert!(
            ran.stderr.contains(outcome),
            "nothing of {outcome:?}:\n{}",
            ran.stderr
        );
    }
}

#[test]
fn a_release_that_is_not_there_is_itself_or_has_nothing_to_move_is_refused() {
    let split = Split::new();
    let before = (split.copy(), split.inventory("shop"));
    let adopt = |objects: &[serde_json::Value], release: &str| {
        split
            .promote("web", "2", objects)
            .args(["--adopt", release])
            .run()
    };
    says(
        &adopt(&with_cart(), "release:nobody").exits(2),
        &["no release nobody in namespace"],
    );
    says(
        &adopt(&with_cart(), "release:").exits(1),
        &["release:[NAMESPACE/]NAME"],
    );
    says(
        &adopt(&with_cart(), "release:web").exits(1),
        &["another release than web itself"],
    );
    says(
        &adopt(&own(), "release:shop").exits(2),
        &["no object of this release is a member of release shop"],
    );
    // Without the flag they are another release's, by its name.
    let refused = split.promote("web", "2", &with_cart()).run().exits(2);
    says(&refused, &["belongs to release shop", "--adopt release:shop"]);
    split.copy().must_be(&before.0, "refused");
    assert_eq!(split.inventory("shop"), before.1);
}

#[test]
fn what_carries_the_label_alone_or_stands_in_the_inventory_alone_does_not_move() {
    let split = Split::new();
    let mut stranger = map("stranger", json!({"v": "1"}));
    let set = ReleaseRef::new(split.namespace.name(), "shop").set();
    stranger["metadata"]["labels"] = json!({"applyset.kubernetes.io/part-of": set});
    split.namespace.apply(stranger);
    let objects = [with_cart(), vec![map("stranger", json!({"v": "2"}))]].concat();
    let refused = split
        .promote("web", "2", &objects)
        .args(["--adopt", "release:shop"])
        .run()
        .exits(2);
    says(
        &refused,
        &[
            "ConfigMap",
            "stranger",
            "orphaned: has the label of release shop",
            "not in its inventory",
        ],
    );

    // Lines that somebody wrote into the inventory move nothing that does not carry the label.
    let other = map("theirs", json!({"v": "1"}));
    split.namespace.apply(other);
    let inventory = split.inventory("shop");
    let members = inventory["members"].as_str().unwrap();
    let namespace = split.namespace.name();
    let members = format!("{members}v1 configmaps ConfigMap {namespace} theirs\n");
    let patch = json!({"data": {"members": members}}).to_string();
    split
        .namespace
        .kubectl()
        .args(["patch", "configmap", "delivery-shop", "-p", &patch])
        .run()
        .ok();
    let plan = split.promote("web", "2", &[map("theirs", json!({"v": "2"}))]);
    let mut plan = plan;
    let refused = plan.args(["--adopt", "release:shop"]).run().exits(2);
    says(
        &refused,
        &[
            "the state of release shop",
            "was altered: its inventory was changed",
        ],
    );
}

#[test]
fn a_release_with_an_unfinished_promotion_gives_nothing_up() {
    let split = Split::new();
    let broken = [
        map("shop", json!({"v": "1"})),
        workload("Deployment", "cart", '3', Some("image-not-found")),
    ];
    let broken = [broken.to_vec(), vec![cart('1')[0].clone()]].concat();
    split
        .promote("shop", "bad", &broken)
        .arg("--on-failure=stop")
        .run()
        .exits(4);
    let refused = split.take_cart().run().exits(2);
    says(
        &refused,
        &[
            "the promotion of release shop bad",
            "promote --resume shop",
            "revert shop",
        ],
    );
    split.revert("shop").run().exits(0);
    split.take_cart().run().exits(0);
    split.is_split("settled");
}

#[test]
fn a_revert_waits_for_an_unfinished_promotion_of_the_release_that_gets_them_back() {
    let split = Split::new();
    split.take_cart().run().exits(0);
    let moved = split.copy();
    let broken = [
        map("shop", json!({"v": "1"})),
        workload("Deployment", "slow", '3', Some("image-not-found")),
    ];
    split
        .promote("shop", "bad", &broken)
        .arg("--on-failure=stop")
        .run()
        .exits(4);
    says(
        &split.revert("web").run().exits(2),
        &["promote --resume shop", "revert shop"],
    );
    split.copy().must_be(&moved, "refused");
    split.revert("shop").run().exits(0);
    split.revert("web").run().exits(0);
    split.promote("shop", "1", &whole()).run().exits(0);
    split.has_members(
        "shop",
        &["ConfigMap/shop", "ConfigMap/cart", "Deployment/cart"],
        "back",
    );
}

#[test]
fn whoever_may_not_change_what_the_other_release_keeps_is_told_which_permission_is_missing() {
    let split = Split::new();
    let other = crate::harness::TestCluster::get().namespace_named("t-moves-to");
    let mut objects = vec![map("cart", json!({"v": "2"}))];
    objects[0]["metadata"]["namespace"] = split.namespace.name().into();
    let file = split.file("web", "2", &objects);
    let before = (split.copy(), split.inventory("shop"));
    let all = ["get", "list", "watch", "create", "update", "patch", "delete"];
    // Of the other release's namespace this user may change objects, and hold no lock.
    let user = split
        .namespace
        .user("mover")
        .may(&all, "", &["configmaps", "secrets", "namespaces"])
        .ready();
    let rules = json!([{"verbs": all, "apiGroups": ["", "coordination.k8s.io"],
        "resources": ["configmaps", "secrets", "leases", "namespaces"]}]);
    let rbac = "rbac.authorization.k8s.io/v1";
    other.apply(json!({"apiVersion": rbac, "kind": "Role", "metadata": {"name": "mover"}, "rules": rules}));
    other.apply(
        json!({"apiVersion": rbac, "kind": "RoleBinding", "metadata": {"name": "mover"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "mover"},
        "subjects": [{"kind": "ServiceAccount", "name": "mover", "namespace": split.namespace.name()}]}),
    );
    let from = format!("release:{}/shop", split.namespace.name());
    let promote = |kubeconfig: std::path::PathBuf| {
        let mut command = crate::harness::TestCluster::get().delivery();
        command.env("KUBECONFIG", kubeconfig).arg("promote").arg(&file);
        command
            .args(["-n", other.name(), "-y", "--settle", "0s", "--adopt", &from])
            .run()
    };
    let refused = promote(user.kubeconfig()).exits(2);
    says(
        &refused,
        &[
            "[permissions]",
            "leases.coordination.k8s.io",
            "to move objects of release shop",
        ],
    );

    let blind = other
        .user("blind")
        .may(&all, "", &["configmaps", "secrets", "namespaces"])
        .ready();
    let refused = promote(blind.kubeconfig()).exits(2);
    says(&refused, &["cannot be read", "kubectl auth can-i get configmaps"]);
    split.copy().must_be(&before.0, "refused");
    assert_eq!(split.inventory("shop"), before.1);
}
