//! Screens of `sign` and `verify`.

use super::Stage;
use super::stage::assert_screen;
use crate::harness::{Ran, Run};
use std::path::Path;

fn stage() -> Stage {
    let stage = Stage::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cosign");
    for name in ["shop.release.yaml", "cosign.key", "cosign.pub", "junit.xml"] {
        std::fs::copy(fixtures.join(name), stage.path(name)).unwrap();
    }
    stage
}

fn run(stage: &Stage, line: &str) -> Ran {
    stage.command(line).env("COSIGN_PASSWORD", "correct-horse").run()
}

#[test]
fn a_release_is_signed_and_verified() {
    let stage = stage();
    let verify = "verify shop.release.yaml --key cosign.pub --evidence integration";
    assert_screen("verify_not_signed", &run(&stage, verify));

    assert_screen("sign", &run(&stage, "sign shop.release.yaml --key cosign.key"));
    assert_screen("verify_without_evidence", &run(&stage, verify));

    let attest = "attest shop.release.yaml --evidence integration=junit.xml --key cosign.key";
    assert_screen("attest_signed", &run(&stage, attest));
    assert_screen("verify", &run(&stage, verify));

    let release = std::fs::read_to_string(stage.path("shop.release.yaml")).unwrap();
    stage.write("shop.release.yaml", &release.replace("EUR", "USD"));
    assert_screen("verify_changed", &run(&stage, verify));
}

#[test]
fn a_key_needs_its_password() {
    let stage = stage();

    stage.assert_screen(
        "sign_without_a_password",
        "sign shop.release.yaml --key cosign.key",
    );
}
