//! TAB, as kubectl and the shells ask for it.

use crate::harness::{AT_ONCE, Run, TestCluster, delivery, linked_as};
use serde_json::json;

/// What kubectl itself proposes after `kubectl delivery …`, through the completer's link on PATH.
fn proposed(words: &[&str]) -> Vec<String> {
    let cluster = TestCluster::get();
    let folder = tempfile::tempdir().unwrap();
    linked_as("kubectl-delivery", folder.path(), &cluster.tools);
    let ran = linked_as("kubectl_complete-delivery", folder.path(), &cluster.tools)
        .env("KUBECONFIG", &cluster.kubeconfig)
        .args(["__complete", "delivery"])
        .args(words)
        .run();
    ran.ok().lines().map(Into::into).collect()
}

#[test]
fn kubectl_proposes_our_commands_with_their_help() {
    let lines = proposed(&["ver"]);
    let version = "version\tPrint the versions of this program and of the API server".to_owned();
    assert!(lines.contains(&version), "{lines:?}");
    assert!(lines.contains(&":4".to_owned()), "{lines:?}");
}

#[test]
fn kubectl_proposes_contexts_and_namespaces_as_values() {
    let context = TestCluster::get().context();
    assert_eq!(proposed(&["version", "--context", ""])[0], context);
    assert_eq!(
        proposed(&["version", "--context=kwok"])[0],
        format!("--context={context}")
    );
    let namespaces = proposed(&["version", "-n", "kube-"]);
    assert!(namespaces.contains(&"kube-system".to_owned()), "{namespaces:?}");
    assert_eq!(
        proposed(&["version", "-o", ""])[..2],
        ["json\tJSON", "yaml\tYAML"]
    );
}

#[test]
fn for_a_file_the_shell_is_asked() {
    assert_eq!(proposed(&["version", "--kubeconfig", ""])[0], ":0");
}

#[test]
fn a_cluster_that_does_not_answer_proposes_nothing_and_soon() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("https://{}", silent.local_addr().unwrap());
    let ran = delivery(&TestCluster::get().tools)
        .args(["__complete", "version", "--server", &server, "-n", ""])
        .run();
    assert!(ran.took < AT_ONCE, "{:?}", ran.took);
    assert_eq!(ran.ok(), ":4\n");
}

#[test]
fn a_promoted_release_is_proposed_by_its_name() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-tab");
    let entry = json!({
        "revision": 7, "id": "a", "actor": "jane", "startedAt": "2026-11-01T10:00:00Z", "endedAt": "2026-11-01T10:01:00Z",
        "release": {"name": "shop", "version": "1.4.2", "digest": format!("sha256:{}", "0".repeat(64))},
        "ending": "promoted",
    });
    namespace.apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "delivery-shop", "labels": {
            "kubectl-delivery.io/release": "shop", "kubectl-delivery.io/role": "inventory",
        }},
        "data": {"release": "shop 1.4.2", "history": format!("{entry}\n")},
    }));
    let here = namespace.name();
    assert_eq!(proposed(&["revert", "-n", here, ""])[0], "shop\t1.4.2");
    // Where no name fits, the shell proposes files.
    assert_eq!(proposed(&["diff", "-n", here, ""])[..2], ["shop\t1.4.2", ":0"]);
    assert_eq!(proposed(&["images", "-n", here, ""])[0], "shop\t1.4.2");
}

#[test]
fn the_script_for_bash_proposes_what_the_program_proposes() {
    let cluster = TestCluster::get();
    let script = delivery(&cluster.tools).args(["completion", "bash"]).run().ok();
    let program = env!("CARGO_BIN_EXE_kubectl-delivery");
    let asked = format!(
        "{script}\nCOMP_WORDS=({program} vers); COMP_CWORD=1; _kubectl_delivery; echo \"${{COMPREPLY[@]}}\""
    );
    let ran = std::process::Command::new("bash")
        .args(["--norc", "-c", &asked])
        .run();
    assert_eq!(ran.ok(), "version\n");
}

#[test]
fn every_command_has_its_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    delivery(&TestCluster::get().tools)
        .arg("man")
        .arg(folder.path())
        .run()
        .ok();
    let page = std::fs::read_to_string(folder.path().join("kubectl-delivery-version.1")).unwrap();
    assert!(page.contains("kubectl delivery version"), "{page}");
    assert!(folder.path().join("kubectl-delivery.1").exists());
}
