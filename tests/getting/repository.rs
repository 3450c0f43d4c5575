//! What the documents say of this repository's own commands and files.

use crate::{read, root};
use std::collections::BTreeSet;

/// `make …` in a line of a script or in a span of a document.
fn make_lines(text: &str) -> BTreeSet<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| line.starts_with("make "))
        .map(String::from)
        .collect()
}

#[test]
fn the_readme_lists_the_commands_that_ci_calls_and_no_others() {
    let readme = read("README.md");
    let section = readme
        .split("\n## Build and test\n")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let spans = section.split('`').skip(1).step_by(2);
    let listed: BTreeSet<String> = spans
        .filter(|span| span.starts_with("make"))
        .map(String::from)
        .collect();
    assert_eq!(listed, make_lines(&read(".ci/run")));
}

#[test]
fn the_images_and_actions_that_documents_name_are_those_of_this_repository() {
    for file in ["docs/ci.md", "docs/install.md", "deploy/job.yaml"] {
        let text = read(file);
        let ours = text
            .split_whitespace()
            .filter(|word| word.contains("kubectl-delivery/kubectl-delivery"));
        for word in ours.filter(|word| word.contains('@') && !word.contains("sha256")) {
            // `kubectl-delivery/kubectl-delivery/actions/diff@v0.1.0` is a directory with an action.
            let path = word.split("kubectl-delivery/kubectl-delivery").nth(1).unwrap();
            let path = path.split('@').next().unwrap().trim_start_matches('/');
            assert!(root().join(path).join("action.yml").exists(), "{file}: {word}");
        }
        assert!(
            !text.contains("ghcr.io/acme/kubectl-delivery"),
            "{file} names an image that nobody makes"
        );
    }
}

#[test]
fn the_security_policy_says_where_to_report_and_what_is_verified() {
    let policy = read("SECURITY.md");
    for text in [
        "/security/advisories/new",
        "gh attestation verify",
        "docs/security.md",
    ] {
        assert!(policy.contains(text), "{text}");
    }
    assert!(root().join("docs/security.md").exists());
}
