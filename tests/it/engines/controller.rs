//! A controller of another project: built from its Go module, and run for one namespace.

use crate::harness::{Run, TestCluster};
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The folder of a built controller and its CRDs; the CRDs are in the cluster.
pub struct Engine(PathBuf);

impl Engine {
    pub fn rollouts() -> &'static Engine {
        static READY: OnceLock<Engine> = OnceLock::new();
        READY.get_or_init(|| Engine::prepare("rollouts"))
    }

    pub fn flux() -> &'static Engine {
        static READY: OnceLock<Engine> = OnceLock::new();
        READY.get_or_init(|| Engine::prepare("flux"))
    }

    fn prepare(name: &str) -> Engine {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines/build.sh");
        let folder = PathBuf::from(Command::new(script).arg(name).run().ok().trim());
        let crds = folder.join("crds");
        let kubectl = |words: &[&str]| {
            let mut kubectl = TestCluster::get().kubectl();
            kubectl.args(words).arg("-f").arg(&crds).run().ok()
        };
        // Server-side: the Rollout's schema is larger than an annotation may be.
        kubectl(&["apply", "--server-side"]);
        kubectl(&["wait", "--for=condition=Established", "--timeout=60s"]);
        Engine(folder)
    }

    /// Starts its program; a test that fails prints what it wrote.
    pub fn start(&self, program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Controller {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let child = Command::new(self.0.join(program))
            .args(arguments)
            .env("KUBECONFIG", &TestCluster::get().kubeconfig)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        Controller { child, folder }
    }
}

/// A running controller, which ends when it is dropped, after a panic too.
pub struct Controller {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("--- the controller's last lines");
            last.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// A port that nobody listened on a moment ago.
pub fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}
