//! Pods that belong to a workload of an unknown kind by the chain of their owners.

use super::shop::{IMAGE, Shop, controlled_by, digest, owned_by};
use crate::harness::{Run, TestCluster};
use serde_json::{Value, json};

/// A chain of so many owners above five pods, the workload among them.
fn chain(shop: &Shop, length: usize, runs: &str) -> Value {
    let mut owner = shop.create_workload(5);
    // The ReplicaSet and the workload are owners as well.
    for at in 0..length - 2 {
        owner = shop.middle(&format!("m{at}"), &owner);
    }
    shop.pods("set", 5, runs, &controlled_by(&owner))
}

#[test]
fn a_workload_without_a_controller_has_no_pod_and_is_not_verified() {
    let shop = Shop::new();
    shop.create_workload(5);

    let ran = shop.wait("3s").exits(3);
    let what = format!(
        "Rollout {}/web: wants 5 pods and has none after 3s",
        shop.namespace
    );
    assert!(ran.stderr.contains(&what), "{}", ran.stderr);
}

#[test]
fn five_pods_of_the_wrong_digest_below_an_object_in_between_are_a_failure_that_names_it() {
    let shop = Shop::new();
    chain(&shop, 3, "another");

    let ran = shop.wait("20s").exits(3);
    let (runs, tested) = (digest("another"), digest("tested"));
    let what = format!(
        "runs image {}, and registry.example/verification:1 was tested as {}",
        runs.short(),
        tested.short()
    );
    assert!(ran.stderr.contains(&what), "{}", ran.stderr);
}

#[test]
fn six_owners_are_followed_up_and_a_seventh_is_not() {
    let shop = Shop::new();
    chain(&shop, 6, "tested");
    let ran = shop.wait("20s").exits(0);
    let what = "shop 1.4.2 is running: 1 object in sync, 1 of 1 images verified in 5 pods\n";
    assert!(ran.stderr.ends_with(what), "{}", ran.stderr);

    let shop = Shop::new();
    chain(&shop, 7, "tested");
    let ran = shop.wait("20s").exits(0);
    let start = format!(
        "shop 1.4.2 is running: 1 object in sync, 0 of 1 images verified; 1 unknown (Rollout {}/web: pod set-",
        shop.namespace
    );
    let last = ran.stderr.lines().last().unwrap();
    assert!(
        last.starts_with(&start) && last.ends_with("has more than 6 owners above it)"),
        "{last}"
    );
}

#[test]
fn an_owner_that_does_not_control_owns_no_pods() {
    let shop = Shop::new();
    let workload = shop.create_workload(5);
    shop.pods("set", 5, "tested", &owned_by(&workload, false));

    let ran = shop.wait("3s").exits(3);
    assert!(
        ran.stderr.contains("wants 5 pods and has none after 3s"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_owner_that_may_not_be_read_makes_its_pods_unknown() {
    let shop = Shop::new();
    chain(&shop, 3, "tested");

    let read = ["get", "list", "watch"];
    let user = shop.namespace.user("reader").with_role("view");
    let user = user.may(&read, &shop.group, &["rollouts"]).ready();
    let mut command = shop.command("wait --timeout 20s", &[shop.workload(5)]);
    let ran = command.env("KUBECONFIG", user.kubeconfig()).run().exits(0);

    let start = format!(
        "shop 1.4.2 is running: 1 object in sync, 0 of 1 images verified; 1 unknown (Rollout {}/web: cannot read Middle m0, an owner of pod set-",
        shop.namespace
    );
    let last = ran.stderr.lines().last().unwrap();
    assert!(last.starts_with(&start) && last.contains("forbidden"), "{last}");
}

#[test]
fn diff_says_that_pods_are_unknown_whose_owner_may_not_be_read() {
    let shop = Shop::new();
    // Its operator names the container of its pods itself.
    let mut workload = shop.workload(5);
    let pinned = format!("registry.example/verification@{}", digest("tested"));
    workload["spec"]["template"]["spec"]["containers"][0] = json!({"name": "app", "image": pinned});
    let owner = shop.middle("m0", &shop.create(&workload));
    shop.pods("set", 2, "another", &controlled_by(&owner));

    let read = ["get", "list", "watch"];
    let user = shop.namespace.user("reader").with_role("view");
    let user = user.may(&read, &shop.group, &["rollouts"]).ready();
    workload["spec"]["template"]["spec"]["containers"][0]["image"] = IMAGE.into();
    let mut diff = TestCluster::get().delivery();
    diff.arg("diff").arg(shop.release(&[workload]));
    diff.args(["-n", shop.namespace.name(), "-o", "json"]);
    let view = diff.env("KUBECONFIG", user.kubeconfig()).run().exits(0).json();

    let images = view["images"].as_array().unwrap();
    let web = images.iter().find(|image| image["container"] == "web").unwrap();
    assert_eq!(web["state"], "unknown");
    let cause = web["cause"].as_str().unwrap();
    let start = "cannot read Middle m0, an owner of pod set-";
    assert!(cause.starts_with(start) && cause.contains("forbidden"), "{cause}");
    assert_eq!(web["running"][0]["digest"], digest("another").to_string());
}
