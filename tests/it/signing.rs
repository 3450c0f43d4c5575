//! Signatures: the same as cosign's, byte for byte, and of no use for anything else than what was signed.

use crate::harness::{Ran, Run, TestCluster};
use std::path::{Path, PathBuf};
use std::process::Command;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/cosign")
        .join(name)
}

/// The fixtures' release in a folder of its own.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        std::fs::copy(fixture("shop.release.yaml"), scene.path("shop.release.yaml")).unwrap();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn delivery(&self, words: &[&str]) -> Command {
        let mut command = TestCluster::get().delivery();
        command
            .current_dir(self.0.path())
            .env("COSIGN_PASSWORD", "correct-horse")
            .args(words);
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.delivery(words).run()
    }

    fn verify(&self, key: &Path) -> Ran {
        self.run(&["verify", "shop.release.yaml", "--key", key.to_str().unwrap()])
    }

    fn signature(&self) -> PathBuf {
        self.path("shop.release.yaml.signature-9196d6ea.sigstore.json")
    }

    fn edit(&self, path: &Path, from: &str, to: &str) {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }
}

fn key() -> String {
    fixture("cosign.key").display().to_string()
}

fn openssl(scene: &Scene, words: &str) {
    Command::new("openssl")
        .current_dir(scene.0.path())
        .args(words.split(' '))
        .run()
        .ok();
}

#[test]
fn what_is_signed_is_byte_for_byte_what_cosign_took() {
    let scene = Scene::new();
    scene.run(&["sign", "shop.release.yaml", "--key", &key()]).ok();
    let evidence = format!("integration={}", fixture("junit.xml").display());
    scene
        .run(&[
            "attest",
            "shop.release.yaml",
            "--evidence",
            &evidence,
            "--key",
            &key(),
        ])
        .ok();
    for entry in std::fs::read_dir(fixture("ours")).unwrap() {
        let golden = entry.unwrap().path();
        let own = std::fs::read_to_string(scene.path(golden.file_name().unwrap().to_str().unwrap())).unwrap();
        assert_eq!(
            own,
            std::fs::read_to_string(&golden).unwrap(),
            "make cosign-check tells whether cosign takes it"
        );
    }
    let public = fixture("cosign.pub").display().to_string();
    scene
        .run(&[
            "verify",
            "shop.release.yaml",
            "--key",
            &public,
            "--evidence",
            "integration",
        ])
        .ok();
}

#[test]
fn a_bundle_that_cosign_made_is_a_signature() {
    let scene = Scene::new();
    scene.verify(&fixture("cosign.pub")).exits(2);
    let name = "shop.release.yaml.by-cosign.sigstore.json";
    std::fs::copy(fixture("theirs").join(name), scene.path(name)).unwrap();
    let ran = scene.verify(&fixture("cosign.pub"));
    assert!(ran.clone().ok().contains("signed by"), "{}", ran.stderr);
}

#[test]
fn every_form_of_key_that_openssl_writes_signs() {
    let scene = Scene::new();
    openssl(&scene, "ecparam -name prime256v1 -genkey -noout -out sec1.pem");
    openssl(&scene, "pkcs8 -topk8 -nocrypt -in sec1.pem -out pkcs8.pem");
    openssl(&scene, "ec -in sec1.pem -pubout -out public.pem");
    for key in ["sec1.pem", "pkcs8.pem"] {
        scene.run(&["sign", "shop.release.yaml", "--key", key]).ok();
        scene.verify(Path::new("public.pem")).ok();
    }
    openssl(&scene, "ecparam -name secp384r1 -genkey -noout -out other.pem");
    let ran = scene
        .run(&["sign", "shop.release.yaml", "--key", "other.pem"])
        .exits(1);
    assert!(
        ran.stderr.contains("expected an ECDSA P-256 private key in PEM"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_encrypted_key_opens_with_its_password_alone_and_the_password_is_not_shown() {
    let scene = Scene::new();
    let sign = ["sign", "shop.release.yaml", "--key", &key()];
    let ran = scene
        .delivery(&sign)
        .env("COSIGN_PASSWORD", "wrong-horse")
        .run()
        .exits(1);
    assert!(ran.stderr.contains("wrong password"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("wrong-horse"), "{}", ran.stderr);
    let ran = scene.delivery(&sign).env_remove("COSIGN_PASSWORD").run().exits(1);
    assert!(
        ran.stderr.contains("needs a password") && ran.stderr.contains("COSIGN_PASSWORD"),
        "{}",
        ran.stderr
    );
    let pem = std::fs::read_to_string(fixture("cosign.key")).unwrap();
    let by_variable = ["sign", "shop.release.yaml", "--key", "env://SIGNING_KEY"];
    scene.delivery(&by_variable).env("SIGNING_KEY", pem).run().ok();
    scene.verify(&fixture("cosign.pub")).ok();
}

#[test]
fn each_tampering_with_a_signature_has_an_error_of_its_own() {
    let scene = Scene::new();
    let golden =
        std::fs::read_to_string(fixture("ours").join(scene.signature().file_name().unwrap())).unwrap();
    openssl(&scene, "ecparam -name prime256v1 -genkey -noout -out other.pem");
    openssl(&scene, "ec -in other.pem -pubout -out other.pub");
    let of_cosign = fixture("cosign.pub");
    let payload =
        serde_json::from_str::<serde_json::Value>(&golden).unwrap()["dsseEnvelope"]["payload"].clone();
    let payload = payload.as_str().unwrap();
    let forged = forge(payload);
    let cases: [(&str, &str, &Path, &str); 7] = [
        ("", "", &scene.path("other.pub"), "not signed by"),
        (payload, &forged, &of_cosign, "changed after"),
        ("\"sig\": \"MEYC", "\"sig\": \"MEYD", &of_cosign, "changed after"),
        (
            "application/vnd.in-toto+json",
            "application/json",
            &of_cosign,
            "expected the payload type application/vnd.in-toto+json, found application/json",
        ),
        (
            "bundle.v0.3+json",
            "bundle.v0.9+json",
            &of_cosign,
            "a bundle of type application/vnd.dev.sigstore.bundle.v0.9+json",
        ),
        (
            "\"payload\": \"ey",
            "\"payload\": \"!y",
            &of_cosign,
            "invalid base64",
        ),
        ("}", "", &of_cosign, "invalid JSON"),
    ];
    for (from, to, key, expected) in cases {
        std::fs::write(scene.signature(), &golden).unwrap();
        if !from.is_empty() {
            scene.edit(&scene.signature(), from, to);
        }
        let ran = scene.verify(key).exits(2);
        assert!(
            ran.stderr.contains(expected),
            "expected {expected}:\n{}",
            ran.stderr
        );
    }
    // A true signature, and other bytes.
    std::fs::write(scene.signature(), &golden).unwrap();
    scene.verify(&of_cosign).ok();
    scene.edit(&scene.path("shop.release.yaml"), "EUR", "USD");
    let ran = scene.verify(&of_cosign).exits(2);
    assert!(
        ran.stderr.contains("an attestation of another release (sha256:"),
        "{}",
        ran.stderr
    );
    // A statement without a signature is none.
    let scene = Scene::new();
    let evidence = format!("integration={}", fixture("junit.xml").display());
    scene.run(&["sign", "shop.release.yaml", "--key", &key()]).ok();
    scene
        .run(&["attest", "shop.release.yaml", "--evidence", &evidence])
        .ok();
    let public = of_cosign.display().to_string();
    let ran = scene
        .run(&[
            "verify",
            "shop.release.yaml",
            "--key",
            &public,
            "--evidence",
            "integration",
        ])
        .exits(2);
    assert!(ran.stderr.contains("not signed"), "{}", ran.stderr);
}

/// The same statement about another version.
fn forge(payload: &str) -> String {
    use base64::Engine;
    let base64 = &base64::engine::general_purpose::STANDARD;
    let text = String::from_utf8(base64.decode(payload).unwrap()).unwrap();
    base64.encode(text.replace("1.4.2", "1.4.3"))
}
