//! Images of custom resources: recorded, pinned and compared wherever they stand, and never passed over in silence.

use crate::harness::{Namespace, Ran, Run, TestCluster, unique, until};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A kind `Farm` of a group of its own, in a namespace of its own, and a directory.
struct Farms {
    namespace: Namespace,
    group: String,
    directory: tempfile::TempDir,
}

impl Farms {
    fn new() -> Self {
        let farms = Self {
            namespace: TestCluster::get().namespace(),
            group: format!("{}.example.com", unique()),
            directory: tempfile::tempdir().unwrap(),
        };
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": farms.definition()}, "spec": {"group": farms.group, "scope": "Namespaced",
                "names": {"kind": "Farm", "plural": "farms"}, "versions": [{
                    "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
        let kubectl = || TestCluster::get().kubectl();
        kubectl()
            .args(["create", "-f", "-"])
            .run_with(&definition.to_string())
            .ok();
        let is_served = || kubectl().args(["get", &farms.plural(), "-A"]).run().code == Some(0);
        assert!(until(30, is_served), "{} is not served", farms.plural());
        farms
    }

    fn plural(&self) -> String {
        format!("farms.{}", self.group)
    }

    fn definition(&self) -> String {
        self.plural()
    }

    fn farm(&self, spec: &Value) -> Value {
        json!({"apiVersion": format!("{}/v1", self.group), "kind": "Farm", "metadata": {"name": "farm"}, "spec": spec})
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, words: &[&str]) -> Ran {
        let mut command = TestCluster::get().delivery();
        command.current_dir(self.directory.path()).args(words);
        command.run()
    }

    fn record(&self, objects: &[Value], flags: &[&str]) -> Ran {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        std::fs::write(self.path("in.json"), list.to_string()).unwrap();
        let words = [
            "record",
            "-q",
            "--name",
            "shop",
            "--version",
            "1",
            "-f",
            "in.json",
            "-o",
            "shop.json",
        ];
        self.run(&[&words, flags].concat())
    }

    fn release(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path("shop.json")).unwrap()).unwrap()
    }

    fn live(&self) -> Value {
        let mut kubectl = self.namespace.kubectl();
        kubectl.args(["get", &self.plural(), "farm", "-o", "json"]);
        kubectl.run().json()
    }
}

impl Drop for Farms {
    fn drop(&mut self) {
        let mut kubectl = TestCluster::get().kubectl();
        kubectl.args(["delete", "crd", "--wait=false", &self.definition()]);
        drop(kubectl.run());
    }
}

/// An image of the cluster's registry.
fn web(version: &str) -> String {
    format!("{}/shop/web:{version}", TestCluster::get().registry)
}

#[test]
fn a_rollout_is_recorded_with_the_digests_of_its_containers_without_a_flag() {
    let farms = Farms::new();
    let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": web("1.0.0")}]}}}});
    farms.record(&[rollout], &[]).ok();

    let release = farms.release();
    let images = release["spec"]["images"].as_array().unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(images[0]["reference"], web("1.0.0"));
    // From the registry, as for a Deployment.
    assert!(images[0]["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(images[0]["platforms"][0]["platform"], "linux/amd64");
    assert!(release["spec"].get("imagePaths").is_none());

    let rendered = farms.run(&["render", "shop.json", "-n", "shop"]).ok();
    let pinned = format!(
        "{}/shop/web@{}",
        TestCluster::get().registry,
        images[0]["digest"].as_str().unwrap()
    );
    assert!(rendered.contains(&pinned), "{pinned} in {rendered}");
}

#[test]
fn a_field_that_looks_like_an_image_is_refused_until_it_is_recorded_or_ignored() {
    let farms = Farms::new();
    let spec = json!({"image": web("1.0.0"), "parts": [{"baseImage": "r.example/a/b:1"}, {"baseImage": "r.example/a/c:1"}]});
    let ran = farms.record(&[farms.farm(&spec)], &[]).exits(1);

    let group = &farms.group;
    let flags =
        |flag: &str| format!("{flag} Farm.{group}=/spec/image {flag} Farm.{group}=/spec/parts/[*]/baseImage");
    let lines = [
        format!(
            "error: Farm farm: image {} at /spec/image is not recorded",
            web("1.0.0")
        ),
        "Farm farm: image r.example/a/b:1 at /spec/parts/[0]/baseImage is not recorded".into(),
        "Farm farm: image r.example/a/c:1 at /spec/parts/[1]/baseImage is not recorded".into(),
        format!("hint: to record them: {}", flags("--image-path")),
        format!("hint: to ignore them: {}", flags("--ignore-image")),
    ];
    assert_eq!(ran.stderr.lines().map(str::trim).collect::<Vec<_>>(), lines);
    assert!(!farms.path("shop.json").exists());
}

#[test]
fn what_is_ignored_is_kept_in_the_release_and_promoted_as_written() {
    let farms = Farms::new();
    let group = &farms.group;
    let container = json!([{"name": "web", "image": web("1.0.0")}]);
    let spec = json!({"image": web("1.0.0"), "operandImage": web("1.1.0"), "template": {"spec": {"containers": container}}});
    let ignored = format!("Farm.{group}=/spec/image");
    let given = format!("Farm.{group}=/spec/operandImage");
    let flags = ["--ignore-image", &*ignored, "--image-path", &*given];
    farms.record(&[farms.farm(&spec)], &flags).ok();

    let release = farms.release();
    assert_eq!(
        release["spec"]["imagePaths"],
        json!([{"group": group, "kind": "Farm", "path": "/spec/operandImage"},
            {"group": group, "kind": "Farm", "path": "/spec/image", "ignored": true}])
    );
    let page = farms.run(&["show", "shop.json"]).ok();
    assert!(
        page.contains(&format!("ignored image fields (1)\n  {ignored}\n")),
        "{page}"
    );

    let name = farms.namespace.name().to_owned();
    farms
        .run(&["promote", "shop.json", "-n", &name, "--yes", "--settle", "0s"])
        .exits(0);
    let digest = |at: usize| release["spec"]["images"][at]["digest"].as_str().unwrap();
    let repository = format!("{}/shop/web", TestCluster::get().registry);
    let live = farms.live();
    // A template's container by its digest, an operator's field with the tag beside it, and the ignored one untouched.
    assert_eq!(
        live["spec"]["template"]["spec"]["containers"][0]["image"],
        format!("{repository}@{}", digest(0))
    );
    assert_eq!(
        live["spec"]["operandImage"],
        format!("{repository}:1.1.0@{}", digest(1))
    );
    assert_eq!(live["spec"]["image"], web("1.0.0"));

    // Promoted: nothing differs, and a changed image of a custom resource does.
    farms.run(&["diff", "shop.json", "-n", &name]).exits(0);
    let patch = json!({"spec": {"operandImage": web("1.0.0")}}).to_string();
    let mut kubectl = farms.namespace.kubectl();
    kubectl.args(["patch", &farms.plural(), "farm", "--type=merge", "-p", &patch]);
    kubectl.run().ok();
    let ran = farms.run(&["diff", "shop.json", "-n", &name]).exits(1);
    assert!(ran.stdout.contains("/spec/operandImage"), "{}", ran.stdout);
}

#[test]
fn the_images_of_pods_cannot_be_ignored() {
    let farms = Farms::new();
    let path = "Deployment.apps=/spec/template/spec/containers/[*]/image";
    let ran = farms
        .record(&[farms.farm(&json!({}))], &["--ignore-image", path])
        .exits(1);
    let line = format!("error: --ignore-image {path}: images of a Deployment are always recorded");
    assert_eq!(ran.stderr.trim(), line);
}

#[test]
fn a_release_that_is_made_from_an_earlier_one_is_searched_for_unrecorded_images_too() {
    let farms = Farms::new();
    let path = format!("Farm.{}=/spec/image", farms.group);
    let container = json!([{"name": "web", "image": web("1.0.0")}]);
    let api = format!("{}/shop/api:1.1.0", TestCluster::get().registry);
    let spec = json!({"image": api, "template": {"spec": {"containers": container}}});
    farms
        .record(&[farms.farm(&spec)], &["--ignore-image", &path])
        .ok();
    // As of a version that did not look for it.
    let mut earlier = farms.release();
    earlier["spec"].as_object_mut().unwrap().remove("imagePaths");
    std::fs::write(farms.path("shop.json"), earlier.to_string()).unwrap();

    let image = format!("{}={}", web("1.0.0"), web("1.1.0"));
    let words = [
        "record",
        "-q",
        "--from",
        "shop.json",
        "--version",
        "2",
        "--image",
        &image,
        "-o",
        "next.json",
    ];
    let ran = farms.run(&words).exits(1);
    let lines = [
        format!("error: Farm farm: image {} at /spec/image is not recorded", api),
        format!("hint: to record them: --image-path {path}"),
        format!("hint: to ignore them: --ignore-image {path}"),
    ];
    assert_eq!(ran.stderr.lines().map(str::trim).collect::<Vec<_>>(), lines);
    assert!(!farms.path("next.json").exists());

    farms.run(&[&words[..], &["--image-path", &path]].concat()).ok();
    let next: Value = serde_json::from_slice(&std::fs::read(farms.path("next.json")).unwrap()).unwrap();
    let images = next["spec"]["images"].as_array().unwrap();
    let references: Vec<&str> = images
        .iter()
        .map(|one| one["reference"].as_str().unwrap())
        .collect();
    assert_eq!(references, [web("1.1.0"), api]);
    assert_eq!(
        next["spec"]["imagePaths"],
        json!([{"group": farms.group, "kind": "Farm", "path": "/spec/image"}])
    );
}
