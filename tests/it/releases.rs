//! `record`, `show`, `compare` and `render`: files in, files out.

use crate::harness::{Ran, Run, TestCluster};
use kubectl_delivery::testing::model::Sha256Digest;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn delivery() -> Command {
    TestCluster::get().delivery()
}

fn shop(overlay: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/shop")
        .join(overlay)
}

/// The shop as CI tests it; digests by hand, so that no image has to be anywhere.
fn record_shop(folder: &Folder) -> PathBuf {
    let file = folder.path("shop.release.yaml");
    let mut command = delivery();
    command
        .arg("record")
        .arg("-k")
        .arg(shop("ci"))
        .args(["--name", "shop", "--version", "1.0.0", "-o"])
        .arg(&file);
    for image in ["web", "api", "db", "migrate"] {
        command.args([
            "--image",
            &format!(
                "127.0.0.1:5000/shop/{image}:1.0.0={}",
                Sha256Digest::compute(image.as_bytes())
            ),
        ]);
    }
    command.run().ok();
    file
}

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example/web:1}]}
";

fn record(folder: &Folder, manifests: &str, flags: &[&str]) -> Ran {
    let file = folder.write("in.yaml", manifests);
    let mut command = delivery();
    command
        .arg("record")
        .arg("-f")
        .arg(file)
        .args(["--name", "shop", "--version", "1"])
        .args(flags);
    command.run()
}

#[test]
fn compare_names_every_real_difference_of_the_shops_overlays_and_no_formal_one() {
    let folder = Folder::new();
    let release = record_shop(&folder);
    let environment = shop("production").join("environment.yaml");
    let ran = delivery()
        .arg("compare")
        .arg(&release)
        .arg("-e")
        .arg(environment)
        .args(["-o", "json"])
        .run();
    let view = ran.exits(0).json();
    let mut found = Vec::new();
    for object in view["objects"].as_array().unwrap() {
        for change in object["untested"].as_array().unwrap() {
            found.push(format!(
                "{} {}",
                object["name"].as_str().unwrap(),
                change["path"].as_str().unwrap()
            ));
            assert!(change["expected"].is_object(), "{change}");
        }
    }
    found.sort();
    let config = found
        .iter()
        .position(|line| line.starts_with("shop-"))
        .expect("the generated ConfigMap");
    found[config] = found[config].replace(found[config].split(' ').next().unwrap(), "shop-HASH");
    found.retain(|line| line != "shop-HASH /data/PAYMENTS_URL" || line.starts_with("shop-HASH"));
    assert_eq!(
        found,
        [
            "db /spec/template/spec/volumes/[name=data]/emptyDir",
            "db /spec/template/spec/volumes/[name=data]/persistentVolumeClaim",
            "shop-HASH /data/PAYMENTS_URL",
            "shop-db /",
            "web /spec/replicas",
            "web /spec/template/spec/containers/[name=metrics]",
        ]
    );
}

#[test]
fn a_difference_without_a_rule_fails_and_gets_a_rule_suggested() {
    let folder = Folder::new();
    let release = record_shop(&folder);
    let text = std::fs::read_to_string(shop("production").join("environment.yaml")).unwrap();
    let kustomize = format!("kustomize: {}", shop("production").display());
    let without = text
        .replace("kustomize: .", &kustomize)
        .replace("path: /spec/replicas", "path: /spec/paused");
    let environment = folder.write("environment.yaml", &without);
    let compare = |flags: &[&str]| {
        delivery()
            .arg("compare")
            .arg(&release)
            .arg("-e")
            .arg(&environment)
            .args(flags)
            .run()
    };
    let outcome = compare(&[]).exits(1);
    assert!(
        outcome.stdout.contains("1 untested difference"),
        "{}",
        outcome.stdout
    );
    let suggested = compare(&["--suggest"]).exits(1);
    assert!(
        suggested.stdout.contains("path: /spec/replicas"),
        "{}",
        suggested.stdout
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = Folder::new();
    let one = std::fs::read(record_shop(&folder)).unwrap();
    let two = std::fs::read(record_shop(&folder)).unwrap();
    assert_eq!(one, two);
}

#[test]
fn a_secrets_value_never_enters_a_release() {
    let folder = Folder::new();
    let text = std::fs::read_to_string(record_shop(&folder)).unwrap();
    assert!(
        !text.contains("ci-only") && !text.contains("Y2ktb25seQ"),
        "{text}"
    );
    assert!(text.contains("name: ci-shop-db"), "{text}");
}

#[test]
fn an_image_of_a_registry_that_does_not_answer_names_its_container_and_writes_nothing() {
    let folder = Folder::new();
    let out = folder.path("out.yaml");
    let manifests = WEB.replace("registry.example/web:1", "127.0.0.1:1/web:1");
    let ran = record(&folder, &manifests, &["-o", out.to_str().unwrap()]).exits(1);
    assert!(
        ran.stderr
            .contains("Deployment web, container web: 127.0.0.1:1/web:1"),
        "{}",
        ran.stderr
    );
    assert!(!out.exists());
}

#[test]
fn offline_takes_digests_as_they_are_and_refuses_tags() {
    let folder = Folder::new();
    let ran = record(&folder, WEB, &["--offline"]).exits(1);
    assert!(
        ran.stderr.contains("no digest in registry.example/web:1"),
        "{}",
        ran.stderr
    );
    let digest = Sha256Digest::compute(b"web");
    let with_digest = WEB.replace(
        "registry.example/web:1",
        &format!("registry.example/web@{digest}"),
    );
    let text = record(&folder, &with_digest, &["--offline"]).ok();
    assert!(
        text.contains("origin: reference") && !text.contains("platforms"),
        "{text}"
    );
}

#[test]
fn images_of_the_test_registry_are_resolved_to_the_digests_of_their_bytes() {
    let cluster = TestCluster::get();
    let folder = Folder::new();
    let reference = format!("{}/it/releases:{}", cluster.registry, crate::harness::unique());
    let empty = folder.write("layer.tar", "");
    Command::new(cluster.tools.join("crane"))
        .args([
            "append",
            "--oci-empty-base",
            "--new_tag",
            &reference,
            "--new_layer",
        ])
        .arg(empty)
        .run()
        .ok();
    let wanted = Command::new(cluster.tools.join("crane"))
        .args(["digest", &reference])
        .run()
        .ok();
    let text = record(&folder, &WEB.replace("registry.example/web:1", &reference), &[]).ok();
    assert!(
        text.contains(&format!("digest: {}", wanted.trim())),
        "{text}\n{wanted}"
    );
    let missing = WEB.replace("registry.example/web:1", &format!("{reference}-none"));
    let ran = record(&folder, &missing, &[]).exits(1);
    assert!(ran.stderr.contains("not found in its registry"), "{}", ran.stderr);
}

#[test]
fn the_next_release_changes_one_image_and_nothing_else() {
    let folder = Folder::new();
    let release = record_shop(&folder);
    let digest = Sha256Digest::compute(b"next");
    let next = folder.path("next.yaml");
    let image = format!("127.0.0.1:5000/shop/web=127.0.0.1:5000/shop/web@{digest}");
    delivery()
        .args(["record", "--offline", "--version", "1.0.1", "--from"])
        .arg(&release)
        .args(["--image", &image, "-o"])
        .arg(&next)
        .run()
        .ok();
    let view = delivery()
        .arg("compare")
        .arg(&release)
        .arg(&next)
        .args(["-o", "json"])
        .run()
        .exits(1)
        .json();
    let paths: Vec<&str> = view["objects"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|o| o["untested"].as_array().unwrap())
        .map(|c| c["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["/spec/template/spec/containers/[name=web]/image"]);
}

#[test]
fn render_pins_every_image_and_refuses_to_write_a_secret() {
    let folder = Folder::new();
    let release = record_shop(&folder);
    let text = delivery()
        .arg("render")
        .arg(&release)
        .args(["-n", "shop-ci"])
        .run()
        .ok();
    let images: Vec<&str> = text.lines().filter(|line| line.contains("image: ")).collect();
    assert!(
        images.len() == 4 && images.iter().all(|line| line.contains("@sha256:")),
        "{images:?}"
    );
    let secret = folder.write(
        "secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: hunter2}\n",
    );
    let ran = delivery()
        .arg("render")
        .arg(&release)
        .arg("-f")
        .arg(secret)
        .run()
        .exits(1);
    assert!(
        ran.stderr.contains("would be written with its values") && !ran.stderr.contains("hunter2"),
        "{}",
        ran.stderr
    );
}

#[test]
fn bad_input_says_where_it_is() {
    let folder = Folder::new();
    for (text, expected) in [
        ("a: [1\n", "in.yaml:"),
        ("apiVersion: v1\nmetadata: {name: a}\n", "found no kind"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
            "defined twice",
        ),
        ("", "no manifests in"),
    ] {
        let ran = record(&folder, text, &[]).exits(1);
        assert!(
            ran.stderr.contains(expected) && ran.stdout.is_empty(),
            "{text}: {}",
            ran.stderr
        );
    }
    let environment = folder.write("e.yaml", "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Environment\nmetadata: {name: e}\nspec:\n  differences:\n  - target: {}\n    reason: r\n    when: desired ++\n");
    let release = record_shop(&folder);
    let ran = delivery()
        .arg("compare")
        .arg(&release)
        .arg("-e")
        .arg(environment)
        .run()
        .exits(2);
    assert!(ran.stderr.contains("e.yaml:8:11"), "{}", ran.stderr);
}
