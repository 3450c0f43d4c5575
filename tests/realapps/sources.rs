//! Manifests out of the module cache: what Go's module proxy serves, checked by hash.

use crate::apps::{App, Source};
use crate::harness::{Run, TestCluster, go, helm};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

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
