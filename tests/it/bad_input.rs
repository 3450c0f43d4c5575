//! Bad input: each has its own clear error with its place, exit 1, and nothing is written.

use crate::harness::{Ran, Run, TestCluster};
use std::path::PathBuf;

/// A directory with files.
pub struct Folder(pub tempfile::TempDir);

impl Folder {
    pub fn with(name: &str, text: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write(name, text);
        folder
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn run(&self, words: &[&str]) -> Ran {
        TestCluster::get()
            .delivery()
            .current_dir(self.0.path())
            .args(words)
            .run()
    }

    /// `record` of a file, which must fail with this text and leave nothing behind.
    fn not_recorded(&self, file: &str, expected: &str) {
        let ran = self.run(&[
            "record",
            "-f",
            file,
            "--name",
            "shop",
            "--version",
            "1",
            "--offline",
            "-o",
            "out.yaml",
        ]);
        let ran = ran.exits(1);
        assert!(
            ran.stderr.contains(expected),
            "expected {expected}:\n{}",
            ran.stderr
        );
        assert!(ran.stderr.len() < 2000 && ran.stdout.is_empty(), "{}", ran.stderr);
        assert!(!self.0.path().join("out.yaml").exists());
    }
}

/// A ConfigMap.
pub const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

#[test]
fn manifests_that_cannot_be_read_are_named_by_file_line_and_column() {
    let bomb: String = (1..12)
        .map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", ")))
        .collect();
    let deep = format!("a: {}1{}", "[".repeat(5000), "]".repeat(5000));
    for (text, expected) in [
        (
            "kind: ConfigMap\nmetadata:\n  name: a\n   b: c\n".to_owned(),
            "in.yaml:4:",
        ),
        (format!("{MAP}data: {{a: 1, a: 2}}\n"), "in.yaml:4:"),
        (
            "metadata: {name: a}\napiVersion: v1\n".into(),
            "in.yaml, document 1: expected a Kubernetes object, found no kind",
        ),
        ("kind: A\nmetadata: {name: a}\n".into(), "found no apiVersion"),
        (
            "apiVersion: v1\nkind: ConfigMap\n".into(),
            "found no metadata.name",
        ),
        (
            format!("{MAP}---\n{MAP}"),
            "ConfigMap a is defined twice: in in.yaml and in in.yaml",
        ),
        (format!("a0: &a0 x\n{bomb}"), "in.yaml:"),
        (deep, "in.yaml:"),
        ("just text\n".into(), "expected a Kubernetes object"),
        ("- a\n- b\n".into(), "expected a Kubernetes object"),
        (String::new(), "no manifests in in.yaml"),
        (
            MAP.replace("{name: a}", "{name: a, namespace: 01234}"),
            "in.yaml, document 1: metadata.namespace: expected text, found the number 668",
        ),
        (
            MAP.replace("{name: a}", "{name: on}"),
            "metadata.name: expected text, found the boolean true",
        ),
        (
            MAP.replace("kind: ConfigMap", "kind: [a]"),
            "kind: expected text, found a list",
        ),
        (
            format!("{MAP}data: {{~: x}}\n"),
            "in.yaml:4:8: expected a string as key",
        ),
        (
            r#"{"apiVersion": "v1", "kind": "A", "kind": "B"}"#.into(),
            "in.yaml:1:35: duplicate key \"kind\"",
        ),
    ] {
        let folder = Folder::with("in.yaml", &text);
        folder.not_recorded("in.yaml", expected);
    }
    let folder = Folder::with("in.yaml", MAP);
    std::fs::write(folder.0.path().join("latin.yaml"), b"a: 1\nb: \xe9\n").unwrap();
    folder.not_recorded("latin.yaml", "latin.yaml:2:1: not UTF-8");
    folder.not_recorded("/dev/zero", "/dev/zero is a device, not a file");
    folder.not_recorded("nothing.yaml", "nothing.yaml does not exist");
}

#[test]
fn an_output_that_cannot_be_written_leaves_what_was_there() {
    let folder = Folder::with("in.yaml", MAP);
    let record = |output: &str| {
        folder.run(&[
            "record",
            "-f",
            "in.yaml",
            "--name",
            "shop",
            "--version",
            "1",
            "-q",
            "-o",
            output,
        ])
    };
    record("out.yaml").ok();
    let before = std::fs::read(folder.0.path().join("out.yaml")).unwrap();
    folder.write("in.yaml", "a: [");
    record("out.yaml").exits(1);
    assert_eq!(std::fs::read(folder.0.path().join("out.yaml")).unwrap(), before);
    folder.write("in.yaml", MAP);
    let ran = record("nowhere/out.yaml").exits(1);
    assert!(
        ran.stderr.contains("cannot write nowhere/out.yaml"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_release_of_a_newer_version_or_of_another_kind_is_refused_by_name() {
    let release = "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Release\nmetadata: {name: shop, version: '1'}\nspec: {}\n";
    for (from, to, expected) in [
        (
            "v1alpha1",
            "v9",
            "expected kubectl-delivery.io/v1alpha1 Release, found kubectl-delivery.io/v9 Release",
        ),
        (
            "Release",
            "Environment",
            "r.yaml holds an environment, not a release",
        ),
        (
            "spec: {}",
            "spec: {imges: []}",
            "r.yaml:4:8: unknown field `imges`",
        ),
        (
            "spec: {}",
            "spec: {images: [{reference: a, digest: 'sha256:12'}]}",
            "r.yaml:4:",
        ),
        (
            "name: shop",
            "name: 'Not a label'",
            "expected metadata.name to be a DNS label",
        ),
    ] {
        let folder = Folder::with("r.yaml", &release.replace(from, to));
        let ran = folder.run(&["show", "r.yaml"]).exits(1);
        assert!(
            ran.stderr.contains(expected),
            "expected {expected}:\n{}",
            ran.stderr
        );
    }
    let folder = Folder::with("r.yaml", &release.replace("v1alpha1", "v9"));
    assert!(
        folder
            .run(&["show", "r.yaml"])
            .stderr
            .contains("kubectl krew upgrade delivery")
    );
}

#[test]
fn an_environment_says_by_line_and_column_what_is_wrong_with_it() {
    let release = "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Release\nmetadata: {name: shop, version: '1'}\nspec:\n  objects:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n";
    let rule = "  differences:\n  - target: {kind: ConfigMap}\n    reason: r\n";
    for (spec, place, expected) in [
        (
            "  diferences: []\n".to_owned(),
            "e.yaml:5:3",
            "unknown field `diferences`",
        ),
        (
            rule.replace("kind:", "kid:"),
            "e.yaml:6:14",
            "unknown field `kid`",
        ),
        (
            format!("{rule}    when: desired ++\n"),
            "e.yaml:8:11",
            "the expression is wrong at its character 10",
        ),
        (
            format!("{rule}    path: data/A\n"),
            "e.yaml:8:11",
            "it does not start with a slash",
        ),
        (
            format!("{rule}    path: /spec/[name\n"),
            "e.yaml:8:11",
            "expected a path such as",
        ),
        (format!("{rule}    expires: 2026-02-31\n"), "e.yaml:8:14", "date"),
        (
            rule.replace("    reason: r\n", ""),
            "e.yaml:6:5",
            "missing field `reason`",
        ),
        (
            "  untested: maybe\n".into(),
            "e.yaml:5:13",
            "expected one of refuse, report",
        ),
        (
            "  healthChecks:\n  - {kind: A, current: self.}\n".into(),
            "e.yaml:6:24",
            "the expression is wrong",
        ),
        (
            "  manifests: {kustomize: nowhere}\n".into(),
            "kubectl kustomize",
            "nowhere failed: must build at directory",
        ),
    ] {
        let folder = Folder::with("r.yaml", release);
        let header =
            "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Environment\nmetadata: {name: e}\nspec:\n";
        folder.write("e.yaml", &format!("{header}{spec}"));
        let ran = folder.run(&["compare", "r.yaml", "-e", "e.yaml"]).exits(2);
        assert!(
            ran.stderr.contains(place) && ran.stderr.contains(expected),
            "{place} {expected}:\n{}",
            ran.stderr
        );
        assert!(
            !ran.stderr.contains("<input>") && !ran.stderr.contains("run.go"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_rule_that_has_expired_allows_nothing_and_says_where_it_stands() {
    let folder = Folder::with(
        "r.yaml",
        "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Release\nmetadata: {name: shop, version: '1'}\nspec:\n  objects:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {A: '1'}}\n",
    );
    folder.write("here.yaml", &format!("{MAP}data: {{A: '2'}}\n"));
    let environment = |date: &str| {
        folder.write("e.yaml", &format!(
            "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Environment\nmetadata: {{name: e}}\nspec:\n  manifests: {{files: [here.yaml]}}\n  differences:\n  - target: {{kind: ConfigMap}}\n    path: /data/A\n    reason: r\n    expires: {date}\n"
        ));
        folder.run(&["compare", "r.yaml", "-e", "e.yaml"])
    };
    let ran = environment("2020-01-01").exits(1);
    assert!(
        ran.stdout
            .contains("rule 1 (r) has expired and allows nothing (e.yaml:10:14)"),
        "{}",
        ran.stdout
    );
    environment("2999-01-01").ok();
}

#[test]
fn a_release_that_cannot_be_read_is_refused_in_words_of_its_reader() {
    let release = "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Release\nmetadata: {name: shop, version: '1'}\nspec: {}\n";
    let json = r#"{"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release", "metadata": {"name": "shop", "version": "1"}, "spec": {"objects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1", "a": "2"}}]}}"#;
    for (text, expected) in [
        (format!("{release}kind: Release\n"), "duplicate key \"kind\""),
        (
            format!("{release}---\n{release}"),
            "expected one document, found 2",
        ),
        (json.to_owned(), "duplicate key \"a\""),
        (release.replace("spec: {}", "spec: 1"), "expected an object"),
        (
            release.replace("spec: {}", "spec: {images: 1}"),
            "expected a list",
        ),
    ] {
        let ran = Folder::with("r.yaml", &text).run(&["show", "r.yaml"]).exits(1);
        assert!(
            ran.stderr.contains(expected),
            "expected {expected}:\n{}",
            ran.stderr
        );
        for foreign in [
            "DuplicateKeyPolicy",
            "from_str_multiple",
            "Options",
            "struct ",
            "ReleaseSpec",
        ] {
            assert!(!ran.stderr.contains(foreign), "{foreign}:\n{}", ran.stderr);
        }
    }
}

#[test]
fn a_file_with_more_values_than_memory_should_hold_is_refused() {
    let list = "{},".repeat(2_100_000);
    let json = format!(
        "{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{}{{}}]}}",
        list
    );
    Folder::with("in.json", &json).not_recorded("in.json", "more than 2000000 values in one file");
}
