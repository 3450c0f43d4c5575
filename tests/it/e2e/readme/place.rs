//! Where the README's blocks run: in namespaces whose names it chose, with their pods on the real node.

use crate::harness::{PublicNames, Run, TestCluster, until};
use serde_json::{Value, json};
use std::path::Path;

/// A user's machine with a directory and the namespace that the blocks name.
pub struct Place {
    pub machine: PublicNames,
    pub directory: tempfile::TempDir,
    namespace: &'static str,
    policy: String,
}

impl Place {
    /// For a namespace that is not there yet. Whatever pods it will have run on the real node: the README's Deployments do not
    /// name the taint that keeps all others away.
    pub fn new(namespace: &'static str) -> Self {
        let machine = PublicNames::start();
        let policy = format!("readme-{namespace}");
        let is_there = |kind: &str, name: &str| {
            !kubectl(&["get", kind, name, "--ignore-not-found", "-o", "name"]).is_empty()
        };
        // A run that was killed left it, and what it is for.
        if is_there(POLICY, &policy) {
            clear(namespace, &policy);
        }
        assert!(
            !is_there("namespace", namespace),
            "the namespace {namespace} is there already: kubectl delete namespace {namespace}"
        );
        let place = Self {
            machine,
            directory: tempfile::tempdir().unwrap(),
            namespace,
            policy,
        };
        place.register();
        place
    }

    fn register(&self) {
        let probe = TestCluster::get().namespace_named("t-readme");
        let of = [self.namespace, probe.name()];
        let mutation = r#"[JSONPatch{op: "add", path: "/spec/nodeSelector", value: {"kubectl-delivery.io/node": "real"}},
            JSONPatch{op: "add", path: "/spec/tolerations", value: [Object.spec.tolerations{key: "kubectl-delivery.io/node", operator: "Exists"}]}]"#;
        let policy = json!({"apiVersion": VERSION, "kind": POLICY, "metadata": {"name": self.policy}, "spec": {
            "failurePolicy": "Fail", "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                "namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": of}]}},
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": mutation}}]}});
        let binding = json!({"apiVersion": VERSION, "kind": BINDING, "metadata": {"name": self.policy},
            "spec": {"policyName": self.policy}});
        for object in [policy, binding] {
            let mut create = TestCluster::get().kubectl();
            create
                .args(["create", "-f", "-"])
                .run_with(&object.to_string())
                .ok();
        }
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"},
            "spec": {"containers": [{"name": "probe", "image": "probe"}]}});
        // It counts a moment after it is there.
        let counts = until(20, || {
            let mut create = probe.kubectl();
            create.args(["create", "--dry-run=server", "-o", "json", "-f", "-"]);
            create.run_with(&pod.to_string()).json()["spec"]["nodeSelector"].is_object()
        });
        assert!(counts, "the policy {} does not count after 20 s", self.policy);
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file, with the directories before it.
    pub fn write(&self, name: &str, objects: &[Value]) {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        std::fs::write(file, list.to_string()).unwrap();
    }

    /// What kubectl answers of the namespace.
    pub fn kubectl(&self, words: &[&str]) -> String {
        kubectl(&[&["-n", self.namespace], words].concat())
    }

    /// An object of the namespace.
    pub fn get(&self, kind: &str, name: &str) -> Value {
        serde_json::from_str(&self.kubectl(&["get", kind, name, "-o", "json", "--show-managed-fields"]))
            .unwrap()
    }

    /// The running pods of an app.
    pub fn pods(&self, app: &str) -> Vec<Value> {
        let label = format!("app={app}");
        let list = self.kubectl(&["get", "pods", "-l", &label, "-o", "json"]);
        let list: Value = serde_json::from_str(&list).unwrap();
        let pods = list["items"].as_array().unwrap().iter();
        pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .cloned()
            .collect()
    }
}

const VERSION: &str = "admissionregistration.k8s.io/v1";
const POLICY: &str = "MutatingAdmissionPolicy";
const BINDING: &str = "MutatingAdmissionPolicyBinding";

impl Drop for Place {
    fn drop(&mut self) {
        clear(self.namespace, &self.policy);
    }
}

/// The policy goes last: as long as it is there, so may be the rest.
fn clear(namespace: &str, policy: &str) {
    let cluster = TestCluster::get();
    for (kind, name) in [("namespace", namespace), (BINDING, policy), (POLICY, policy)] {
        let words = ["delete", kind, name, "--ignore-not-found", "--timeout", "90s"];
        let ran = cluster.kubectl().args(words).run();
        if ran.code != Some(0) {
            eprintln!("{kind} {name} stays: {}", ran.stderr);
            return;
        }
    }
}

fn kubectl(words: &[&str]) -> String {
    TestCluster::get().kubectl().args(words).run().ok()
}
