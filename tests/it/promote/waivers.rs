//! One finding is waived by its name and with a reason; the plan says what that gave up, and the history keeps it.

use super::support::{ReleaseFile, config, contents, promote};
use crate::harness::{Run, TestCluster};
use serde_json::json;

#[test]
fn each_finding_is_waived_by_its_own_name_and_the_history_keeps_name_and_reason() {
    let namespace = TestCluster::get().namespace_named("t-waive");
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"url": "x"}});
    namespace.apply(secret);
    let release = ReleaseFile::new("shop", "1", vec![config("a", json!({"a": "1"}))]);
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(release.sibling("ours.pub"), key.public_key_pem()).unwrap();
    let environment = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment", "metadata": {"name": "production"},
        "spec": {"namespace": namespace.name(), "require": {"keys": ["ours.pub"], "evidence": ["integration"]},
            "external": [{"kind": "Secret", "name": "db", "keys": ["url", "password"]}]}});
    let file = release.sibling("environment.yaml");
    std::fs::write(&file, environment.to_string()).unwrap();
    let with = |waived: &[&str]| {
        let mut flags = vec![
            "-y",
            "-e",
            file.to_str().unwrap(),
            "--reason",
            "they ran elsewhere",
        ];
        waived.iter().for_each(|check| flags.extend(["--waive", check]));
        promote(&namespace, &release, &flags)
    };
    let all = ["signature", "evidence=integration", "requirements=Secret/db"];
    let before = contents(&namespace);
    for left in all {
        let waived: Vec<&str> = all.into_iter().filter(|check| *check != left).collect();
        let ran = with(&waived).exits(2);
        let refused: Vec<&str> = ran
            .stderr
            .split("error [")
            .skip(1)
            .filter_map(|text| text.split(']').next())
            .collect();
        assert_eq!(refused, [left.split('=').next().unwrap()], "{}", ran.stderr);
        assert_eq!(contents(&namespace), before);
        if left.starts_with("requirements") {
            assert!(ran.stderr.contains("missing key \"password\""), "{}", ran.stderr);
        }
    }
    with(&all).exits(0);
    let history = ["history", "shop", "-n", namespace.name(), "-o", "json"];
    let history = TestCluster::get().delivery().args(history).run().exits(0).json();
    let waived = history[0]["waivers"].to_string();
    for message in all.into_iter().chain(["they ran elsewhere"]) {
        let message = message.split('=').next_back().unwrap();
        assert!(
            waived.contains(message),
            "the history does not say {message}: {history}"
        );
    }
}

#[test]
fn a_waiver_covers_the_finding_that_it_names_and_no_other_of_its_check() {
    let namespace = TestCluster::get().namespace_named("t-waive");
    let tested = ["a", "b"].map(|name| config(name, json!({"x": "1", "y": "1"})));
    let release = ReleaseFile::new("shop", "1", tested.to_vec());
    let desired = ["a", "b"].map(|name| config(name, json!({"x": "2", "y": "2"})));
    let file = release.sibling("desired.json");
    std::fs::write(
        &file,
        json!({"apiVersion": "v1", "kind": "List", "items": desired}).to_string(),
    )
    .unwrap();
    let with = |waived: &[&str]| {
        let mut flags = vec!["--dry-run=server", "-o", "json", "-f", file.to_str().unwrap()];
        waived.iter().for_each(|item| flags.extend(["--waive", item]));
        promote(&namespace, &release, &flags)
    };
    let whole = format!("untested=ConfigMap/{namespace}/b");
    for (waived, left) in [
        (vec!["untested=ConfigMap/a"], "b"),
        (vec!["untested=ConfigMap/a/data/x", &whole], "a"),
        (vec!["untested=ConfigMap/a/data/x", "untested=ConfigMap/b"], "a"),
    ] {
        let ran = with(&waived).exits(2);
        let refused: Vec<&str> = ran
            .stderr
            .lines()
            .filter(|line| line.starts_with("error ["))
            .collect();
        assert_eq!(refused.len(), 1, "{}", ran.stderr);
        assert!(
            refused[0].contains(&format!("ConfigMap {namespace}/{left}")),
            "{}",
            ran.stderr
        );
        let hint = format!("--waive untested=ConfigMap/{namespace}/{left} --reason TEXT");
        assert!(ran.stderr.contains(&hint), "{}", ran.stderr);
    }
    let plan = with(&[
        "untested=ConfigMap/a/data/x",
        "untested=ConfigMap/a/data/y",
        &whole,
    ])
    .exits(0)
    .json();
    let waivers = plan["waivers"].as_array().unwrap();
    assert_eq!(waivers.len(), 3, "{waivers:?}");
    for waiver in waivers {
        assert!(
            waiver["gaveUp"][0].as_str().unwrap().contains("/data/x, /data/y"),
            "{waiver}"
        );
    }
    for bare in ["untested", "requirements", "evidence", "ownership=ConfigMap/a"] {
        with(&[bare]).exits(1);
    }
}
