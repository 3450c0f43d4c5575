//! Manifests out of the module cache, and helm: what Go's module proxy serves, checked by hash.

use crate::apps::{App, Source};
use crate::harness::{Run, TestCluster};
use serde_json::Value;
use sha2::Digest;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/realapps")
}

/// go in this folder's module. Without cgo, as the tools of the control plane.
fn go() -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(here())
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "");
    command
}

/// The module's folder in the cache.
fn module(app: &App) -> Result<PathBuf, String> {
    let ran = go().args(["mod", "download", "-json", app.module]).run();
    let outcome: Value =
        serde_json::from_str(&ran.stdout).map_err(|_| format!("{}: {}", ran.command, ran.stderr))?;
    if outcome["Sum"] != app.sum {
        return Err(format!(
            "{} has the hash {}, and not {}",
            app.module, outcome["Sum"], app.sum
        ));
    }
    Ok(outcome["Dir"].as_str().unwrap_or_default().into())
}

/// helm, built once into the folder of tools by the hash of what decides its content.
pub fn helm(tools: &Path) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build_helm(tools.parent().unwrap())).clone()
}

fn build_helm(cache: &Path) -> PathBuf {
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
    let helm = cache.join(format!("realapps-{key}/helm"));
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

/// The folder of the application's chart.
pub fn chart(app: &App) -> Option<PathBuf> {
    let (folder, _) = app.chart()?;
    module(app).ok().map(|module| module.join(folder))
}

/// The installation as YAML, as its documents have it rendered.
pub fn rendered(cluster: &TestCluster, app: &App) -> Result<String, String> {
    let module = module(app)?;
    let ran = match &app.source {
        Source::Files(files) => {
            let read = |file: &&str| {
                std::fs::read_to_string(module.join(file)).map_err(|error| format!("{file}: {error}"))
            };
            return Ok(files
                .iter()
                .map(read)
                .collect::<Result<Vec<_>, _>>()?
                .join("\n---\n"));
        }
        Source::Kustomize(folder) => cluster.kubectl().arg("kustomize").arg(module.join(folder)).run(),
        Source::Chart(folder, values) => {
            let mut helm = Command::new(helm(&cluster.tools));
            helm.args(["template", app.name])
                .arg(module.join(folder))
                .args(["-n", app.namespace]);
            helm.arg("--include-crds")
                .args(values.iter().flat_map(|value| ["--set", value]))
                .run()
        }
    };
    if ran.code == Some(0) {
        Ok(ran.stdout)
    } else {
        Err(ran.stderr)
    }
}
