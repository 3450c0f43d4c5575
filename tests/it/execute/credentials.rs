//! A credential plugin whose token ends during a soak is asked again: the old token is really refused by then.

use super::app::{App, map, workload};
use crate::harness::{Run, Running, TestCluster};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// A token of the user that the server takes as long as a Secret of that name is there.
fn token(app: &App, user: &str, secret: &str) -> String {
    app.kubectl(&["create", "secret", "generic", secret]);
    let bound = [
        "create",
        "token",
        user,
        "--bound-object-kind=Secret",
        "--bound-object-name",
        secret,
    ];
    app.kubectl(&bound).trim().to_owned()
}

/// What the plugin says next.
fn answer(folder: &Path, token: &str, lives: Duration) {
    let answer = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"token": token, "expirationTimestamp": (jiff::Timestamp::now() + lives).to_string()},
    });
    std::fs::write(folder.join("answer.new"), answer.to_string()).unwrap();
    std::fs::rename(folder.join("answer.new"), folder.join("answer")).unwrap();
}

#[test]
fn a_plugin_whose_token_ends_during_a_soak_is_asked_again() {
    let app = App::new();
    let user = app.namespace.user("ci").with_role("admin");
    let user = user
        .may(
            &["get", "create", "update", "delete"],
            "coordination.k8s.io",
            &["leases"],
        )
        .ready();
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(user.kubeconfig()).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["users"][0]["user"] = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
        "command": "./give-token", "interactiveMode": "Never"}});
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let (script, place) = (folder.path().join("give-token"), folder.path().display());
    std::fs::write(
        &script,
        format!("#!/bin/sh\necho run >> {place}/runs\ncat {place}/answer\n"),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let first = token(&app, "ci", "first");
    answer(folder.path(), &first, Duration::from_secs(6));
    let second = token(&app, "ci", "second");

    let objects = [map("a", json!({})), workload("Deployment", "web", '1', None)];
    let mut promote = app.promote("1", &objects);
    let running = Running::start(promote.env("KUBECONFIG", &kubeconfig).args(["--soak", "16s"]));
    std::thread::sleep(Duration::from_millis(1500));
    answer(folder.path(), &second, Duration::from_secs(3600));
    std::thread::sleep(Duration::from_secs(2));
    app.kubectl(&["delete", "secret", "first"]);
    running.wait().exits(0);
    assert_eq!(app.status()["version"], "1");
    let runs = std::fs::read_to_string(folder.path().join("runs")).unwrap();
    assert_eq!(
        runs.lines().count(),
        2,
        "once at the start, and once when its token was to end"
    );
    // What was tried is what happened: the first token is refused now.
    answer(folder.path(), &first, Duration::from_secs(3600));
    let mut list = TestCluster::get().delivery();
    list.env("KUBECONFIG", &kubeconfig)
        .args(["status", "-n", app.namespace.name()]);
    let refused = list.run();
    assert!(
        refused.code != Some(0) && refused.stderr.contains("rejects the credentials"),
        "{refused:?}"
    );
}
