//! The real helm, for what users have today: built once from its Go module, as `make realapps`, `make e2e` and `make helm` use
//! it. And what it stores, written without it.

use super::Run;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::Digest;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// A value in the values of each revision that [`stored_revision`] makes: nothing may show it.
pub const HELM_VALUE: &str = "correct-horse-helm-value";

/// A module whose tool is a helm: its folder below `tests`, and its package.
const HELM_4: (&str, &str) = ("realapps", "helm.sh/helm/v4/cmd/helm");
const HELM_3: (&str, &str) = ("helm3", "helm.sh/helm/v3/cmd/helm");

fn folder(module: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(module)
}

fn go_in(module: &str) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(folder(module))
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "");
    command
}

/// go in the module of the real applications. Without cgo, as the tools of the control plane.
pub fn go() -> Command {
    go_in(HELM_4.0)
}

/// helm 4.
pub fn helm(tools: &Path) -> PathBuf {
    built(tools, HELM_4)
}

/// helm 3.
pub fn helm3(tools: &Path) -> PathBuf {
    built(tools, HELM_3)
}

/// helm, built once beside the folder of tools, by the hash of what decides its content.
fn built(tools: &Path, (module, package): (&str, &str)) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut hash = sha2::Sha256::new();
    for file in ["go.mod", "go.sum"] {
        hash.update(std::fs::read(folder(module).join(file)).unwrap());
    }
    let key: String = hash
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let helm = tools.parent().unwrap().join(format!("{module}-{key}/helm"));
    if !helm.exists() {
        println!(
            "building helm into {} (some four minutes on 2 cores; once)",
            helm.display()
        );
        let part = helm.with_extension("part");
        let flags = ["build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o"];
        go_in(module).args(flags).arg(&part).arg(package).run().ok();
        std::fs::rename(&part, &helm).unwrap();
    }
    helm
}

/// What Helm stores of a revision of the release `web`, of the chart `web-1.2.3` with one hook.
pub fn stored_release(namespace: &str, revision: u32, status: &str, manifest: &str) -> Value {
    json!({
        "name": "web", "version": revision, "namespace": namespace,
        "info": {"status": status, "description": HELM_VALUE, "notes": HELM_VALUE},
        "chart": {"metadata": {"name": "web", "version": "1.2.3"}, "values": {"password": HELM_VALUE}},
        "config": {"password": HELM_VALUE},
        "hooks": [{"name": "migrate", "kind": "Job", "manifest": HELM_VALUE}],
        "manifest": manifest,
    })
}

/// As Helm encodes it.
pub fn encoded_release(release: &Value) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(release.to_string().as_bytes()).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

/// The Secret in which Helm stores a revision of the release `web`, with this under its key.
pub fn stored_revision(revision: u32, status: &str, payload: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"name": format!("sh.helm.release.v1.web.v{revision}"), "labels": {
            "owner": "helm", "name": "web", "version": revision.to_string(), "status": status}},
        "data": {"release": STANDARD.encode(payload)},
    })
}
