//! Registries: real ones with a password and TLS, and small ones that misbehave.

mod credentials;
mod endless;
pub mod fake;
mod image;
mod misbehaving;
mod real;
mod referrers;
mod round;
mod silent;
mod tampering;

use crate::harness::{Ran, Run, TestCluster};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's docker-registry on a port of its own; it ends with this.
pub struct Registry {
    /// `127.0.0.1:PORT`.
    pub host: String,
    /// Its files; `ca.crt` is what signed its certificate.
    pub folder: tempfile::TempDir,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/registry.sh")
}

impl Registry {
    /// With the flags of `registry.sh up`.
    pub fn start(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Command::new(script())
            .arg("up")
            .arg(folder.path())
            .args(flags)
            .run()
            .ok();
        Self {
            host: host.trim().to_owned(),
            folder,
        }
    }

    /// With TLS, for the user `ci` with the password `secret`.
    pub fn guarded() -> Self {
        Self::start(&["--user", "ci:secret", "--tls"])
    }

    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// A Docker configuration that knows the password.
    pub fn docker_config(&self) -> PathBuf {
        let folder = self.folder.path().join("docker");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.json"), auths(&self.host, "ci:secret")).unwrap();
        folder
    }

    /// The program, which trusts this registry and has its password.
    pub fn delivery(&self) -> Command {
        let mut command = TestCluster::get().delivery();
        command
            .env("SSL_CERT_FILE", self.authority())
            .env("DOCKER_CONFIG", self.docker_config());
        command
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        Command::new(script())
            .arg("down")
            .arg(self.folder.path())
            .status()
            .ok();
    }
}

/// `{"auths": …}` for one host.
pub fn auths(host: &str, credentials: &str) -> String {
    use base64::Engine;
    let auth = base64::engine::general_purpose::STANDARD.encode(credentials);
    serde_json::json!({"auths": {host: {"auth": auth}}}).to_string()
}

/// `record` of one Deployment with this image into `out`.
pub fn record(mut command: Command, reference: &str, out: &Path) -> Ran {
    command.arg("record");
    record_with(command, reference, out)
}

/// The same with flags of one's own behind `record`.
pub fn record_with(mut command: Command, reference: &str, out: &Path) -> Ran {
    let manifests = format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: '{reference}'}}]}}
"
    );
    command
        .args(["-f", "-", "--name", "shop", "--version", "1", "-o"])
        .arg(out);
    command.run_with(&manifests)
}
