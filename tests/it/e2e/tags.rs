//! A tag that moves under an unchanged manifest: what the pods really run is told apart, pod by pod.

use crate::harness::{Run, TestCluster, unique};
use serde_json::{Value, json};
use std::process::Command;

fn crane(words: &[&str]) {
    let mut command = Command::new(TestCluster::get().tools.join("crane"));
    command.arg("--insecure").args(words).run().ok();
}

#[test]
fn a_tag_that_moved_between_two_pods_is_mixed_across_replicas_and_both_are_named() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-tags");
    let image = format!("{}/{}/web:1", cluster.registry, unique());
    crane(&["copy", &format!("{}/shop/web:1.0.0", cluster.registry), &image]);
    let folder = tempfile::tempdir().unwrap();
    let manifest = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "nodeSelector": {"kubectl-delivery.io/node": "real"},
                "tolerations": [{"key": "kubectl-delivery.io/node", "operator": "Exists"}],
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "web", "image": image, "imagePullPolicy": "Always"}]}}}});
    std::fs::write(folder.path().join("web.json"), manifest.to_string()).unwrap();
    let delivery = |words: &[&str]| {
        let mut command = cluster.delivery();
        command.current_dir(folder.path()).args(words);
        command
    };
    delivery(&[
        "record",
        "-f",
        "web.json",
        "--name",
        "tags",
        "--version",
        "1",
        "-o",
        "tags.yaml",
    ])
    .run()
    .ok();
    namespace
        .kubectl()
        .arg("apply")
        .arg("-f")
        .arg(folder.path().join("web.json"))
        .run()
        .ok();
    let ready = || {
        namespace
            .kubectl()
            .args(["rollout", "status", "deployment/web", "--timeout=60s"])
            .run()
            .ok();
    };
    ready();
    let images = |words: &[&str]| -> Vec<Value> {
        let ran = delivery(&["images", "-n", namespace.name(), "-o", "json"])
            .args(words)
            .run();
        ran.exits(0).json().as_array().unwrap().clone()
    };
    let before = images(&[]);
    assert_eq!(
        (before.len(), &before[0]["tag"]["is"]),
        (1, &json!("current")),
        "{before:?}"
    );
    assert_eq!(images(&["--offline"])[0]["tag"]["is"], "unknown");

    crane(&["copy", &format!("{}/shop/api:1.0.0", cluster.registry), &image]);
    let one = namespace.kubectl().args(["get", "pods", "-o", "name"]).run().ok();
    let one = one.lines().next().unwrap().trim_start_matches("pod/").to_owned();
    namespace.kubectl().args(["delete", "pod", &one]).run().ok();
    ready();
    let ran = delivery(&["diff", "tags.yaml", "-n", namespace.name(), "-o", "json"])
        .run()
        .exits(1);
    let view: Value = serde_json::from_str(&ran.stdout).unwrap();
    let found = &view["images"][0];
    assert_eq!(
        (&found["state"], &found["container"]),
        (&json!("mixed"), &json!("web")),
        "{view}"
    );
    let pods: Vec<usize> = found["running"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["pods"].as_array().unwrap().len())
        .collect();
    assert!(
        pods == [1, 2] || pods == [2, 1],
        "the pods of each digest are named: {found}"
    );
    let after = images(&[]);
    let mut tags: Vec<&str> = after
        .iter()
        .map(|line| line["tag"]["is"].as_str().unwrap())
        .collect();
    tags.sort_unstable();
    assert_eq!(tags, ["current", "moved"], "{after:?}");
    let shown = delivery(&["diff", "tags.yaml", "-n", namespace.name()])
        .run()
        .exits(1)
        .stdout;
    assert!(shown.contains("replicas run different digests"), "{shown}");
}

/// A Deployment of one pod on the real node.
fn one_pod(name: &str, image: &str, policy: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {
                "nodeSelector": {"kubectl-delivery.io/node": "real"},
                "tolerations": [{"key": "kubectl-delivery.io/node", "operator": "Exists"}],
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "main", "image": image, "imagePullPolicy": policy}]}}}})
}

#[test]
fn the_tested_image_is_known_by_the_digest_of_its_index_of_its_manifest_and_of_its_configuration() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-digests");
    let folder = tempfile::tempdir().unwrap();
    let at = format!("{}/{}", cluster.registry, unique());
    let digest = |image: &str| {
        let mut command = Command::new(cluster.tools.join("crane"));
        command
            .args(["--insecure", "digest", image])
            .run()
            .ok()
            .trim()
            .to_owned()
    };
    // Content of its own each: a node tells an image by any name under which it has its content.
    let make = |name: &str| {
        let image = format!("{at}/{name}:plain");
        let web = format!("{}/shop/web:1.0.0", cluster.registry);
        crane(&[
            "mutate",
            &web,
            "--tag",
            &image,
            "--label",
            &format!("of={at}/{name}"),
        ]);
        image
    };
    let index_of = |name: &str| {
        let (image, index) = (make(name), format!("{at}/{name}:1"));
        crane(&["index", "append", "--manifest", &image, "--tag", &index]);
        (index, digest(&image))
    };
    let (index, _) = index_of("index");
    let of_index = digest(&index);
    let (platform, of_manifest) = index_of("platform");
    // What is loaded by hand comes from no registry: a node knows it by its configuration alone.
    let by_hand = make("by-hand");
    let archive = folder.path().join("loaded.tar");
    crane(&["pull", &by_hand, archive.to_str().unwrap()]);
    let socket = cluster.workdir.join("node/containerd.sock");
    let is_loaded = socket.exists();
    if is_loaded {
        let mut import = Command::new("ctr");
        import
            .arg("-a")
            .arg(socket)
            .args(["-n", "k8s.io", "images", "import"])
            .arg(&archive)
            .run()
            .ok();
    } else {
        println!("nothing can be loaded by hand into a node that is not ours: it pulls instead");
    }

    let names = ["by-index", "by-manifest", "by-hand"];
    let write = |file: &str, images: [&str; 3]| {
        let policies = [
            "IfNotPresent",
            "IfNotPresent",
            if is_loaded { "Never" } else { "IfNotPresent" },
        ];
        let items: Vec<Value> = (0..3)
            .map(|one| one_pod(names[one], images[one], policies[one]))
            .collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        std::fs::write(folder.path().join(file), list.to_string()).unwrap();
    };
    let delivery = |words: &[&str]| {
        let mut command = cluster.delivery();
        command.current_dir(folder.path()).args(words);
        command
    };
    write("tested.json", [&index, &platform, &by_hand]);
    delivery(&[
        "record",
        "-f",
        "tested.json",
        "--name",
        "digests",
        "--version",
        "1",
        "-o",
        "1.yaml",
    ])
    .run()
    .ok();
    write(
        "run.json",
        [&index, &format!("{at}/platform@{of_manifest}"), &by_hand],
    );
    namespace
        .kubectl()
        .arg("apply")
        .arg("-f")
        .arg(folder.path().join("run.json"))
        .run()
        .ok();
    for name in names {
        let status = ["rollout", "status", "deployment", name, "--timeout=60s"];
        namespace.kubectl().args(status).run().ok();
    }
    let id = |name: &str| {
        let path = "jsonpath={.items[0].status.containerStatuses[0].imageID}";
        let label = format!("app={name}");
        namespace
            .kubectl()
            .args(["get", "pods", "-l", &label, "-o", path])
            .run()
            .ok()
    };
    assert!(
        id("by-index").ends_with(&format!("@{of_index}")),
        "{}",
        id("by-index")
    );
    assert!(
        id("by-manifest").ends_with(&format!("@{of_manifest}")),
        "{}",
        id("by-manifest")
    );
    assert_eq!(
        id("by-hand").starts_with("sha256:"),
        is_loaded,
        "{}",
        id("by-hand")
    );
    let view = delivery(&["diff", "1.yaml", "-n", namespace.name(), "-o", "json"])
        .run()
        .exits(1)
        .json();
    assert_eq!(view["images"], json!([]), "all run what was tested: {view:#}");
    let other = format!("main={}", make("other"));
    namespace
        .kubectl()
        .args(["set", "image", "deployment/by-index", &other])
        .run()
        .ok();
    namespace
        .kubectl()
        .args(["rollout", "status", "deployment/by-index", "--timeout=60s"])
        .run()
        .ok();
    let view = delivery(&["diff", "1.yaml", "-n", namespace.name(), "-o", "json"])
        .run()
        .exits(1)
        .json();
    assert_eq!(view["images"][0]["workload"]["name"], "by-index", "{view:#}");
}
