//! The recipe of the images: what it copies is there and is sent to the builder, and both are what they are said to be.

use crate::{read, root};
use std::path::Path;

/// The sources of each `COPY` out of the checkout.
fn copied() -> Vec<String> {
    let text = read("Dockerfile");
    let lines = text.lines().filter_map(|line| line.strip_prefix("COPY "));
    lines
        .filter(|line| !line.starts_with("--from="))
        .flat_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words[..words.len() - 1]
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn all_that_is_copied_is_there_and_reaches_the_builder() {
    let ignored = read(".dockerignore");
    let sent: Vec<&str> = ignored
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    let copied = copied();
    assert!(copied.len() > 4, "{copied:?}");
    for path in copied {
        assert!(root().join(&path).exists(), "{path} is not there");
        let is_sent = sent
            .iter()
            .any(|sent| path == *sent || Path::new(&path).starts_with(sent));
        assert!(is_sent, ".dockerignore leaves {path} out");
    }
}

#[test]
fn both_images_run_as_a_user_without_rights_and_the_small_one_is_the_last() {
    let text = read("Dockerfile");
    let stages: Vec<&str> = text.split("\nFROM ").skip(1).collect();
    let stage = |name: &str| {
        let find = stages
            .iter()
            .find(|stage| stage.lines().next().unwrap().ends_with(&format!(" AS {name}")));
        *find.unwrap_or_else(|| panic!("there is no stage {name}"))
    };
    for name in ["shell", "program"] {
        assert!(stage(name).contains("\nUSER 65532:65532\n"), "{name}");
        assert!(
            stage(name).contains("COPY --from=build /linux_$TARGETARCH/kubectl-delivery /usr/local/bin/")
        );
    }
    assert!(
        stages.last().unwrap().contains(" AS program"),
        "a build without --target makes the last one"
    );
    // What the component runs is where it looks for it.
    assert!(stage("shell").contains("COPY actions/scripts /usr/local/lib/kubectl-delivery"));
    for component in ["templates/record.yml", "templates/diff.yml"] {
        let text = read(component);
        let script = text
            .split("bash /usr/local/lib/kubectl-delivery/")
            .nth(1)
            .unwrap();
        let script = script.lines().next().unwrap();
        assert!(
            root().join("actions/scripts").join(script).exists(),
            "{component}: {script}"
        );
    }
}
