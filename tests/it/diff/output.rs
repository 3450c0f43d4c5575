//! What `diff` puts out: no secret and no control sequence, what to type next, files for another tool, recent changes.

use super::{SHOP, Scene};
use crate::harness::{Run, TestCluster};

#[test]
fn no_format_shows_a_byte_of_a_secret() {
    let scene = Scene::applied(&[]);
    scene.write(&SHOP.replace("correct-horse-battery", "another-long-value"));
    for format in ["text", "json", "yaml", "name", "markdown", "junit", "html"] {
        for verbosity in ["0", "9"] {
            let ran = scene.diff(&["-o", format, "-v", verbosity]).exits(1);
            for text in [&ran.stdout, &ran.stderr] {
                for secret in [
                    "correct-horse",
                    "another-long",
                    "Y29ycmVjdC1ob3JzZS",
                    "YW5vdGhlci1sb25n",
                ] {
                    assert!(!text.contains(secret), "{format} -v {verbosity}: {text}");
                }
            }
            assert!(
                format == "name" || ran.stdout.contains("secret "),
                "{format}: {}",
                ran.stdout
            );
        }
    }
}

#[test]
fn control_sequences_from_the_cluster_do_not_reach_the_terminal() {
    let scene = Scene::applied(&["--server-side"]);
    scene.kubectl(&[
        "annotate",
        "deployment/web",
        "evil=a\u{1b}[2J\u{1b}]0;title\u{7}b\u{202e}c",
    ]);
    for format in ["text", "json", "markdown", "html", "junit"] {
        let ran = scene.diff(&["-o", format]).exits(1);
        assert!(
            !ran.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}']),
            "{format}: {:?}",
            ran.stdout
        );
    }
}

#[test]
fn what_to_type_next_names_the_files_as_they_were_given() {
    let scene = Scene::new();
    let file = |name: &str, text: &str| {
        let file = scene.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let head = "apiVersion: kubectl-delivery.io/v1alpha1\nkind:";
    let release = file(
        "of-today.yaml",
        &format!(
            "{head} Release\nmetadata: {{name: shop, version: '1'}}\nspec:\n  objects:\n  - {{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}}}\n"
        ),
    );
    let environment = file(
        "production.yaml",
        &format!("{head} Environment\nmetadata: {{name: production}}\nspec: {{}}\n"),
    );
    let mut command = TestCluster::get().delivery();
    command.args(["diff", "-n", scene.namespace.name(), &release, "-e", &environment]);
    // One line, however long the folder's name is.
    let outcome = command.env("COLUMNS", "400").run().exits(1).stdout;
    let next = format!(
        "kubectl delivery promote {release} -e {environment} -n {}",
        scene.namespace.name()
    );
    assert!(
        outcome
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains(&next),
        "{outcome}"
    );
}

#[test]
fn an_external_tool_gets_the_objects_as_files_and_no_value_of_a_secret() {
    let scene = Scene::new();
    let file = scene.write(SHOP);
    scene
        .namespace
        .kubectl()
        .arg("apply")
        .arg("-f")
        .arg(&file)
        .run()
        .ok();
    let changed = SHOP
        .replace("LEVEL: info", "LEVEL: debug")
        .replace("correct-horse-battery", "another-horse");
    let file = scene.write(&changed);
    let diff = |tool: &str| {
        let mut command = TestCluster::get().delivery();
        command
            .env("KUBECTL_EXTERNAL_DIFF", tool)
            .args(["diff", "-n", scene.namespace.name(), "-f"]);
        command.arg(&file).run()
    };
    let shown = diff("diff -u -N -r").exits(1).stdout;
    assert!(
        shown.contains("-  LEVEL: info") && shown.contains("+  LEVEL: debug"),
        "{shown}"
    );
    assert!(
        shown.contains("‹secret "),
        "that a Secret differs is seen: {shown}"
    );
    for secret in [
        "correct-horse",
        "another-horse",
        "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5",
        "YW5vdGhlci1ob3JzZQ==",
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let missing = diff("no-such-tool-anywhere");
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
    assert!(
        missing.stderr.contains("no-such-tool-anywhere"),
        "{}",
        missing.stderr
    );
}

#[test]
fn what_changed_lately_is_told_with_whose_hand_it_was() {
    let scene = Scene::new();
    let file = scene.write(SHOP);
    scene
        .namespace
        .kubectl()
        .arg("apply")
        .arg("-f")
        .arg(&file)
        .run()
        .ok();
    let since = |period: &str, words: &[&str]| {
        let mut command = TestCluster::get().delivery();
        command
            .args(["diff", "--since", period, "-n", scene.namespace.name()])
            .args(words)
            .arg("-f");
        command.arg(&file).run()
    };
    scene
        .namespace
        .kubectl()
        .args(["scale", "deployment/web", "--replicas", "2"])
        .run()
        .ok();
    let ran = since("1h", &[]).exits(1);
    assert!(
        ran.stdout.starts_with("5 objects changed in the last 1h"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("kubectl (manually)") && ran.stdout.contains("/spec/replicas"),
        "{}",
        ran.stdout
    );
    std::thread::sleep(std::time::Duration::from_secs(3));
    // The server notes no time of a scale: it may have been now.
    let ran = since("1s", &[]).exits(1);
    assert!(
        ran.stdout.starts_with("1 object changed in the last 1s"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("kubectl (manually), time unknown"),
        "{}",
        ran.stdout
    );
    let all = since("1h", &["-o", "json"]).exits(1).json();
    assert_eq!(
        all.as_array().unwrap().len(),
        5,
        "all were made within the hour: {all}"
    );
    assert!(
        !since("1h", &[]).stdout.contains("correct-horse"),
        "a Secret's fields are named, not its values"
    );
}
