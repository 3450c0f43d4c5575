//! Pods that belong to a workload of an unknown kind by the chain of their owners.

use super::shop::{IMAGE, Shop, controlled_by, digest, owned_by};
use crate::harness::{Run, TestCluster};
use crate::registries::fake::{Fake, Reply};
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

    let ran = shop.wait("10s").exits(3);
    let what = format!("Rollout {}/web: 0 of 5 pods exist after 10s", shop.namespace);
    assert!(ran.stderr.contains(&what), "{}", ran.stderr);
}

#[test]
fn five_pods_of_the_wrong_digest_below_an_object_in_between_are_a_failure_that_names_it() {
    // Its registry says that it has no such image.
    let mut shop = Shop::new();
    shop.registry.clone_from(&TestCluster::get().registry);
    chain(&shop, 3, "another");

    let ran = shop.wait("20s").exits(3);
    let (runs, tested) = (digest("another"), digest("tested"));
    let what = format!(
        "runs {}; the release has {} at {}",
        runs.short(),
        shop.image(),
        tested.short()
    );
    assert!(ran.stderr.contains(&what), "{}", ran.stderr);
}

#[test]
fn a_digest_of_which_no_registry_can_tell_is_unknown_and_not_wrong() {
    let shop = Shop::new();
    chain(&shop, 2, "another");

    let ran = shop
        .command("wait --timeout 60s -o json", &[shop.workload(5)])
        .run();
    let ran = ran.exits(3);
    let shown = ran.stdout + &ran.stderr;
    let cause = "cannot reach registry.example: name not resolved";
    let expected = "image digests unknown after 20s: container web of pod set-";
    assert!(shown.contains(expected) && shown.contains(cause), "{shown}");
    assert!(!shown.contains("wrongImage"), "{shown}");
}

#[test]
fn the_environments_registries_are_asked_what_runs() {
    let shop = Shop::new();
    chain(&shop, 2, "another");
    let mirror = Fake::start(|_| Reply::new(404, ""));
    let environment = shop.write(
        "environment.yaml",
        &format!(
            "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Environment\nmetadata: {{name: here}}\nspec: {{registries: {{registry.example: '{}/mirror'}}}}\n",
            mirror.host
        ),
    );

    // The workload names the image as the environment has it pinned.
    let mut workload = shop.workload(5);
    let pinned = format!("{}/mirror/verification@{}", mirror.host, digest("tested"));
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": pinned}]}}}});
    let rollout = format!("rollout.{}/web", shop.group);
    let patched = ["patch", &rollout, "--type=merge", "-p", &patch.to_string()];
    shop.namespace.kubectl().args(patched).run().ok();
    workload["spec"]["template"]["spec"]["containers"][0]["image"] = IMAGE.into();

    let words = format!("wait --timeout 60s -e {environment}");
    let ran = shop.command(&words, &[workload]).run().exits(3);
    let reported = format!("/v2/mirror/verification/manifests/{}", digest("another"));
    let asked: Vec<String> = mirror.asked().into_iter().map(|one| one.path).collect();
    assert_eq!(asked, [reported], "{}", ran.stderr);
    let runs = format!("runs {}", digest("another").short());
    assert!(ran.stderr.contains(&runs), "{}", ran.stderr);
}

#[test]
fn six_owners_are_followed_up_and_a_seventh_is_not() {
    let shop = Shop::new();
    chain(&shop, 6, "tested");
    let ran = shop.wait("20s").exits(0);
    let what = "shop 1.4.2 is running: 1 object in sync, 1 of 1 images verified in 5 pods\n";
    assert!(ran.stderr.contains(what), "{}", ran.stderr);

    let shop = Shop::new();
    chain(&shop, 7, "tested");
    let ran = shop.wait("20s").exits(0);
    let start = format!(
        "shop 1.4.2 is running: 1 object in sync, 0 of 1 images verified; 1 unknown (Rollout {}/web: pod set-",
        shop.namespace
    );
    let last = ran.stderr.lines().find(|line| line.starts_with("shop ")).unwrap();
    assert!(
        last.starts_with(&start) && last.ends_with("has a chain of more than 6 owners)"),
        "{last}"
    );
}

#[test]
fn an_owner_that_does_not_control_owns_no_pods() {
    let shop = Shop::new();
    let workload = shop.create_workload(5);
    shop.pods("set", 5, "tested", &owned_by(&workload, false));

    let ran = shop.wait("10s").exits(3);
    assert!(
        ran.stderr.contains("0 of 5 pods exist after 10s"),
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
    let last = ran.stderr.lines().find(|line| line.starts_with("shop ")).unwrap();
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
