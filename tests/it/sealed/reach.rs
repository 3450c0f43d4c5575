//! What only the cluster's own records say is not done beyond the release namespace without an answer.

use super::*;
use crate::harness::TestCluster;

fn with_rights(app: &App, value: &str) -> Vec<Value> {
    let rules =
        json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": [value]}]);
    let rbac = "rbac.authorization.k8s.io/v1";
    let mut objects = version(value);
    objects.push(json!({"apiVersion": rbac, "kind": "Role", "metadata": {"name": "reader"}, "rules": rules}));
    objects.push(
        json!({"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": wide(app)}, "rules": rules}),
    );
    objects
}

fn wide(app: &App) -> String {
    format!("{}-reader", app.namespace.name())
}

struct Gone<'a>(&'a App);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0
            .namespace
            .kubectl()
            .args(["delete", "clusterrole", &wide(self.0), "--ignore-not-found"])
            .run();
    }
}

#[test]
fn a_revert_asks_about_rights_and_what_is_cluster_wide() {
    let app = App::new();
    let _gone = Gone(&app);
    app.promote("1", &with_rights(&app, "1")).run().exits(0);
    let refused = app.promote("2", &with_rights(&app, "2")).run().exits(0);
    drop(refused);
    let ran = app.revert().run().exits(2);
    let role = format!("--allow-unconfirmed Role/{}/reader", app.namespace.name());
    let cluster_role = format!("--allow-unconfirmed ClusterRole/{}", wide(&app));
    for message in ["UNCONFIRMED", "resourceNames", &role, &cluster_role] {
        assert!(
            ran.stderr.contains(message),
            "nothing said of {message}: {}",
            ran.stderr
        );
    }
    assert_eq!(value_of(&app), "2");
    // One of two is not both.
    app.revert().args(role.split(' ')).run().exits(2);
    assert_eq!(answered(&app.revert(), "y").code, Some(2));
    assert_eq!(answered(&app.revert(), "yes").code, Some(0));
    assert_eq!(value_of(&app), "1");
    app.promote("2", &with_rights(&app, "2")).run().exits(0);
    app.revert()
        .args(role.split(' '))
        .args(cluster_role.split(' '))
        .run()
        .exits(0);
    assert_eq!(value_of(&app), "1");
}

#[test]
fn an_older_revision_asks_too_and_a_release_file_does_not() {
    let app = App::new();
    let _gone = Gone(&app);
    app.promote("1", &with_rights(&app, "1")).run().exits(0);
    app.promote("2", &with_rights(&app, "2")).run().exits(0);
    let ran = app.revert().args(["--to-revision", "1"]).run().exits(2);
    assert!(ran.stderr.contains("UNCONFIRMED"), "{}", ran.stderr);
    assert_eq!(value_of(&app), "2");
    app.promote("1", &with_rights(&app, "1")).run().exits(0);
    assert_eq!(value_of(&app), "1");
}

#[test]
fn what_leaves_a_release_is_asked_about_where_it_gives_rights() {
    let app = App::new();
    let _gone = Gone(&app);
    let mut objects = with_rights(&app, "1");
    let class = json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass",
        "metadata": {"name": wide(&app)}, "handler": "none"});
    objects.push(class);
    app.promote("1", &objects).run().exits(0);

    // What carries the release's own marks vouches for itself.
    objects.pop();
    app.promote("2", &objects).run().exits(0);
    assert!(
        TestCluster::get()
            .kubectl()
            .args(["get", "runtimeclass", &wide(&app)])
            .run()
            .code
            != Some(0)
    );

    let role = format!("--allow-unconfirmed Role/{}/reader", app.namespace.name());
    let cluster_role = format!("--allow-unconfirmed ClusterRole/{}", wide(&app));
    let third = || {
        let mut command = app.promote("3", &version("3"));
        command.arg("--allow-prune");
        command
    };
    let ran = third().arg("--dry-run=server").run().exits(0);
    for message in ["UNCONFIRMED", "delete ClusterRole", &role, &cluster_role] {
        assert!(
            ran.stderr.contains(message),
            "nothing said of {message}: {}",
            ran.stderr
        );
    }
    let ran = third().args(role.split(' ')).run().exits(2);
    assert!(
        ran.stderr.contains(&cluster_role) && !ran.stderr.contains(&role),
        "{}",
        ran.stderr
    );
    assert_eq!(value_of(&app), "1");
    third()
        .args(role.split(' '))
        .args(cluster_role.split(' '))
        .run()
        .exits(0);
    assert_eq!(value_of(&app), "3");
    assert!(
        app.namespace
            .get("rbac.authorization.k8s.io", "Role", "reader")
            .is_none()
    );
}

#[test]
fn a_key_outside_confirms_everything() {
    use base64::Engine;
    let app = App::new();
    let _gone = Gone(&app);
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, base64::engine::general_purpose::STANDARD.encode([3; 32])).unwrap();
    for value in ["1", "2"] {
        app.promote(value, &with_rights(&app, value))
            .arg("--state-key")
            .arg(&key)
            .run()
            .exits(0);
    }
    app.revert().arg("--state-key").arg(&key).run().exits(0);
    assert_eq!(value_of(&app), "1");
}

#[test]
fn a_rollback_by_itself_asks_nobody() {
    let app = App::new();
    let _gone = Gone(&app);
    app.promote("1", &with_rights(&app, "1")).run().exits(0);
    let mut objects = with_rights(&app, "2");
    objects.push(crate::execute::app::workload(
        "Deployment",
        "web",
        '1',
        Some("crash"),
    ));
    let ran = app
        .promote("2", &objects)
        .args(["--timeout", "20s"])
        .run()
        .exits(3);
    assert!(!ran.stderr.contains("UNCONFIRMED"), "{}", ran.stderr);
    assert_eq!(value_of(&app), "1");
}
