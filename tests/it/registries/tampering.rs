//! Registries and layouts that hold something else than a release, or lie about it.

use super::fake::{Fake, Reply};
use super::image::Image;
use super::round::Round;
use crate::harness::{Run, TestCluster, unique};
use kubectl_delivery::testing::model::Sha256Digest;
use serde_json::Value;
use std::path::Path;

/// A pushed release: its manifest, and everything by digest.
pub(super) struct Pushed {
    pub(super) manifest: Vec<u8>,
    pub(super) blobs: std::collections::BTreeMap<String, Vec<u8>>,
}

impl Pushed {
    pub(super) fn from_layout(layout: &Path, digest: &str) -> Self {
        let entries = std::fs::read_dir(layout.join("blobs/sha256"))
            .unwrap()
            .map(|entry| entry.unwrap());
        let named = |entry: std::fs::DirEntry| {
            (
                format!("sha256:{}", entry.file_name().to_string_lossy()),
                std::fs::read(entry.path()).unwrap(),
            )
        };
        let blobs: std::collections::BTreeMap<_, _> = entries.map(named).collect();
        Self {
            manifest: blobs[digest].clone(),
            blobs,
        }
    }

    /// A registry that serves it, but for what `lie` answers.
    pub(super) fn serve(&self, lie: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> Fake {
        let (manifest, blobs) = (self.manifest.clone(), self.blobs.clone());
        Fake::start(move |request| {
            let last = request.path.rsplit('/').next().unwrap();
            match (lie(&request.path), last, blobs.get(last)) {
                (Some(reply), ..) => reply,
                (_, "1", _) => Reply::new(200, manifest.clone()),
                (.., Some(bytes)) if !request.path.contains("/referrers/") => Reply::new(200, bytes.clone()),
                _ if request.path == "/v2/" => Reply::new(200, ""),
                _ => Reply::new(404, ""),
            }
        })
    }
}

#[test]
fn what_lies_in_a_registry_and_is_no_release_or_not_what_it_is_said_to_be_is_refused() {
    let round = Round::new();
    let digest = round.run(&["push", "release.yaml", "oci-layout:layout:1"]).ok();
    let digest = digest.trim().rsplit_once('@').unwrap().1.to_owned();
    let pushed = Pushed::from_layout(&round.path("layout"), &digest);
    let layer: Value = serde_json::from_slice::<Value>(&pushed.manifest).unwrap()["layers"][0].clone();
    let (blob, size) = (
        layer["digest"].as_str().unwrap().to_owned(),
        layer["size"].as_u64().unwrap() as usize,
    );
    let bytes = pushed.blobs[&blob].clone();
    let manifest = String::from_utf8(pushed.manifest.clone()).unwrap();
    let pull = |registry: &Fake, what: &str, expected: &str| {
        let place = format!("oci://{}/acme/releases{what}", registry.host);
        let ran = round.run(&["pull", &place, "-o", "pulled.yaml"]).exits(1);
        assert!(
            ran.stderr.contains(expected),
            "expected {expected}:\n{}",
            ran.stderr
        );
        assert!(!round.path("pulled.yaml").exists(), "nothing is written");
    };
    // The honest one, so that the lies alone are what is refused.
    let honest = pushed.serve(|_| None);
    round
        .run(&[
            "pull",
            &format!("oci://{}/acme/releases:1", honest.host),
            "-o",
            "honest.yaml",
        ])
        .ok();

    let of_blob = |reply: fn(&[u8]) -> Vec<u8>| {
        let (blob, bytes) = (blob.clone(), bytes.clone());
        pushed.serve(move |path| path.ends_with(&blob).then(|| Reply::new(200, reply(&bytes))))
    };
    let of_manifest = |text: String| {
        pushed.serve(move |path| {
            path.ends_with("/manifests/1")
                .then(|| Reply::new(200, text.clone()))
        })
    };
    pull(
        &of_blob(|bytes| bytes[..bytes.len() - 1].to_vec()),
        ":1",
        &format!(
            "the content does not match the size in its manifest: expected {size} bytes, found {}",
            size - 1
        ),
    );
    pull(
        &of_blob(|bytes| [bytes, b"\n"].concat()),
        ":1",
        &format!("expected {size} bytes, found {}", size + 1),
    );
    pull(
        &of_blob(|bytes| [&bytes[1..], b"\n"].concat()),
        ":1",
        &format!("the content does not match its digest: expected {blob}"),
    );
    let larger = manifest.replace(&format!("\"size\":{size}"), &format!("\"size\":{}", size + 7));
    assert_ne!(larger, manifest);
    pull(
        &of_manifest(larger),
        ":1",
        &format!("expected {} bytes, found {size}", size + 7),
    );
    let endless = manifest.replace(&format!("\"size\":{size}"), "\"size\":99999999999");
    pull(&of_manifest(endless), ":1", "the release is larger than 256 MiB");
    let other_type = manifest.replace("vnd.kubectl-delivery.release.v1alpha1\"", "vnd.acme.chart\"");
    assert_ne!(other_type, manifest);
    pull(
        &of_manifest(other_type),
        ":1",
        ", not a release (application/vnd.kubectl-delivery.release.v1alpha1)",
    );
    let lie = pushed.serve({
        let other = manifest.replace("release.yaml", "Release.yaml");
        move |path| {
            path.contains("/manifests/sha256:")
                .then(|| Reply::new(200, other.clone()))
        }
    });
    pull(
        &lie,
        &format!("@{digest}"),
        &format!("the content does not match its digest: expected {digest}"),
    );
    let broken = pushed.serve(|path| path.contains("/referrers/").then(|| Reply::new(500, "no")));
    pull(&broken, ":1", "answers 500 no");
}

#[test]
fn an_image_is_no_release() {
    let cluster = TestCluster::get();
    let image = Image::new(&unique());
    let reference = format!("{}/it/no-release:{}", cluster.registry, unique());
    image.push(&reference, None);
    for place in [
        reference.clone(),
        format!("{}/it/no-release@{}", cluster.registry, image.platforms[0].1),
    ] {
        let mut command = cluster.delivery();
        let ran = command.args(["show", &format!("oci://{place}")]).run().exits(1);
        assert!(
            ran.stderr
                .contains("not a release (application/vnd.kubectl-delivery.release"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_layout_whose_files_were_changed_is_refused() {
    let round = Round::new();
    round.attest_and_sign("release.yaml");
    round.run(&["push", "release.yaml", "oci-layout:layout:1"]).ok();
    let bytes = std::fs::read(round.path("release.yaml")).unwrap();
    let blob = round
        .path("layout/blobs/sha256")
        .join(Sha256Digest::compute(&bytes).hex());
    std::fs::write(&blob, &bytes[..bytes.len() - 1]).unwrap();
    let ran = round.verify("oci-layout:layout:1").exits(1);
    assert!(
        ran.stderr
            .contains("the content does not match the size in its manifest"),
        "{}",
        ran.stderr
    );
    std::fs::write(&blob, [&bytes[1..], b"\n"].concat()).unwrap();
    let ran = round.verify("oci-layout:layout:1").exits(1);
    assert!(
        ran.stderr.contains("the content does not match its digest"),
        "{}",
        ran.stderr
    );
}
