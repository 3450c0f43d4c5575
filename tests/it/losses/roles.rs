//! Aggregated ClusterRoles: whatever deletes them leaves none behind, though the control plane writes them anew.

use crate::execute::app::{App, map};
use crate::harness::{Run, TestCluster, unique};
use serde_json::{Value, json};

struct Gone(String);

impl Drop for Gone {
    fn drop(&mut self) {
        let mut delete = TestCluster::get().kubectl();
        let label = format!("loss-test={}", self.0);
        delete
            .args([
                "delete",
                "clusterroles",
                "--wait=false",
                "--ignore-not-found",
                "-l",
                &label,
            ])
            .run();
    }
}

/// Roles that are put together of three parts each.
fn roles(id: &str) -> Vec<Value> {
    let mut roles = Vec::new();
    for n in 0..4 {
        let key = format!("{id}.example/to-{n}");
        roles.push(
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": format!("{id}-all-{n}"), "labels": {"loss-test": id}},
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {&key: "true"}}]}, "rules": []}),
        );
        for part in 0..3 {
            roles.push(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": {"name": format!("{id}-part-{n}-{part}"), "labels": {"loss-test": id, &key: "true"}},
                "rules": [{"apiGroups": [""], "resources": [format!("r{part}")], "verbs": ["get"]}]}));
        }
    }
    roles
}

fn left(app: &App, id: &str) -> Vec<String> {
    let names = app.kubectl(&["get", "clusterroles", "-o", "name"]);
    names
        .lines()
        .filter(|name| name.contains(id))
        .map(str::to_owned)
        .collect()
}

/// The flags that let these roles go.
fn allowed(id: &str) -> Vec<String> {
    let name = |role: &Value| role["metadata"]["name"].as_str().unwrap().to_owned();
    let flags = |role: Value| {
        [
            "--allow-unconfirmed".to_owned(),
            format!("ClusterRole/{}", name(&role)),
        ]
    };
    roles(id).into_iter().flat_map(flags).collect()
}

#[test]
fn no_aggregated_role_outlives_a_revert_or_a_prune() {
    let app = App::new();
    let id = format!("loss-{}", unique());
    let _gone = Gone(id.clone());
    let base: Vec<Value> = ["a", "b", "c"].iter().map(|name| map(name, json!({}))).collect();
    let with_roles = [base.clone(), roles(&id)].concat();
    for round in 0..4 {
        app.promote(&format!("{round}-1"), &with_roles).run().exits(0);
        let ran = app.revert().args(allowed(&id)).run().exits(0);
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert_eq!(
            left(&app, &id),
            Vec::<String>::new(),
            "after the revert of round {round}:\n{}",
            ran.stderr
        );
    }
    for round in 4..7 {
        app.promote(&format!("{round}-1"), &with_roles).run().exits(0);
        let ran = app
            .promote(&format!("{round}-2"), &base)
            .arg("--allow-prune")
            .args(allowed(&id))
            .run()
            .exits(0);
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert_eq!(
            left(&app, &id),
            Vec::<String>::new(),
            "after the prune of round {round}:\n{}",
            ran.stderr
        );
    }
}
