//! From CI to the cluster: record, attest, sign, push, pull, verify, promote where the environment requires it.

use super::image::Image;
use super::{Registry, record};
use crate::harness::{Namespace, Ran, Run, TestCluster, unique};
use std::path::{Path, PathBuf};
use std::process::Command;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/cosign")
        .join(name)
}

/// A registry with a password and TLS, and the files of CI.
pub struct Round {
    pub registry: Registry,
    pub place: String,
}

impl Round {
    /// With an image that is recorded as `release.yaml`.
    pub fn new() -> Self {
        let registry = Registry::guarded();
        let image = format!("{}/acme/web:1", registry.host);
        Image::new(&unique()).push(&image, Some(&registry.docker_config()));
        let round = Self {
            place: format!("oci://{}/acme/releases:1", registry.host),
            registry,
        };
        record(round.registry.delivery(), &image, &round.path("release.yaml")).ok();
        round
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.registry.folder.path().join(name)
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.registry.delivery();
        command
            .current_dir(self.registry.folder.path())
            .env("COSIGN_PASSWORD", "correct-horse")
            .args(words);
        command
    }

    pub fn run(&self, words: &[&str]) -> Ran {
        self.command(words).run()
    }

    pub fn attest_and_sign(&self, release: &str) {
        let (key, report) = (fixture("cosign.key"), fixture("junit.xml"));
        let evidence = format!("integration={}", report.display());
        self.run(&[
            "attest",
            release,
            "--evidence",
            &evidence,
            "--key",
            key.to_str().unwrap(),
        ])
        .ok();
        self.run(&["sign", release, "--key", key.to_str().unwrap()]).ok();
    }

    pub fn verify(&self, release: &str) -> Ran {
        let key = fixture("cosign.pub");
        self.run(&[
            "verify",
            release,
            "--key",
            key.to_str().unwrap(),
            "--evidence",
            "integration",
        ])
    }

    fn statements(&self, release: &str) -> Vec<(String, String)> {
        let names = std::fs::read_dir(self.registry.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let ours = names
            .filter_map(|path| Some((name(&path).strip_prefix(&format!("{release}."))?.to_owned(), path)));
        let mut found: Vec<_> = ours
            .map(|(title, path)| (title, std::fs::read_to_string(path).unwrap()))
            .collect();
        found.sort();
        found
    }

    fn environment(&self, namespace: &Namespace) -> String {
        std::fs::copy(fixture("cosign.pub"), self.path("cosign.pub")).unwrap();
        let text = format!(
            "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Environment\nmetadata: {{name: production}}\nspec:\n  namespace: {}\n  require: {{keys: [cosign.pub], evidence: [integration]}}\n",
            namespace.name()
        );
        std::fs::write(self.path("environment.yaml"), text).unwrap();
        "environment.yaml".into()
    }
}

#[test]
fn what_is_pushed_with_its_statements_is_pulled_with_them_byte_for_byte() {
    let round = Round::new();
    round.attest_and_sign("release.yaml");
    let cluster = TestCluster::get();
    let of_crane = format!("oci://{}/it/round:{}", cluster.registry, unique());
    for place in [round.place.as_str(), &of_crane, "oci-layout:layout:1"] {
        let by_digest = round.run(&["push", "release.yaml", place]).ok();
        for from in [place, by_digest.trim()] {
            assert!(
                round
                    .verify(from)
                    .ok()
                    .contains("evidence integration: 2 tests, 0 failed, 1 skipped")
            );
            round.run(&["pull", from, "-o", "pulled.yaml"]).ok();
            let read = |name: &str| std::fs::read(round.path(name)).unwrap();
            assert_eq!(read("pulled.yaml"), read("release.yaml"), "{from}");
            assert_eq!(
                round.statements("pulled.yaml"),
                round.statements("release.yaml"),
                "{from}"
            );
            assert_eq!(round.statements("pulled.yaml").len(), 2);
        }
        assert_eq!(
            round.run(&["push", "release.yaml", place]).ok(),
            by_digest,
            "the same bytes, the same digest"
        );
    }
    round.verify("oci-layout:layout").ok();
    // Without the password nobody is told anything.
    let mut stranger = TestCluster::get().delivery();
    stranger.env("SSL_CERT_FILE", round.registry.authority());
    let ran = stranger.args(["pull", &round.place]).run().exits(1);
    assert!(
        ran.stderr.contains("the registry denies access (401"),
        "{}",
        ran.stderr
    );
}

#[test]
fn statements_can_be_added_to_a_release_that_lies_in_a_registry() {
    let round = Round::new();
    let of_crane = format!("oci://{}/it/round:{}", TestCluster::get().registry, unique());
    for place in [round.place.as_str(), &of_crane, "oci-layout:layout:1"] {
        round.run(&["push", "release.yaml", place]).ok();
        round.verify(place).exits(2);
        round.attest_and_sign(place);
        round.verify(place).ok();
    }
}

#[test]
fn a_release_that_another_tool_copied_to_another_registry_still_verifies() {
    let round = Round::new();
    round.attest_and_sign("release.yaml");
    let digest = round.run(&["push", "release.yaml", "oci-layout:layout:1"]).ok();
    let digest = digest.trim().rsplit_once("@sha256:").unwrap().1.to_owned();
    let to = format!("{}/copied/shop", round.registry.host);
    for tag in ["1".to_owned(), format!("sha256-{digest}")] {
        let mut skopeo = Command::new("skopeo");
        skopeo
            .current_dir(round.registry.folder.path())
            .args(["--insecure-policy", "copy", "--all"]);
        skopeo.args(["--dest-tls-verify=false", "--dest-creds", "ci:secret"]);
        skopeo
            .args([format!("oci:layout:{tag}"), format!("docker://{to}:{tag}")])
            .run()
            .ok();
    }
    assert!(
        round
            .verify(&format!("oci://{to}:1"))
            .ok()
            .contains(&"signed by".to_owned())
    );
    let crane = format!("{}/it/copied:{}", TestCluster::get().registry, unique());
    let mut copy = Command::new(TestCluster::get().tools.join("crane"));
    copy.args(["copy", "--insecure", &format!("{to}:1"), &crane])
        .env("DOCKER_CONFIG", round.registry.docker_config());
    copy.run().ok();
    // The statements stayed behind: a copy of the release alone proves nothing.
    round.verify(&format!("oci://{crane}")).exits(2);
    let (name, _) = crane.rsplit_once(':').unwrap();
    let tag = format!("sha256-{digest}");
    let mut copy = Command::new(TestCluster::get().tools.join("crane"));
    copy.args([
        "copy",
        "--insecure",
        &format!("{to}:{tag}"),
        &format!("{name}:{tag}"),
    ]);
    copy.env("DOCKER_CONFIG", round.registry.docker_config())
        .run()
        .ok();
    round.verify(&format!("oci://{crane}")).ok();
}

#[test]
fn an_environment_that_requires_a_signature_and_evidence_takes_a_release_only_with_them() {
    let round = Round::new();
    let namespace = TestCluster::get().namespace_named("t-round");
    let environment = round.environment(&namespace);
    round.run(&["push", "release.yaml", &round.place]).ok();
    let promote = || {
        round.run(&[
            "promote",
            &round.place,
            "-e",
            &environment,
            "-y",
            "--settle",
            "1s",
        ])
    };
    let refused = promote().exits(2);
    let message = &refused.stderr;
    assert!(message.contains("signature by cosign.pub: missing"), "{message}");
    assert!(message.contains("evidence integration: missing"), "{message}");
    let deployments = ["get", "deployments", "-o", "name", "-n", namespace.name()];
    assert_eq!(
        TestCluster::get().kubectl().args(deployments).run().ok(),
        "",
        "nothing was touched"
    );
    let differs = round.run(&["diff", &round.place, "-e", &environment]);
    assert!(differs.code != Some(0), "{}", differs.stdout);
    assert!(
        format!("{}{}", differs.stdout, differs.stderr).contains("signature by"),
        "{differs:?}"
    );
    round.attest_and_sign(&round.place);
    promote().ok();
    round.run(&["diff", &round.place, "-e", &environment]).ok();
    // No policy refuses to put back, and nothing but the cluster is needed for it.
    let revert = ["revert", "shop", "-y", "-n", namespace.name()];
    TestCluster::get().delivery().args(revert).run().ok();
    assert_eq!(TestCluster::get().kubectl().args(deployments).run().ok(), "");
}
