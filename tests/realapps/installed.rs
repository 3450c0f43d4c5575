//! An application as it is recorded: its manifests, its objects, and dummy images in the loopback registry.

use crate::apps::App;
use crate::harness::{Run, TestCluster};
use crate::image::Image;
use crate::sources;
use kubectl_delivery::testing::model::image::ImageReference;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is ready to be promoted.
pub struct Rendered {
    folder: tempfile::TempDir,
    /// The release's objects.
    pub objects: Vec<Value>,
    /// What it needs and does not hold.
    pub requires: Vec<Value>,
    /// How long `record` took.
    pub recorded: Duration,
}

impl Rendered {
    /// A file of this application.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its manifests, unmodified.
    pub fn manifests(&self) -> PathBuf {
        self.file("manifests.yaml")
    }

    /// The release of them.
    pub fn release(&self) -> PathBuf {
        self.file("1.release.json")
    }

    /// The environment that pulls every image from the loopback registry.
    pub fn environment(&self) -> PathBuf {
        self.file("environment.json")
    }

    /// Pushes what these texts name as images, and records them as a release.
    pub fn record(
        &self,
        cluster: &TestCluster,
        app: &App,
        manifests: &Path,
        version: &str,
    ) -> Result<Duration, String> {
        let text = std::fs::read_to_string(manifests).map_err(|error| error.to_string())?;
        let mut registries = BTreeSet::new();
        for image in images(&text) {
            registries.insert(image.registry.clone());
            let there = format!("{}/{image}", cluster.registry);
            Image::new(&there).push_with(&cluster.tools, &there, None);
        }
        let map = registries
            .iter()
            .map(|from| (from.clone(), format!("{}/{from}", cluster.registry)));
        let map: Vec<(String, String)> = map.collect();
        let registries: BTreeMap<_, _> = map.iter().cloned().collect();
        let environment = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment",
            "metadata": {"name": "realapps"}, "spec": {"registries": registries, "wait": unanswered(&text)}});
        std::fs::write(self.environment(), environment.to_string()).map_err(|error| error.to_string())?;
        let release = self.file(&format!("{version}.release.json"));
        let mut command = cluster.delivery();
        command
            .args(["record", "--name", app.name, "--version", version, "-q", "-f"])
            .arg(manifests);
        command.args(["-n", app.namespace, "-o"]).arg(release);
        command.args(
            map.iter()
                .flat_map(|(from, to)| ["--registry-map".into(), format!("{from}={to}")]),
        );
        let ran = command.run();
        if ran.code == Some(0) {
            Ok(ran.took)
        } else {
            Err(ran.stderr)
        }
    }
}

/// An aggregated API that these manifests hold has nothing behind it here: nobody is to wait for its answer.
fn unanswered(manifests: &str) -> Value {
    if !manifests.contains("APIService") {
        return json!([]);
    }
    json!([{"target": {"kind": "APIService"}, "reason": "its server does not run on simulated nodes"}])
}

/// The references after `image:`, as far as they are ones.
fn images(text: &str) -> BTreeSet<ImageReference> {
    let after = |line: &str| {
        let (_, reference) = line
            .split_once("image:")
            .or_else(|| line.split_once("\"image\":"))?;
        let reference = reference.trim().trim_end_matches(',').trim_matches(['"', '\'']);
        let is_one = reference.contains([':', '/']) && !reference.contains(['{', ' ', '$']);
        is_one.then(|| reference.parse().ok()).flatten()
    };
    text.lines().filter_map(after).collect()
}

/// Renders it, makes its images and records it.
pub fn prepared(cluster: &TestCluster, app: &App) -> Result<Rendered, String> {
    let mut rendered = Rendered {
        folder: tempfile::tempdir().map_err(|error| error.to_string())?,
        objects: vec![],
        requires: vec![],
        recorded: Duration::ZERO,
    };
    let manifests = rendered.manifests();
    std::fs::write(&manifests, sources::rendered(cluster, app)?).map_err(|error| error.to_string())?;
    rendered.recorded = rendered.record(cluster, app, &manifests, "1")?;
    let text = std::fs::read_to_string(rendered.release()).map_err(|error| error.to_string())?;
    let release: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let list = |name: &str| release["spec"][name].as_array().cloned().unwrap_or_default();
    (rendered.objects, rendered.requires) = (list("objects"), list("requires"));
    Ok(rendered)
}
