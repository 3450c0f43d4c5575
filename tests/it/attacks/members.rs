//! Whoever may write the inventory's ConfigMap puts a member into it that lies about its kind: who compares, promotes or looks
//! with more rights must not show them a Secret.

use super::traces::assert_no_trace;
use crate::harness::{Namespace, Ran, Run, TestCluster};
use crate::promote::support::{ReleaseFile, config, contents, promote};
use serde_json::{Value, json};

const VALUE: &str = "correct-horse-battery";

/// A promoted release beside a Secret, and an account that may write its inventory alone: it adds `lines`.
fn with_members(lines: &str) -> (Namespace, ReleaseFile) {
    let namespace = TestCluster::get().namespace_named("t-members");
    let release = ReleaseFile::new("shop", "1", vec![config("a", json!({"a": "1"}))]);
    promote(&namespace, &release, &["-y"]).exits(0);
    let literal = format!("--from-literal=password={VALUE}");
    namespace
        .kubectl()
        .args(["create", "secret", "generic", "db", &literal])
        .run()
        .ok();

    let attacker =
        namespace
            .user("clerk")
            .may_named(&["get", "update"], "", "configmaps", &["delivery-shop"]);
    let attacker = attacker.ready();
    let kubectl = || {
        let mut kubectl = TestCluster::get().kubectl();
        kubectl
            .arg("--kubeconfig")
            .arg(attacker.kubeconfig())
            .args(["-n", namespace.name()]);
        kubectl
    };
    kubectl().args(["get", "secret", "db"]).run().exits(1);
    let mut map: Value = kubectl()
        .args(["get", "configmap", "delivery-shop", "-o", "json"])
        .run()
        .exits(0)
        .json();
    let members = map["data"]["members"].as_str().unwrap();
    let added = lines.replace("NS", namespace.name());
    map["data"]["members"] = format!("{members}{added}").into();
    kubectl()
        .args(["replace", "-f", "-"])
        .run_with(&map.to_string())
        .exits(0);
    drop(attacker);
    (namespace, release)
}

fn diff(namespace: &Namespace, release: Option<&ReleaseFile>, tool: Option<&str>) -> Ran {
    let mut diff = TestCluster::get().delivery();
    diff.arg("diff")
        .args(release.map(ReleaseFile::path))
        .args(["-n", namespace.name()]);
    diff.envs(tool.map(|tool| ("KUBECTL_EXTERNAL_DIFF", tool))).run()
}

#[test]
fn a_member_that_lies_about_its_kind_stops_diff_and_promote_and_shows_no_secret() {
    // Of many the objects are listed, and a list's items say no kind of their own.
    let many: String = (0..8)
        .map(|n| format!("v1 secrets ConfigMap NS none-{n}\n"))
        .collect();
    let (namespace, release) = with_members(&format!("v1 secrets ConfigMap NS db\n{many}"));
    let before = contents(&namespace);
    for given in [Some(&release), None] {
        for tool in [None, Some("diff -u -N"), Some("grep -r .")] {
            let ran = diff(&namespace, given, tool).exits(2);
            assert_no_trace(VALUE, &(ran.stdout + &ran.stderr), "diff");
        }
    }
    let next = ReleaseFile::new("shop", "2", vec![config("a", json!({"a": "2"}))]);
    for flags in [&["-y"][..], &["--dry-run=server"], &["-y", "-o", "json"]] {
        let ran = promote(&namespace, &next, flags).exits(2);
        assert_no_trace(VALUE, &(ran.stdout + &ran.stderr), "promote");
    }
    for command in [
        &["status"][..],
        &["history", "shop"],
        &["revert", "shop", "-y"],
        &["images"],
    ] {
        let ran = TestCluster::get()
            .delivery()
            .args(command)
            .args(["-n", namespace.name()])
            .run();
        assert_no_trace(VALUE, &(ran.stdout + &ran.stderr), command[0]);
    }
    assert_eq!(contents(&namespace), before, "nothing was changed");
}

#[test]
fn a_secret_that_was_put_among_the_members_reaches_another_tool_without_its_value() {
    let (namespace, release) = with_members("v1 secrets Secret NS db\n");
    for tool in ["diff -u -N", "grep -r ."] {
        let ran = diff(&namespace, Some(&release), Some(tool));
        assert_no_trace(VALUE, &(ran.stdout + &ran.stderr), tool);
    }
}
