//! Which image a container runs, told by a real kubelet: one image under several names, and a Pod changed in place.

use crate::harness::{Namespace, Repository, Run, TestCluster, linux, until};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Releases of one workload on the real node.
pub struct Scene {
    pub namespace: Namespace,
    folder: tempfile::TempDir,
}

impl Scene {
    pub fn new() -> Self {
        Self {
            namespace: TestCluster::get().namespace_named("t-which"),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn delivery(&self, words: &[&str]) -> Command {
        let mut command = TestCluster::get().delivery();
        command.current_dir(self.folder.path()).args(words);
        if words[0] != "record" {
            command.args(["-n", self.namespace.name()]);
        }
        command
    }

    /// Records a release, with what the registry says of its images.
    pub fn record(&self, version: &str, object: &Value) -> PathBuf {
        let manifest = self.folder.path().join(format!("{version}.json"));
        std::fs::write(&manifest, object.to_string()).unwrap();
        let file = self.folder.path().join(format!("{version}.yaml"));
        let mut record = self.delivery(&["record", "--quiet", "--name", "which", "--version", version]);
        record.arg("-f").arg(manifest).arg("-o").arg(&file).run().ok();
        file
    }

    pub fn promote(&self, release: &PathBuf) -> Command {
        let mut command = self.delivery(&["promote", "-y", "--settle", "0s"]);
        command.arg(release);
        command
    }

    /// What the node reports of the container of each pod.
    fn reported(&self) -> Vec<String> {
        let path = "jsonpath={.items[*].status.containerStatuses[0].imageID}";
        let shown = self
            .namespace
            .kubectl()
            .args(["get", "pods", "-o", path])
            .run()
            .ok();
        shown.split_whitespace().map(String::from).collect()
    }
}

pub fn pod_spec(image: &str) -> Value {
    json!({"nodeSelector": {"kubectl-delivery.io/node": "real"},
        "tolerations": [{"key": "kubectl-delivery.io/node", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "main", "image": image, "imagePullPolicy": "IfNotPresent"}]})
}

pub fn deployment(image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod_spec(image)}}})
}

fn pod(image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "worker"}, "spec": pod_spec(image)})
}

#[test]
fn one_image_under_two_indexes_and_its_own_manifest_is_the_tested_one_for_every_command() {
    let (scene, repository) = (Scene::new(), Repository::new());
    let plain = repository.image("plain", None);
    let image = repository.entry("plain", Some(linux()));
    // Each rebuild from a cache has another attestation, and so another index.
    let attestation = |name: &str| {
        repository.crane(&[
            "mutate",
            &plain,
            "--tag",
            &repository.tag(name),
            "--label",
            &format!("attestation={name}"),
        ]);
        repository.entry(name, Some(json!({"os": "unknown", "architecture": "unknown"})))
    };
    let first = repository.index("first", &[image.clone(), attestation("one")]);
    let second = repository.index("second", &[image, attestation("two")]);

    let mut others = 0;
    for (round, image) in [&plain, &first, &second, &first, &plain].into_iter().enumerate() {
        let release = scene.record(&round.to_string(), &deployment(image));
        let promoted = scene.promote(&release).run().exits(0);
        let digest = repository.crane(&["digest", image]);
        let reported = scene.reported();
        println!(
            "promoted {digest}, the node reports {reported:?} in {:?}",
            promoted.took
        );
        others += usize::from(!reported[0].ends_with(&digest));
        scene.delivery(&["diff"]).run().exits(0);
        scene
            .delivery(&["wait", "--settle", "0s"])
            .arg(&release)
            .run()
            .exits(0);
        let shown = scene.delivery(&["images", "-o", "json"]).run().exits(0).json();
        assert_eq!(shown[0]["tag"]["is"], "pinned", "{shown}");
    }
    assert!(
        others > 0,
        "the node never reported another name than the tested one"
    );

    // By tag, as somebody else would apply it: `images` follows the registry's tree too.
    for image in [&plain, &first, &second] {
        let set = format!("main={image}");
        scene
            .namespace
            .kubectl()
            .args(["set", "image", "deployment/web", &set])
            .run()
            .ok();
        let status = ["rollout", "status", "deployment/web", "--timeout=60s"];
        scene.namespace.kubectl().args(status).run().ok();
        assert!(
            until(10, || scene.reported().len() == 1),
            "{:?}",
            scene.reported()
        );
        let shown = scene.delivery(&["images", "-o", "json"]).run().exits(0).json();
        assert_eq!(shown[0]["tag"]["is"], "current", "{image}: {shown}");
    }
    let other = repository.image("other", None);
    repository.crane(&["tag", &other, "second"]);
    let shown = scene.delivery(&["images", "-o", "json"]).run().exits(0).json();
    assert_eq!(shown[0]["tag"]["is"], "moved", "{shown}");
}

#[test]
fn right_after_a_change_in_place_nothing_calls_the_new_image_running() {
    let (scene, repository) = (Scene::new(), Repository::new());
    // It outlives the request to stop: the old container runs on beside the new spec.
    let slow = "trap '' TERM; while :; do sleep 1; done";
    let (old, new) = (
        repository.image("old", Some(slow)),
        repository.image("new", Some(slow)),
    );
    let slow_pod = |image: &str| {
        let mut pod = pod(image);
        pod["spec"]["terminationGracePeriodSeconds"] = 8.into();
        pod
    };
    let first = scene.record("1", &slow_pod(&old));
    let second = scene.record("2", &slow_pod(&new));
    let (of_old, of_new) = (
        repository.crane(&["digest", &old]),
        repository.crane(&["digest", &new]),
    );
    let runs = |digest: &str| scene.reported().iter().any(|id| id.ends_with(digest));
    scene.promote(&first).run().exits(0);
    assert!(runs(&of_old), "{:?}", scene.reported());

    let set = format!("main={}@{of_new}", repository.0);
    scene
        .namespace
        .kubectl()
        .args(["set", "image", "pod/worker", &set])
        .run()
        .ok();
    let ran = scene
        .delivery(&["diff", "-o", "json"])
        .arg(&second)
        .run()
        .exits(1)
        .json();
    assert!(runs(&of_old), "the old container runs on: {:?}", scene.reported());
    assert_eq!(ran["images"][0]["container"], "main", "{ran:#}");
    let digest = &ran["images"][0]["running"][0]["digest"];
    assert_eq!(digest, &json!(of_old), "{ran:#}");
    let waited = scene
        .delivery(&["wait", "--settle", "0s", "--timeout", "60s"])
        .arg(&second)
        .run()
        .exits(0);
    assert!(
        runs(&of_new),
        "wait ended after {:?} at {:?}",
        waited.took,
        scene.reported()
    );
    assert!(waited.took > Duration::from_secs(3), "{:?}", waited.took);
    let ran = scene.delivery(&["diff", "-o", "json"]).arg(&second).run().json();
    assert_eq!(ran["images"], json!([]), "{ran:#}");

    // The way back by a promotion: it waits for the old container to go too.
    let back = scene.promote(&first).arg("--overwrite").run().exits(0);
    assert!(
        runs(&of_old) && !runs(&of_new),
        "promote ended after {:?} at {:?}",
        back.took,
        scene.reported()
    );
    let again = scene.promote(&second).run().exits(0);
    assert!(
        runs(&of_new),
        "promote ended after {:?} at {:?}",
        again.took,
        scene.reported()
    );
    scene.delivery(&["diff"]).run().exits(0);
}
