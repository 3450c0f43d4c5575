//! `record` and `attest`: what tests found, in which run, of which sources.

mod from_cluster;

use crate::harness::{Ran, Run, TestCluster};
use rstest::rstest;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const PASSED: &str = r#"<?xml version="1.0"?>
<testsuites tests="99"><testsuite name="a"><testcase name="one"/><testcase name="two"><skipped/></testcase></testsuite></testsuites>"#;
const FAILED: &str = r#"<testsuite><testcase name="one"><failure>expected 1</failure></testcase><testcase name="two"><error/></testcase><testcase name="three"/></testsuite>"#;

struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        scene.write(
            "in.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: '1'}\n",
        );
        scene.write("good.xml", PASSED);
        scene.write("bad.xml", FAILED);
        scene
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `record` of the manifests in `in.yaml` into `shop.yaml`.
    fn record(&self, flags: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = TestCluster::get().delivery();
        command
            .current_dir(self.folder.path())
            .envs(variables.iter().copied());
        command.args([
            "record",
            "-f",
            "in.yaml",
            "--name",
            "shop",
            "--version",
            "1",
            "-o",
            "shop.yaml",
        ]);
        command.args(flags).run()
    }

    fn attest(&self, flags: &[&str]) -> Ran {
        let mut command = TestCluster::get().delivery();
        command
            .current_dir(self.folder.path())
            .args(["attest", "shop.yaml"])
            .args(flags)
            .run()
    }

    fn predicate(&self, name: &str) -> Value {
        let text = std::fs::read(self.path(&format!("shop.yaml.{name}.intoto.json"))).unwrap();
        let statement: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
        let digest = kubectl_delivery::testing::model::Sha256Digest::compute(
            &std::fs::read(self.path("shop.yaml")).unwrap(),
        );
        assert_eq!(statement["subject"][0]["digest"]["sha256"], digest.hex());
        statement["predicate"].clone()
    }

    fn files(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.folder.path()).unwrap();
        names
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|n| n.starts_with("shop"))
            .collect()
    }
}

#[test]
fn evidence_is_counted_from_the_test_cases_and_identified_by_its_bytes() {
    let scene = Scene::new();
    scene.write("load.json", "{}");
    scene
        .record(
            &[
                "--evidence",
                "integration=good.xml",
                "--evidence",
                "load=load.json",
            ],
            &[],
        )
        .ok();
    let digest =
        |text: &str| kubectl_delivery::testing::model::Sha256Digest::compute(text.as_bytes()).to_string();
    assert_eq!(
        scene.predicate("integration"),
        json!({"name": "integration", "files": [{"name": "good.xml", "digest": digest(PASSED)}],
            "totals": {"tests": 2, "failures": 0, "errors": 0, "skipped": 1}})
    );
    let load = scene.predicate("load");
    assert_eq!(
        load,
        json!({"name": "load", "files": [{"name": "load.json", "digest": digest("{}")}]})
    );
    let release = std::fs::read(scene.path("shop.yaml")).unwrap();
    // The same by two commands.
    scene.attest(&["--evidence", "again=good.xml"]).ok();
    assert_eq!(
        scene.predicate("again")["totals"],
        scene.predicate("integration")["totals"]
    );
    assert_eq!(
        std::fs::read(scene.path("shop.yaml")).unwrap(),
        release,
        "evidence is never inside"
    );
}

#[test]
fn a_report_with_failures_is_refused_unless_they_are_accepted_with_a_reason() {
    let scene = Scene::new();
    let ran = scene.record(&["--evidence", "bad.xml"], &[]).exits(1);
    assert!(
        ran.stderr.contains("2 of 3 tests failed") && ran.stderr.contains("--accept-failures"),
        "{}",
        ran.stderr
    );
    assert!(
        scene.files().is_empty(),
        "nothing is written: {:?}",
        scene.files()
    );
    scene
        .record(&["--evidence", "bad.xml", "--accept-failures", "known: #12"], &[])
        .ok();
    let predicate = scene.predicate("test");
    assert_eq!(
        predicate["totals"],
        json!({"tests": 3, "failures": 1, "errors": 1, "skipped": 0})
    );
    assert_eq!(predicate["waived"], "known: #12");
}

#[rstest]
#[case::empty("", "is empty")]
#[case::cut_off(&PASSED[..PASSED.len() - 20], "is truncated within")]
#[case::a_page("<html><body>502</body></html>", "found <html>")]
#[case::no_tests(r#"<testsuites tests="0"/>"#, "has no test")]
#[case::an_entity(
    r#"<!DOCTYPE t [<!ENTITY f "x">]><testsuite><testcase>&f;</testcase></testsuite>"#,
    "DOCTYPE"
)]
fn what_is_no_report_of_tests_that_ran_makes_no_evidence(#[case] text: &str, #[case] why: &str) {
    let scene = Scene::new();
    scene.record(&[], &[]).ok();
    scene.write("report.xml", text);
    let before = scene.files();
    let ran = scene
        .attest(&["--evidence", "integration=report.xml", "--accept-failures", "all"])
        .exits(1);
    assert!(
        ran.stderr.contains("report.xml: ") && ran.stderr.contains(why),
        "{}",
        ran.stderr
    );
    assert_eq!(scene.files(), before, "nothing is written");
}

#[test]
fn the_run_is_the_one_that_the_ci_system_tells_and_a_flag_wins() {
    let github = [
        ("GITHUB_SERVER_URL", "https://github.example"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_RUN_ID", "77"),
    ];
    let gitlab = [("CI_PIPELINE_URL", "https://gitlab.example/p/5")];
    let jenkins = [("BUILD_URL", "https://jenkins.example/job/6/")];
    let cases = [
        (
            &github[..],
            &[][..],
            "https://github.example/acme/shop/actions/runs/77",
        ),
        (&gitlab, &[], "https://gitlab.example/p/5"),
        (&jenkins, &[], "https://jenkins.example/job/6/"),
        (
            &github,
            &["--run-url", "https://own.example/9"],
            "https://own.example/9",
        ),
    ];
    for (variables, flags, expected) in cases {
        let scene = Scene::new();
        let flags = [&["--evidence", "good.xml"], flags].concat();
        scene.record(&flags, variables).ok();
        assert_eq!(scene.predicate("test")["run"], expected);
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args([
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.com",
        "-c",
        "init.defaultBranch=main",
    ]);
    git.args(arguments).current_dir(folder).run().ok()
}

#[test]
fn the_sources_are_gits_without_credentials_and_a_dirty_work_tree_is_said() {
    let scene = Scene::new();
    let folder = scene.folder.path();
    git(folder, &["init", "-q"]);
    git(
        folder,
        &["remote", "add", "origin", "https://ci:hunter2@git.example/shop"],
    );
    git(folder, &["add", "."]);
    git(folder, &["commit", "-qm", "one"]);
    let revision = git(folder, &["rev-parse", "HEAD"]).trim().to_owned();
    let ran = scene.record(&[], &[]);
    assert!(!ran.stderr.contains("working tree"), "{}", ran.stderr);
    let text = std::fs::read_to_string(scene.path("shop.yaml")).unwrap();
    assert!(
        text.contains(&format!("revision: {revision}"))
            && text.contains("repository: https://git.example/shop"),
        "{text}"
    );
    assert!(!text.contains("dirty") && !text.contains("hunter2"), "{text}");
    // What CI itself leaves is no change of the sources: recording again gives the same bytes.
    scene.record(&["--evidence", "good.xml"], &[]).ok();
    assert_eq!(std::fs::read_to_string(scene.path("shop.yaml")).unwrap(), text);
    scene.write(
        "in.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
    );
    let ran = scene.record(&["--source", "https://elsewhere.example/shop"], &[]);
    assert!(
        ran.stderr.contains("the working tree has uncommitted changes"),
        "{}",
        ran.stderr
    );
    let text = std::fs::read_to_string(scene.path("shop.yaml")).unwrap();
    assert!(
        text.contains("dirty: true") && text.contains("repository: https://elsewhere.example/shop"),
        "{text}"
    );
}

#[test]
fn evidence_needs_a_file_to_lie_beside() {
    let scene = Scene::new();
    let mut command = TestCluster::get().delivery();
    command.current_dir(scene.folder.path());
    command.args([
        "record",
        "-f",
        "in.yaml",
        "--name",
        "shop",
        "--version",
        "1",
        "--evidence",
        "good.xml",
    ]);
    let ran = command.run().exits(1);
    assert!(
        ran.stderr.contains("evidence needs a file for the release") && ran.stdout.is_empty(),
        "{}",
        ran.stderr
    );
}
