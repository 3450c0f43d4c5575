//! Registries whose answers have no end: each is given up with a clear error, in little memory.

use super::fake::{Fake, Reply};
use super::round::Round;
use crate::harness::{TestCluster, measured};
use std::time::Duration;

/// MiB.
const LITTLE: u64 = 128;

fn record(registry: &Fake, expected: &str) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: '{}/acme/web:1'}}]}}\n",
        registry.host
    );
    std::fs::write(folder.path().join("in.yaml"), pod).unwrap();
    let mut command = TestCluster::get().delivery();
    command.current_dir(folder.path());
    command.args([
        "record",
        "-f",
        "in.yaml",
        "--name",
        "shop",
        "--version",
        "1",
        "-o",
        "out.yaml",
    ]);
    let (ran, peak) = measured(&mut command);
    let ran = ran.exits(1);
    assert!(
        ran.stderr.contains(expected),
        "expected {expected}:\n{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    assert!(peak < LITTLE, "{peak} MiB");
    println!("{expected}: {peak} MiB, {:?}", ran.took);
    assert!(!folder.path().join("out.yaml").exists());
    ran.took
}

fn asks_for_a_token(host: &str) -> Reply {
    Reply::new(401, "").with(
        "WWW-Authenticate",
        &format!("Bearer realm=\"http://{host}/token\",service=\"t\""),
    )
}

#[test]
fn a_token_answer_without_an_end_is_given_up() {
    let endless = |token: fn() -> Reply| {
        Fake::start(move |request| match request.path.split(['?', '/']).nth(1) {
            Some("token") => token(),
            _ => asks_for_a_token(&request.headers["host"]),
        })
    };
    record(
        &endless(Reply::endless),
        "the response of its token server is larger than 1 MiB",
    );
    record(
        &endless(|| Reply::new(200, r#"{"token": 1}"#)),
        "invalid response of its token server",
    );
    record(
        &endless(|| Reply::new(200, "{}")),
        "no token in the response of its token server",
    );
}

#[test]
fn manifests_and_refusals_without_an_end_are_given_up() {
    let of = |greeting: u16, rest: fn() -> Reply| {
        Fake::start(move |request| match request.path.as_str() {
            "/v2/" => Reply::new(greeting, ""),
            _ => rest(),
        })
    };
    record(&of(200, Reply::endless), "its manifest is larger than 4 MiB");
    record(
        &Fake::start(|_| Reply::endless()),
        "its manifest is larger than 4 MiB",
    );
}

#[test]
fn an_answer_that_comes_a_byte_every_five_seconds_is_given_up_in_a_minute() {
    let drip = || Reply::new(200, vec![b' '; 1000]).slowly(Duration::from_secs(5));
    let registry = Fake::start(move |request| match request.path.as_str() {
        "/v2/" => Reply::new(200, ""),
        _ => drip(),
    });
    let took = record(
        &registry,
        &format!("no complete response from {} within 38s", registry.host),
    );
    assert!(took < Duration::from_secs(45), "{took:?}");
}

#[test]
fn what_a_push_is_answered_has_bounds_too() {
    let round = Round::new();
    let push = |registry: &Fake, expected: &str| {
        let place = format!("oci://{}/acme/releases:1", registry.host);
        let (ran, peak) = measured(&mut round.command(&["push", "release.yaml", &place]));
        let ran = ran.exits(1);
        assert!(
            ran.stderr.contains(expected),
            "expected {expected}:\n{}",
            ran.stderr
        );
        assert!(peak < LITTLE, "{peak} MiB");
    };
    push(
        &Fake::start(|request| match request.path.split(['?', '/']).nth(1) {
            Some("token") => Reply::endless(),
            _ => asks_for_a_token(&request.headers["host"]),
        }),
        "the response of its token server is larger than 1 MiB",
    );
    let no_place = Fake::start(|request| {
        Reply::new(
            if request.path.contains("/blobs/sha256") {
                404
            } else {
                202
            },
            "",
        )
    });
    push(&no_place, "its upload URL does not use TLS");
}
