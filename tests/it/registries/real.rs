//! `record` against Debian's docker-registry with a password and TLS, and against crane's.

use super::image::Image;
use super::{Registry, record};
use crate::harness::{Repository, TestCluster, linux, unique};
use serde_json::{Value, json};
use std::path::Path;

fn images_of(release: &Path) -> Value {
    serde_json::from_slice::<Value>(&std::fs::read(release).unwrap()).unwrap()["spec"]["images"].clone()
}

#[test]
fn an_index_of_two_platforms_is_recorded_without_its_attestation() {
    let guarded = Registry::guarded();
    let cluster = TestCluster::get();
    let image = Image::new(&unique());
    let out = guarded.folder.path().join("out.json");
    let of_guarded = format!("{}/acme/web:1", guarded.host);
    image.push(&of_guarded, Some(&guarded.docker_config()));
    record(guarded.delivery(), &of_guarded, &out).ok();
    assert_eq!(images_of(&out), image.recorded(&of_guarded));

    let of_crane = format!("{}/it/registries:{}", cluster.registry, unique());
    image.push(&of_crane, None);
    record(cluster.delivery(), &of_crane, &out).ok();
    assert_eq!(images_of(&out), image.recorded(&of_crane));

    // By digest, and one platform's manifest alone.
    let by_digest = format!("{}/acme/web@{}", guarded.host, image.digest);
    record(guarded.delivery(), &by_digest, &out).ok();
    assert_eq!(images_of(&out), image.recorded(&by_digest));
    let (platform, manifest, config) = &image.platforms[1];
    let single = format!("{}/acme/web@{manifest}", guarded.host);
    record(guarded.delivery(), &single, &out).ok();
    assert_eq!(
        images_of(&out),
        serde_json::json!([{"reference": single, "digest": manifest,
            "platforms": [{"platform": platform, "manifest": manifest, "config": config}]}])
    );
}

#[test]
fn an_image_is_asked_where_the_map_says_and_recorded_as_it_is_written() {
    let cluster = TestCluster::get();
    let image = Image::new(&unique());
    let tag = unique();
    image.push(&format!("{}/it/mapped:{tag}", cluster.registry), None);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.json");
    let mut command = cluster.delivery();
    command.args([
        "record",
        "--registry-map",
        &format!("registry.example/acme={}/it", cluster.registry),
    ]);
    let written = format!("registry.example/acme/mapped:{tag}");
    super::record_with(command, &written, &out).ok();
    assert_eq!(images_of(&out), image.recorded(&written));
}

#[test]
fn an_index_that_no_node_can_run_is_refused_by_what_it_holds() {
    let (cluster, repository) = (TestCluster::get(), Repository::new());
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.json");
    repository.image("plain", None);
    let attestation = repository.entry("plain", Some(json!({"os": "unknown", "architecture": "unknown"})));
    let of_attestations = repository.index("attestations", std::slice::from_ref(&attestation));
    let empty = repository.index("empty", &[]);
    repository.index("inner", &[attestation]);
    let nested = repository.index("nested", &[repository.entry("inner", Some(linux()))]);
    for image in [of_attestations, empty, nested] {
        let ran = record(cluster.delivery(), &image, &out);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            ran.stderr.contains(&image) && ran.stderr.contains("the index lists no platform"),
            "{ran:?}"
        );
    }
    let old = json!({"schemaVersion": 1, "name": "web", "tag": "old", "architecture": "amd64",
        "fsLayers": [], "history": []});
    let old = repository.put(
        "old",
        "application/vnd.docker.distribution.manifest.v1+json",
        &old,
    );
    let ran = record(cluster.delivery(), &old, &out);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stderr.contains(&old) && ran.stderr.contains("schema version 1"),
        "{ran:?}"
    );
    assert!(!out.exists());
}
