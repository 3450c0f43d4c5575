//! A cluster of a test's own, for what disturbs the API server.

use super::cluster::SHARED;
use super::{Run, TestCluster, unique};
use std::ops::Deref;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A cluster that this test alone uses; stopped when it is dropped, after a panic too.
pub struct OwnCluster(TestCluster);

impl OwnCluster {
    /// Starts it: some five seconds.
    pub fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    /// The same, with variables of the script's environment.
    pub fn start_with(name: &str, environment: &[(&str, &str)]) -> Self {
        let name = format!("{name}-{}", unique());
        script(&["up", &name])
            .envs(environment.iter().copied())
            .run()
            .ok();
        let described = script(&["env", &name]).run().ok();
        let file = std::env::temp_dir().join(format!("{name}.json"));
        std::fs::write(&file, described).unwrap();
        let cluster = TestCluster::read(&file);
        std::fs::remove_file(&file).ok();
        Self(cluster)
    }

    /// Kills a component, such as `kube-apiserver`.
    pub fn kill(&self, component: &str) {
        script(&["kill", &self.0.name, component]).run().ok();
    }

    /// Stops a component that goes on running: it answers nobody.
    pub fn freeze(&self, component: &str) {
        script(&["freeze", &self.0.name, component]).run().ok();
    }

    /// Lets a frozen component go on.
    pub fn thaw(&self, component: &str) {
        script(&["thaw", &self.0.name, component]).run().ok();
    }

    /// Starts a killed component again, and waits until the API server is ready.
    pub fn restart(&self, component: &str) {
        script(&["start", &self.0.name, component]).run().ok();
        let start = Instant::now();
        while self.0.kubectl().args(["get", "--raw", "/readyz"]).run().code != Some(0) {
            let waited = start.elapsed();
            assert!(
                waited < Duration::from_secs(60),
                "the API server is not ready after {waited:?}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Deref for OwnCluster {
    type Target = TestCluster;

    fn deref(&self) -> &TestCluster {
        &self.0
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        let ran = script(&["down", &self.0.name]).run();
        if ran.code != Some(0) {
            eprintln!("the cluster {} stays: {}", self.0.name, ran.stderr);
        }
    }
}

fn script(arguments: &[&str]) -> Command {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/cluster.sh");
    let mut command = Command::new(file);
    command.args(arguments);
    // Of the same Kubernetes as the one that the tests share.
    if std::env::var_os(SHARED).is_some() {
        command.envs(TestCluster::get().kubernetes.iter().map(|minor| ("K8S", minor)));
    }
    command
}
