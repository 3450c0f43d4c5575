//! What a watch reports outside of the process, and which of several replicas does.

mod alerts;
mod cloud_events;
pub mod deployed;
mod documented;
mod events;
mod leading;
mod metrics;
mod secrets;

use crate::execute::app::{App, NAME, map, workload};
use crate::harness::Run;
use serde_json::{Value, json};
use std::process::Command;

/// A value of a Secret that the release uses, which no sink may hold.
pub const SECRET: &str = "hunter2-long-enough-to-be-found";

/// A promoted release that is watched.
pub struct Scene {
    pub app: App,
}

impl Scene {
    pub fn promote() -> Self {
        let app = App::new();
        let password = format!("--from-literal=password={SECRET}");
        app.kubectl(&["create", "secret", "generic", "db", &password]);
        app.promote("1.0.0", &objects()).run().exits(0);
        Self { app }
    }

    /// `watch` of its namespace.
    pub fn watch(&self) -> Command {
        let mut command = self.app.delivery();
        command.args(["watch", "-n", self.namespace()]);
        command
    }

    pub fn namespace(&self) -> &str {
        self.app.namespace.name()
    }

    /// The labels of its series.
    pub fn labels(&self) -> String {
        format!(r#"release_namespace="{}",release="{NAME}""#, self.namespace())
    }

    /// A client changes what was promoted.
    pub fn drift(&self) {
        self.app.kubectl(&["set", "env", "deployment/web", "DRIFT=yes"]);
    }

    /// The value of the Secret turns up where no Secret is, and leaves the Secret.
    pub fn leak(&self) {
        let data =
            json!({"data": {"mode": SECRET}, "metadata": {"labels": {"x": "a-label-value"}}}).to_string();
        self.app
            .kubectl(&["patch", "configmap/config", "--type=merge", "-p", &data]);
        let removal = r#"[{"op": "remove", "path": "/data/password"}]"#;
        self.app
            .kubectl(&["patch", "secret/db", "--type=json", "-p", removal]);
    }

    /// It is undone.
    pub fn undo(&self) {
        self.app.kubectl(&["set", "env", "deployment/web", "DRIFT-"]);
    }
}

fn objects() -> Vec<Value> {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
        "stringData": {"password": SECRET}});
    // The ClusterRole `view` reads no Roles.
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    vec![
        map("config", json!({"mode": "tested"})),
        secret,
        role,
        workload("Deployment", "web", '1', None),
    ]
}
