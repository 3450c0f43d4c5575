//! `diff --helm` over what the real helm has installed: versions 3 and 4, which apply in different ways. `make helm`.

mod chart;
mod releases;
mod storage;

use crate::harness::{Namespace, Ran, Run, TestCluster, helm, helm3};
use serde_json::Value;
use std::process::Command;

/// Which helm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// Merges on the client's side.
    Three,
    /// Applies on the server's side.
    Four,
}

/// A namespace and the chart of a release `web` in it. What lies outside of the namespace goes with it.
struct Place {
    version: Version,
    namespace: Namespace,
    chart: tempfile::TempDir,
    /// `HELM_DRIVER`.
    driver: &'static str,
}

impl Place {
    fn new(version: Version) -> Self {
        Self::with_driver(version, "secret")
    }

    fn with_driver(version: Version, driver: &'static str) -> Self {
        let namespace = TestCluster::get().namespace_named("t-helm");
        Self {
            version,
            chart: chart::write(namespace.name()),
            namespace,
            driver,
        }
    }

    fn helm(&self) -> Command {
        let cluster = TestCluster::get();
        let helm = match self.version {
            Version::Three => helm3(&cluster.tools),
            Version::Four => helm(&cluster.tools),
        };
        let mut command = Command::new(helm);
        command
            .env("KUBECONFIG", &cluster.kubeconfig)
            .env("HELM_DRIVER", self.driver)
            .args(["-n", self.namespace.name()]);
        command
    }

    /// Installs or upgrades to the chart with values.
    fn release(&self, verb: &str, words: &[&str]) -> Ran {
        let mut helm = self.helm();
        helm.args([verb, "web"]).arg(self.chart.path()).args(words).run()
    }

    fn installed(version: Version) -> Self {
        let place = Self::new(version);
        place.release("install", &[]).ok();
        place
    }

    fn kubectl(&self, words: &[&str]) -> String {
        self.namespace.kubectl().args(words).run().ok()
    }

    fn diff(&self, reference: &str, words: &[&str]) -> Ran {
        let mut command = TestCluster::get().delivery();
        command
            .env("KUBECONFIG", &TestCluster::get().kubeconfig)
            .args(["diff", "-n", self.namespace.name(), "--helm", reference])
            .args(words)
            .run()
    }

    /// Fails where anything differs.
    fn assert_silent(&self, reference: &str) -> String {
        let ran = self.diff(reference, &[]).exits(0);
        assert!(ran.stdout.contains("no differences: "), "{}", ran.stdout);
        ran.stdout
    }

    /// Fails where more differs than the Job that is gone once it has completed: of a revision that was not deployed it may
    /// never have run.
    fn assert_runs_but_for_its_job(&self, reference: &str) {
        let view = self.diff(reference, &["-o", "json"]).json();
        let objects = view["objects"].as_array().unwrap();
        let is_job = |object: &Value| object["name"] == "once" && object["status"] == "missing";
        assert!(objects.iter().all(is_job), "{view:#}");
    }

    /// `Kind name path manager` of each change.
    fn changes(&self, reference: &str) -> Vec<String> {
        let view = self.diff(reference, &["-o", "json"]).exits(1).json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of_object = |object: &Value| {
            let changes = object["changes"].as_array().unwrap().clone();
            let named = changes.into_iter().map(|change| {
                let manager = text(&change["changedBy"]["manager"]);
                format!(
                    "{} {} {} {manager}",
                    text(&object["kind"]),
                    text(&object["name"]),
                    text(&change["path"])
                )
            });
            named.collect::<Vec<_>>()
        };
        view["objects"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(of_object)
            .collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Neither is of the namespace.
        let name = self.namespace.name();
        for target in [
            format!("clusterrole/{name}"),
            format!("crd/things.{name}.example"),
        ] {
            let delete = ["delete", &target, "--ignore-not-found", "--wait=false"];
            self.namespace.kubectl().args(delete).run();
        }
    }
}
