//! Registries that do not answer as they should: each has an error of its own, and nothing is written.

use super::fake::{Fake, Reply, Request};
use super::image::Image;
use super::record;
use crate::harness::{AT_ONCE, Ran, TestCluster};
use kubectl_delivery::testing::model::Sha256Digest;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Records an image of this registry; an error leaves nothing behind.
fn record_from(registry: &Fake, image: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.yaml");
    let ran = record(
        TestCluster::get().delivery(),
        &format!("{}/{image}", registry.host),
        &out,
    );
    assert_eq!(out.exists(), ran.code == Some(0), "{}", ran.stderr);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        usize::from(out.exists())
    );
    ran
}

fn refused(registry: &Fake, image: &str, expected: &str) {
    let ran = record_from(registry, image).exits(1);
    let place = format!("Deployment web, container web: {}/{image}", registry.host);
    assert!(ran.stderr.contains(&place), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(expected),
        "expected {expected}:\n{}",
        ran.stderr
    );
}

/// The parts of an image by their digests, the index by the tag `1`.
fn part(image: &Image, request: &Request) -> Reply {
    let last = request.path.rsplit('/').next().unwrap();
    let wanted = if last == "1" {
        image.digest.to_string()
    } else {
        last.to_owned()
    };
    image
        .blobs
        .get(&wanted)
        .map_or(Reply::new(404, ""), |bytes| Reply::new(200, bytes.clone()))
}

#[test]
fn an_answer_that_is_no_success_is_told_with_its_code_and_words() {
    let message = r#"{"errors": [{"code": "UNKNOWN", "message": "the disk is full"}]}"#;
    let cases = [
        (401, message, "the registry denies access (401 the disk is full)"),
        (403, "no", "the registry denies access (403 no)"),
        (404, "", "not found in its registry (404)"),
        (500, message, "answers 500 the disk is full"),
        (
            502,
            "<html>\u{1b}[31mbad</html>\nmore",
            "502 <html>[31mbad</html>",
        ),
    ];
    for (status, body, expected) in cases {
        let registry = Fake::start(move |_| Reply::new(status, body));
        refused(&registry, "acme/web:1", expected);
    }
}

#[test]
fn a_registry_that_asks_for_fewer_requests_is_waited_for_as_long_as_it_says() {
    let image = Arc::new(Image::new("busy"));
    let count = Arc::new(AtomicU32::new(0));
    let registry = Fake::start(move |request| match request.path.as_str() {
        "/v2/" => Reply::new(200, ""),
        _ if count.fetch_add(1, Ordering::Relaxed) < 2 => Reply::new(429, "").with("Retry-After", "1"),
        _ => part(&image, request),
    });
    let start = Instant::now();
    record_from(&registry, "acme/web:1").ok();
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(2) && took < AT_ONCE, "{took:?}");
    assert_eq!(registry.asked().len(), 5, "two refused, the index, two platforms");

    let registry = Fake::start(|_| Reply::new(429, "").with("Retry-After", "3600"));
    let start = Instant::now();
    refused(
        &registry,
        "acme/web:1",
        "is rate limiting (429): still after 1 attempt, retry after 1h",
    );
    assert!(start.elapsed() < AT_ONCE);
}

#[test]
fn bytes_of_another_digest_are_refused_whatever_the_registry_says_of_them() {
    let image = Arc::new(Image::new("honest"));
    let other = image.blobs[&image.platforms[1].1.to_string()].clone();
    let lies = |wanted: String| {
        let (image, other) = (image.clone(), other.clone());
        Fake::start(move |request| match request.path.ends_with(&wanted) {
            true => Reply::new(200, other.clone()).with("Docker-Content-Digest", &wanted),
            false => part(&image, request),
        })
    };
    let found = Sha256Digest::compute(&other);
    let index = image.digest.to_string();
    let expected = format!("the content does not match its digest: expected {index}, found {found}");
    refused(&lies(index.clone()), &format!("acme/web@{index}"), &expected);
    let (_, manifest, config) = image.platforms[0].clone();
    let expected = format!("expected {manifest}, found {found}");
    refused(&lies(manifest.to_string()), "acme/web:1", &expected);
    let expected = format!("expected {config}, found {found}");
    refused(
        &lies(config.to_string()),
        &format!("acme/web@{manifest}"),
        &expected,
    );
}

#[test]
fn a_manifest_of_a_hundred_megabytes_is_not_read_to_its_end() {
    let endless = Fake::start(|request| match request.path.as_str() {
        "/v2/" => Reply::new(200, ""),
        _ => Reply::of_blocks(100),
    });
    refused(&endless, "acme/web:1", "its manifest is larger than 4 MiB");
    let announced = Fake::start(|request| match request.path.as_str() {
        "/v2/" => Reply::new(200, ""),
        _ => Reply::new(200, vec![b' '; 100 * 1024 * 1024]),
    });
    refused(&announced, "acme/web:1", "its manifest is larger than 4 MiB");
}

#[test]
fn what_is_no_manifest_is_refused_and_so_is_a_redirect_into_the_void() {
    let registry = Fake::start(|_| Reply::new(200, "<html>sign in</html>"));
    refused(&registry, "acme/web:1", "invalid image manifest");
    let registry = Fake::start(|request| match request.path.as_str() {
        "/v2/" => Reply::new(200, ""),
        _ => Reply::new(307, "").with("Location", "http://127.0.0.1:1/there"),
    });
    refused(&registry, "acme/web:1", "127.0.0.1:1: ");
}

#[test]
fn each_reference_is_asked_once_and_costs_one_request_and_one_for_each_platform() {
    let image = Arc::new(Image::new("count"));
    let registry = Fake::start(move |request| part(&image, request));
    let container = |n: usize| format!("{{name: c{n}, image: '{}/acme/web:1'}}", registry.host);
    let containers: Vec<String> = (0..20).map(container).collect();
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{}]}}\n",
        containers.join(", ")
    );
    let mut command = TestCluster::get().delivery();
    command.args(["record", "-f", "-", "--name", "shop", "--version", "1"]);
    crate::harness::Run::run_with(&mut command, &manifest).ok();
    assert_eq!(registry.asked().len(), 3, "{:?}", registry.asked());
}
