//! A single check is waived by its name and with a reason, and the history says so.

use super::support::{ReleaseFile, config, contents, promote};
use crate::harness::{Run, TestCluster};
use serde_json::json;

#[test]
fn each_check_is_waived_by_its_own_name_and_the_history_keeps_name_and_reason() {
    let namespace = TestCluster::get().namespace_named("t-waive");
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"url": "x"}});
    namespace.apply(secret);
    let release = ReleaseFile::new("shop", "1", vec![config("a", json!({"a": "1"}))]);
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(release.beside("ours.pub"), key.public_key_pem()).unwrap();
    let environment = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment", "metadata": {"name": "production"},
        "spec": {"namespace": namespace.name(), "require": {"keys": ["ours.pub"], "evidence": ["integration"]},
            "external": [{"kind": "Secret", "name": "db", "keys": ["url", "password"]}]}});
    let file = release.beside("environment.yaml");
    std::fs::write(&file, environment.to_string()).unwrap();
    let with = |waived: &[&str]| {
        let mut flags = vec!["-y", "-e", file.to_str().unwrap(), "--reason", "they ran elsewhere"];
        waived.iter().for_each(|check| flags.extend(["--waive", check]));
        promote(&namespace, &release, &flags)
    };
    let all = ["signature", "evidence", "requirements"];
    let before = contents(&namespace);
    for left in all {
        let waived: Vec<&str> = all.into_iter().filter(|check| *check != left).collect();
        let ran = with(&waived).exits(2);
        let refused: Vec<&str> =
            ran.stderr.split("refused [").skip(1).filter_map(|text| text.split(']').next()).collect();
        assert_eq!(refused, [left], "{}", ran.stderr);
        assert_eq!(contents(&namespace), before);
        if left == "requirements" {
            assert!(ran.stderr.contains("expected the keys password"), "{}", ran.stderr);
        }
    }
    with(&all).exits(0);
    let history = ["history", "shop", "-n", namespace.name(), "-o", "json"];
    let history = TestCluster::get().delivery().args(history).run().exits(0).json();
    let waived = history[0]["waivers"].to_string();
    for said in all.into_iter().chain(["they ran elsewhere"]) {
        assert!(waived.contains(said), "the history does not say {said}: {history}");
    }
}
