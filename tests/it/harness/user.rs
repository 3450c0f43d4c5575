//! Users with limited rights.

use super::{Run, TestCluster, unique};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A ServiceAccount that may do what the test says, and nothing else. What it holds outside of its namespace goes when
/// it is dropped.
pub struct User<'a> {
    cluster: &'a TestCluster,
    namespace: String,
    name: String,
    rules: Vec<Value>,
    cluster_rules: Vec<Value>,
    roles: Vec<String>,
    made: Vec<String>,
    folder: tempfile::TempDir,
}

impl<'a> User<'a> {
    pub(super) fn new(cluster: &'a TestCluster, namespace: &str, name: &str) -> Self {
        Self {
            cluster,
            namespace: namespace.into(),
            name: name.into(),
            rules: Vec::new(),
            cluster_rules: Vec::new(),
            roles: Vec::new(),
            made: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// May do `verbs` on `resources` of a group, in its namespace.
    pub fn may(mut self, verbs: &[&str], group: &str, resources: &[&str]) -> Self {
        self.rules
            .push(json!({"verbs": verbs, "apiGroups": [group], "resources": resources}));
        self
    }

    /// May do `verbs` on the objects `names` of one resource, in its namespace.
    pub fn may_named(mut self, verbs: &[&str], group: &str, resource: &str, names: &[&str]) -> Self {
        let rule =
            json!({"verbs": verbs, "apiGroups": [group], "resources": [resource], "resourceNames": names});
        self.rules.push(rule);
        self
    }

    /// May do `verbs` on `resources` of a group, in the whole cluster.
    pub fn may_everywhere(mut self, verbs: &[&str], group: &str, resources: &[&str]) -> Self {
        self.cluster_rules
            .push(json!({"verbs": verbs, "apiGroups": [group], "resources": resources}));
        self
    }

    /// Has a ClusterRole such as `view` or `edit`, in its namespace.
    pub fn with_role(mut self, cluster_role: &str) -> Self {
        self.roles.push(cluster_role.into());
        self
    }

    /// Makes it, and its kubeconfig.
    pub fn ready(mut self) -> Self {
        let subject = json!([{"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace}]);
        let rbac = "rbac.authorization.k8s.io/v1";
        let binding = |kind: &str, name: &str, namespace: Option<&str>, role_kind: &str, role: &str| {
            json!({
                "apiVersion": rbac, "kind": kind, "metadata": {"name": name, "namespace": namespace},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
                "subjects": subject,
            })
        };
        let (name, namespace) = (self.name.clone(), self.namespace.clone());
        let mut objects = vec![json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace},
        })];
        if !self.rules.is_empty() {
            objects.push(json!({
                "apiVersion": rbac, "kind": "Role", "metadata": {"name": name, "namespace": namespace},
                "rules": self.rules,
            }));
            objects.push(binding("RoleBinding", &name, Some(&namespace), "Role", &name));
        }
        for role in &self.roles {
            let bound = format!("{name}-{role}");
            objects.push(binding(
                "RoleBinding",
                &bound,
                Some(&namespace),
                "ClusterRole",
                role,
            ));
        }
        if !self.cluster_rules.is_empty() {
            let wide = format!("t-{name}-{}", unique());
            objects.push(json!({
                "apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": wide}, "rules": self.cluster_rules,
            }));
            objects.push(binding("ClusterRoleBinding", &wide, None, "ClusterRole", &wide));
            self.made = vec![
                format!("clusterrole/{wide}"),
                format!("clusterrolebinding/{wide}"),
            ];
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let file = self.folder.path().join("user.json");
        std::fs::write(&file, list.to_string()).unwrap();
        self.cluster
            .kubectl()
            .arg("apply")
            .arg("-f")
            .arg(&file)
            .run()
            .ok();
        self.write_kubeconfig();
        self
    }

    /// Its kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Its token.
    pub fn token(&self) -> String {
        let arguments = ["create", "token", &self.name, "--namespace", &self.namespace];
        self.cluster
            .kubectl()
            .args(arguments)
            .run()
            .ok()
            .trim()
            .to_owned()
    }

    fn write_kubeconfig(&self) {
        let view = ["config", "view", "--raw", "--minify", "--flatten", "-o", "json"];
        let mut config: Value = serde_json::from_str(&self.cluster.kubectl().args(view).run().ok()).unwrap();
        config["users"] = json!([{"name": self.name, "user": {"token": self.token()}}]);
        config["contexts"][0]["context"]["user"] = self.name.as_str().into();
        config["contexts"][0]["context"]["namespace"] = self.namespace.as_str().into();
        write_private(&self.kubeconfig(), &config.to_string());
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        if !self.made.is_empty() {
            self.cluster
                .kubectl()
                .arg("delete")
                .arg("--wait=false")
                .args(&self.made)
                .run();
        }
    }
}

fn write_private(file: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}
