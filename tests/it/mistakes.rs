//! What is typed by mistake: each leads to the command or the flag that was meant, and nothing is written.

use crate::bad_input::{Folder, MAP};
use crate::harness::TestCluster;

const RELEASE: &str = "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Release\nmetadata: {name: shop, version: '1'}\nspec: {}\n";
const ENVIRONMENT: &str =
    "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Environment\nmetadata: {name: here}\nspec: {}\n";

/// Fails with this message and this hint, and writes nothing.
fn assert_mistake(folder: &Folder, line: &str, message: &str, hint: &str) {
    let before = std::fs::read_dir(folder.0.path()).unwrap().count();
    let words: Vec<&str> = line.split_whitespace().collect();
    let ran = folder.run(&words);

    assert!(matches!(ran.code, Some(1 | 2)), "{line}: {ran:?}");
    let mut lines = ran.stderr.lines();
    // Where a run has begun, its first line is about the cluster.
    let error = format!("error: {message}");
    assert!(
        lines.any(|line| line == error),
        "{line}: expected {error}: {}",
        ran.stderr
    );
    let hint = format!("hint: {hint}");
    assert!(
        lines.any(|line| line == hint),
        "{line}: expected {hint}: {}",
        ran.stderr
    );
    assert_eq!(
        std::fs::read_dir(folder.0.path()).unwrap().count(),
        before,
        "{line}"
    );
}

#[test]
fn a_file_in_the_wrong_place_is_named_by_what_it_holds_with_what_to_type() {
    let folder = Folder::with(
        "v1.yaml",
        &format!("{MAP}---\n{}", MAP.replace("name: a", "name: b")),
    );
    folder.write("shop.release.yaml", RELEASE);
    folder.write("here.yaml", ENVIRONMENT);
    std::fs::create_dir(folder.0.path().join("deploy")).unwrap();
    let record = |source: &str| {
        format!("kubectl delivery record {source} --name NAME --version VERSION -o NAME.release.yaml")
    };

    let manifests = "v1.yaml holds manifests, not a release";
    for command in [
        "promote",
        "show",
        "compare",
        "diff",
        "render",
        "wait",
        "attest --evidence a=here.yaml",
    ] {
        assert_mistake(
            &folder,
            &format!("{command} v1.yaml"),
            manifests,
            &record("-f v1.yaml"),
        );
    }
    for (line, message, hint) in [
        (
            "promote here.yaml",
            "here.yaml holds an environment, not a release",
            "name the release first, and the environment by its flag: RELEASE -e here.yaml",
        ),
        (
            "compare shop.release.yaml -e shop.release.yaml",
            "shop.release.yaml holds a release, not an environment",
            "name a release without a flag: shop.release.yaml",
        ),
        (
            "diff shop.release.yaml -e v1.yaml",
            "v1.yaml holds manifests, not an environment",
            "name manifests by their flag: -f v1.yaml",
        ),
        (
            "record -f shop.release.yaml --name shop --version 2",
            "shop.release.yaml holds a release, not manifests",
            "to record the next version: kubectl delivery record --from shop.release.yaml --version VERSION --image REPOSITORY=REFERENCE",
        ),
        (
            "diff -f shop.release.yaml",
            "shop.release.yaml holds a release, not manifests",
            "to promote it: kubectl delivery promote shop.release.yaml",
        ),
        (
            "record -f here.yaml --name shop --version 2",
            "here.yaml holds an environment, not manifests",
            "name an environment by its flag: -e here.yaml",
        ),
        (
            "promote deploy",
            "deploy is a directory, not a release",
            &record("-f deploy"),
        ),
        (
            "record -k v1.yaml --name shop --version 2",
            "v1.yaml is a file, not the directory of a kustomization",
            "name a file by its flag: -f v1.yaml",
        ),
        (
            "promote shop.release.yml",
            "shop.release.yml does not exist",
            "did you mean shop.release.yaml?",
        ),
        (
            "promote shop",
            "shop does not exist",
            "did you mean shop.release.yaml?",
        ),
        (
            "promote ghcr.io/acme/web:1",
            "ghcr.io/acme/web:1 is the name of an image, not of a release",
            "name a release in a registry by its scheme: oci://ghcr.io/acme/web:1",
        ),
        (
            "promote docker://ghcr.io/acme/web:1",
            "expected a file, oci://HOST/REPOSITORY:TAG or oci-layout:DIR, found docker://ghcr.io/acme/web:1",
            "oci://ghcr.io/acme/web:1",
        ),
        (
            "show https://example.com/shop.release.yaml",
            "expected a file, oci://HOST/REPOSITORY:TAG or oci-layout:DIR, found https://example.com/shop.release.yaml",
            "to get a file of it: curl -fLO https://example.com/shop.release.yaml",
        ),
    ] {
        assert_mistake(&folder, line, message, hint);
    }
}

#[test]
fn a_word_of_another_tool_leads_to_the_command_that_is_meant() {
    let folder = Folder::with("shop.release.yaml", RELEASE);
    for (line, message, hint) in [
        (
            "apply -f v1.yaml",
            "unknown command apply",
            "kubectl delivery promote RELEASE",
        ),
        (
            "rollout undo",
            "unknown command rollout",
            "kubectl delivery revert",
        ),
        ("undo", "unknown command undo", "kubectl delivery revert"),
        ("get releases", "unknown command get", "kubectl delivery status"),
        (
            "promot shop.release.yaml -n shop",
            "unknown command promot",
            "kubectl delivery promote shop.release.yaml -n shop",
        ),
        (
            "state verfy",
            "unknown command verfy",
            "kubectl delivery state verify",
        ),
        (
            "help nonsense",
            "unknown command nonsense",
            "kubectl delivery --help",
        ),
        (
            "promote -f shop.release.yaml",
            "missing RELEASE",
            "where it is a release: kubectl delivery promote shop.release.yaml",
        ),
        (
            "promote shop.release.yaml --tmeout 5m",
            "unknown flag --tmeout",
            "did you mean --timeout?",
        ),
        // What switches a check off is proposed to nobody.
        (
            "promote shop.release.yaml --overwrit",
            "unknown flag --overwrit",
            "kubectl delivery promote --help",
        ),
        (
            "push shop.release.yaml oci://r.example/a:1 --insecure-registr r",
            "unknown flag --insecure-registr",
            "kubectl delivery push --help",
        ),
        (
            "diff shop.release.yaml -o yam",
            "--output: expected one of text, json, yaml, name, markdown, junit, html, patch, found \"yam\"",
            "did you mean yaml?",
        ),
    ] {
        assert_mistake(&folder, line, message, hint);
    }
    // The exit code of a comparison is an error's all the same.
    folder.run(&["diff", "-o", "yam"]).exits(2);
}

#[test]
fn the_name_of_a_format_is_no_file_to_write() {
    let folder = Folder::with("shop.release.yaml", RELEASE);
    folder.write("v1.yaml", MAP);
    for line in [
        "render shop.release.yaml -o json",
        "record -f v1.yaml --name shop --version 1 --offline -o yaml",
        "pull oci-layout:nowhere -o wide",
    ] {
        let format = line.rsplit(' ').next().unwrap();
        let message = format!(
            "--output: expected a file, found the format {format:?}; a file of that name is ./{format}"
        );
        let command = line.split(' ').next().unwrap();
        assert_mistake(
            &folder,
            line,
            &message,
            &format!("kubectl delivery {command} --help"),
        );
    }
    folder
        .run(&["render", "shop.release.yaml", "-o", "./json"])
        .exits(0);
}

#[test]
fn help_may_be_asked_for_by_a_word() {
    let folder = Folder::with("shop.release.yaml", RELEASE);
    for (word, flag) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "promote"], &["promote", "--help"]),
        (&["help", "state", "verify"], &["state", "verify", "--help"]),
    ] {
        let asked = folder.run(word).exits(0);
        assert_eq!(asked.stdout, folder.run(flag).exits(0).stdout, "{word:?}");
        assert!(asked.stdout.contains("Usage:"), "{}", asked.stdout);
    }
}

#[test]
fn a_release_or_a_namespace_that_is_not_there_is_said_with_what_is() {
    let folder = Folder::with("here.yaml", ENVIRONMENT);
    let namespace = TestCluster::get().namespace_named("t-mistakes");
    folder.write("v1.yaml", MAP);
    let promote = |name: &str| {
        let file = format!("{name}.yaml");
        let record = [
            "record",
            "-q",
            "-f",
            "v1.yaml",
            "--version",
            "1",
            "--name",
            name,
            "-o",
            &file,
        ];
        folder.run(&record).ok();
        folder
            .run(&["promote", &file, "-n", namespace.name(), "-y", "--settle", "0s"])
            .ok();
    };
    promote("shop");

    let unknown = format!("no release shp in namespace {namespace}");
    for command in ["status", "history", "state verify"] {
        let hint = format!("did you mean shop? kubectl delivery {command} shop -n {namespace}");
        assert_mistake(&folder, &format!("{command} shp -n {namespace}"), &unknown, &hint);
    }
    let hint = format!("did you mean shop? kubectl delivery forget --manager kubectl shop -n {namespace}");
    let forget = format!("forget shp --manager kubectl -y -n {namespace}");
    assert_mistake(&folder, &forget, &unknown, &hint);
    let hint = format!("did you mean shop? kubectl delivery status shop -n {namespace}");
    assert_mistake(&folder, &format!("revert shp -n {namespace}"), &unknown, &hint);

    let other = format!("no release checkout in namespace {namespace}");
    let known = format!("releases in namespace {namespace}: shop");
    assert_mistake(
        &folder,
        &format!("status checkout -n {namespace}"),
        &other,
        &known,
    );

    for revision in [0, 7] {
        let message = format!("no stored release of revision {revision} of shop; stored revisions: 1");
        let hint = format!("kubectl delivery history shop -n {namespace}");
        let line = format!("revert shop --to-revision {revision} -n {namespace}");
        assert_mistake(&folder, &line, &message, &hint);
    }

    let missing = format!("{namespace}-missing");
    let message = format!("namespace {missing} does not exist");
    for line in [
        "status",
        "status shop",
        "history",
        "revert",
        "diff",
        "state verify",
    ] {
        assert_mistake(
            &folder,
            &format!("{line} -n {missing}"),
            &message,
            "kubectl get namespaces",
        );
    }
}
