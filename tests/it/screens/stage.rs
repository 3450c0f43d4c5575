//! Where a screen is made: a namespace, a directory with a release's files, and the program as a user types it.

use super::tokens::{FILTERS, letter_digests};
use crate::harness::{Namespace, Ran, Run, TestCluster, until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

/// A namespace `shop-…` and a directory.
pub struct Stage {
    pub namespace: Namespace,
    directory: tempfile::TempDir,
}

impl Stage {
    pub fn new() -> Self {
        let stage = Self {
            namespace: TestCluster::get().namespace_named("shop"),
            directory: tempfile::tempdir().unwrap(),
        };

        let mut kubeconfig = administrator().clone();
        kubeconfig["contexts"][0]["context"]["namespace"] = stage.namespace.name().into();
        stage.write("kubeconfig", &kubeconfig.to_string());
        stage
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Records `shop VERSION` of these objects as `shop-VERSION.yaml`.
    pub fn release(&self, version: &str, objects: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.write(&format!("manifests-{version}.json"), &list.to_string());
        self.run(&format!(
            "record --quiet --name shop --version {version} -f manifests-{version}.json -o shop-{version}.yaml"
        ))
        .ok();
    }

    /// Promotes it, as a setting for the screen that follows.
    pub fn promoted(&self, version: &str, objects: &[Value]) {
        self.release(version, objects);
        self.run(&format!("promote shop-{version}.yaml --yes --settle 0s"))
            .ok();
    }

    /// Leaves the promotion of a release unfinished, after a failure.
    pub fn unfinished(&self, version: &str) {
        self.release(
            version,
            &[config("settings", "USD"), playing("1.1.0", "crash-loop")],
        );
        self.run(&format!("promote shop-{version}.yaml --yes --on-failure stop"))
            .exits(4);
    }

    /// Applies the objects of a release as another tool does.
    pub fn applied(&self, version: &str) {
        let rendered = self
            .run(&format!(
                "render shop-{version}.yaml -n {}",
                self.namespace.name()
            ))
            .ok();
        self.namespace
            .kubectl()
            .args(["apply", "-f", "-"])
            .run_with(&rendered)
            .ok();
    }

    /// Waits until a field of the one pod's status has a value.
    pub fn wait_for_pod(&self, field: &str, value: &str) {
        let line = format!("get pods -o jsonpath={{.items[*].status.{field}}}");
        assert!(until(20, || self.kubectl(&line) == value), "no {field} {value}");
    }

    /// Ctrl-C.
    pub fn interrupt(&self, process: &Child) {
        Command::new("kill")
            .args(["-INT", &process.id().to_string()])
            .run()
            .ok();
    }

    /// The program with these words, as administrator whose context names the namespace.
    pub fn command(&self, line: &str) -> Command {
        let mut command = TestCluster::get().delivery();
        command
            .env("KUBECONFIG", self.path("kubeconfig"))
            .current_dir(self.directory.path())
            .args(line.split_whitespace());
        command
    }

    pub fn run(&self, line: &str) -> Ran {
        self.command(line).run()
    }

    /// kubectl in the namespace; fails where it fails.
    pub fn kubectl(&self, line: &str) -> String {
        self.namespace.kubectl().args(line.split_whitespace()).run().ok()
    }

    /// Runs a line, and holds its screen against the snapshot of that name.
    pub fn assert_screen(&self, name: &str, line: &str) {
        assert_screen(name, &self.run(line));
    }

    /// The same as the user of another kubeconfig.
    pub fn assert_screen_as(&self, kubeconfig: &Path, name: &str, line: &str) {
        assert_screen(name, &self.command(line).env("KUBECONFIG", kubeconfig).run());
    }
}

/// Holds a run's whole screen against its snapshot.
pub fn assert_screen(name: &str, ran: &Ran) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, token) in FILTERS {
        settings.add_filter(pattern, token);
    }
    // Whatever Kubernetes the cluster is of.
    settings.add_filter(&TestCluster::get().context(), "kwok-dev");

    settings.bind(|| insta::assert_snapshot!(name, letter_digests(&screen(ran))));
}

/// One text of the command line, both streams and the exit code.
fn screen(ran: &Ran) -> String {
    let line = ran.command.replacen("kubectl-delivery", "kubectl delivery", 1);
    let code = ran.code.map_or("none".to_owned(), |code| code.to_string());
    format!(
        "$ {line}\n--- stdout\n{}--- stderr\n{}--- exit code {code}\n",
        ran.stdout, ran.stderr
    )
}

/// The shared cluster's kubeconfig with the names that a user would have.
fn administrator() -> &'static Value {
    static VIEW: OnceLock<Value> = OnceLock::new();
    VIEW.get_or_init(|| {
        let view = ["config", "view", "--raw", "--minify", "-o", "json"];
        let mut config = TestCluster::get().kubectl().args(view).run().json();
        config["contexts"][0]["name"] = "test".into();
        config["current-context"] = "test".into();
        config
    })
}

/// A ConfigMap with one key.
pub fn config(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"currency": value}})
}

/// A Service `web`.
pub fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}})
}

/// A Deployment `web` of one pod with an image of the cluster's registry, ready after a second: so that it is waited for.
pub fn web(version: &str) -> Value {
    playing(version, "slow-ready")
}

/// The same, where the simulated node plays something else.
pub fn playing(version: &str, play: &str) -> Value {
    let image = format!("{}/shop/web:{version}", TestCluster::get().registry);
    let metadata =
        json!({"labels": {"app": "web", "kwok-play": play}, "annotations": {"kwok-play-after": "1s"}});
    // The old pod goes first: a rollback starts one again, and is waited for as well.
    let strategy = json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}});

    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 1,
        "strategy": strategy,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": metadata, "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
            "name": "web", "image": image, "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}}]}}}})
}

/// A Job that runs before the workloads.
pub fn migration(annotations: &[(&str, &str)]) -> Value {
    let image = format!("{}/shop/migrate:1.0.0", TestCluster::get().registry);
    let metadata = json!({"labels": {"kwok-play": "job-slow"}, "annotations": {"kwok-play-after": "1s"}});
    let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate", "annotations": {
            "kubectl-delivery.io/hook": "pre"}},
        "spec": {"backoffLimit": 0, "template": {"metadata": metadata, "spec": {"restartPolicy": "Never", "containers": [{
            "name": "migrate", "image": image}]}}}});
    for (key, value) in annotations {
        job["metadata"]["annotations"][key] = (*value).into();
    }
    job
}
