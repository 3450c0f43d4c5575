//! What others attach to a release: whoever may push may attach anything.

use super::fake::{Fake, Reply};
use super::round::Round;
use super::tampering::Pushed;
use crate::harness::{Repository, measured};
use kubectl_delivery::testing::model::Sha256Digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const STATEMENT: &str = "application/vnd.in-toto+json";
const MIB: u64 = 1024 * 1024;

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Sha256Digest::compute(bytes), "size": bytes.len()})
}

/// A statement's manifest about `subject`, its file of this size; `n` makes it another one.
fn statement(subject: &Value, size: u64, n: usize) -> Vec<u8> {
    let layer = json!({"mediaType": STATEMENT, "digest": Sha256Digest::compute(format!("{n}").as_bytes()), "size": size});
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": STATEMENT,
        "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"), "layers": [layer], "subject": subject});
    manifest.to_string().into_bytes()
}

/// A registry with a release to which somebody attached these manifests; each of their files has no end.
fn attached(pushed: &Pushed, manifests: Vec<Vec<u8>>) -> Fake {
    let listed: Vec<Value> = manifests
        .iter()
        .map(|bytes| descriptor(MANIFEST, bytes))
        .collect();
    let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).to_string();
    let by_digest: BTreeMap<String, Vec<u8>> = manifests
        .into_iter()
        .map(|bytes| (Sha256Digest::compute(&bytes).to_string(), bytes))
        .collect();
    let (list, by_digest, known) = (Arc::new(list), Arc::new(by_digest), pushed.blobs.clone());
    pushed.serve(move |path| {
        let last = path.rsplit('/').next().unwrap();
        match by_digest.get(last) {
            Some(bytes) => Some(Reply::new(200, bytes.clone())),
            None if path.contains("/referrers/") => Some(Reply::new(200, list.as_str())),
            None if path.contains("/blobs/") && !known.contains_key(last) => Some(Reply::endless()),
            None => None,
        }
    })
}

#[test]
fn statements_that_are_too_large_or_too_many_are_refused_in_little_memory() {
    let round = Round::new();
    let digest = round.run(&["push", "release.yaml", "oci-layout:layout:1"]).ok();
    let pushed = Pushed::from_layout(&round.path("layout"), digest.trim().rsplit_once('@').unwrap().1);
    let subject = descriptor(MANIFEST, &pushed.manifest);
    let many = |count: usize, size: u64| {
        (0..count)
            .map(|n| statement(&subject, size, n))
            .collect::<Vec<_>>()
    };
    for (manifests, expected) in [
        (many(40, 100 * MIB), "is larger than 4 MiB"),
        (
            many(1, 4 * MIB),
            "the content does not match the size in its manifest",
        ),
        (
            many(1001, 10),
            "1001 artifacts refer to it, and at most 1000 are read",
        ),
    ] {
        let registry = attached(&pushed, manifests);
        let place = format!("oci://{}/acme/releases:1", registry.host);
        let (ran, peak) = measured(&mut round.command(&["pull", &place, "-o", "pulled.yaml"]));
        let ran = ran.exits(1);
        assert!(
            ran.stderr.contains(expected),
            "expected {expected}:\n{}",
            ran.stderr
        );
        assert!(peak < 128, "{peak} MiB");
        assert!(!round.path("pulled.yaml").exists(), "nothing is written");
    }
}

/// OCI 1.1: tools attach an SBOM as an index of one manifest a platform.
#[test]
fn an_index_that_is_attached_to_a_release_does_not_hinder_a_pull() {
    let (round, repository) = (Round::new(), Repository::new());
    round.attest_and_sign("release.yaml");
    let of_registry = format!("oci://{}", repository.tag("1"));
    let digest = round.run(&["push", "release.yaml", "oci-layout:layout:1"]).ok();
    round.run(&["push", "release.yaml", &of_registry]).ok();

    let blobs = round.path("layout/blobs/sha256");
    let release = std::fs::read(blobs.join(digest.trim().rsplit_once("@sha256:").unwrap().1)).unwrap();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "artifactType": "application/vnd.example.sbom",
        "manifests": [], "subject": descriptor(MANIFEST, &release)});
    repository.put("sbom", INDEX, &index);
    let bytes = index.to_string().into_bytes();
    std::fs::write(blobs.join(Sha256Digest::compute(&bytes).hex()), &bytes).unwrap();
    let path = round.path("layout/index.json");
    let mut list: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    list["manifests"]
        .as_array_mut()
        .unwrap()
        .push(descriptor(INDEX, &bytes));
    std::fs::write(&path, list.to_string()).unwrap();

    for place in ["oci-layout:layout:1", "oci-layout:layout", &of_registry] {
        assert!(round.verify(place).ok().contains("signed by"), "{place}");
        round.run(&["pull", place, "-o", "pulled.yaml"]).ok();
        let read = |name: &str| std::fs::read(round.path(name)).unwrap();
        assert_eq!(read("pulled.yaml"), read("release.yaml"), "{place}");
    }
}
