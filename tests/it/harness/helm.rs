//! The real helm, for what users have today: built once from its Go module, as `make realapps` and `make e2e` use it.

use super::Run;
use sha2::Digest;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The module whose tool it is.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/realapps")
}

/// go in that module. Without cgo, as the tools of the control plane.
pub fn go() -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(here())
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "");
    command
}

/// helm, built once beside the folder of tools, by the hash of what decides its content.
pub fn helm(tools: &Path) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut hash = sha2::Sha256::new();
    for file in ["go.mod", "go.sum"] {
        hash.update(std::fs::read(here().join(file)).unwrap());
    }
    let key: String = hash
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let helm = tools.parent().unwrap().join(format!("realapps-{key}/helm"));
    if !helm.exists() {
        println!(
            "building helm into {} (some four minutes on 2 cores; once)",
            helm.display()
        );
        let part = helm.with_extension("part");
        let flags = ["build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o"];
        go().args(flags)
            .arg(&part)
            .arg("helm.sh/helm/v4/cmd/helm")
            .run()
            .ok();
        std::fs::rename(&part, &helm).unwrap();
    }
    helm
}
