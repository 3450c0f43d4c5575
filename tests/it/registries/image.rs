//! An image of two platforms with an attestation manifest among them, as build tools push it.

use crate::harness::{Run, TestCluster};
use kubectl_delivery::testing::model::Sha256Digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The image and its parts.
pub struct Image {
    /// Digest of the index.
    pub digest: Sha256Digest,
    /// Platform, its manifest, its configuration.
    pub platforms: Vec<(String, Sha256Digest, Sha256Digest)>,
    /// Everything by digest: manifests and blobs.
    pub blobs: BTreeMap<String, Vec<u8>>,
    index: Vec<u8>,
}

impl Image {
    /// `mark` makes it another image.
    pub fn new(mark: &str) -> Self {
        let mut image = Self {
            digest: Sha256Digest::compute(b""),
            platforms: Vec::new(),
            blobs: BTreeMap::new(),
            index: Vec::new(),
        };
        let mut entries = Vec::new();
        for architecture in ["amd64", "arm64"] {
            let config = image.blob(&json!({"os": "linux", "architecture": architecture, "mark": mark,
                "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}));
            let manifest = image.blob(&json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
                "config": {"mediaType": CONFIG, "digest": config.0.to_string(), "size": config.1}}));
            let name = format!("linux/{architecture}");
            image.platforms.push((name, manifest.0.clone(), config.0));
            entries.push(
                json!({"mediaType": MANIFEST, "digest": manifest.0.to_string(), "size": manifest.1,
                "platform": {"os": "linux", "architecture": architecture}}),
            );
        }
        let about = image.platforms[0].1.to_string();
        let config = image.blob(&json!({"os": "unknown", "architecture": "unknown", "config": {},
            "rootfs": {"type": "layers", "diff_ids": []}}));
        let statement = image.blob(&json!({"_type": "https://in-toto.io/Statement/v1"}));
        let manifest = image.blob(&json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": config.0.to_string(), "size": config.1},
            "layers": [{"mediaType": "application/vnd.in-toto+json", "digest": statement.0.to_string(), "size": statement.1}]}));
        entries.push(json!({"mediaType": MANIFEST, "digest": manifest.0.to_string(), "size": manifest.1,
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": about}}));
        let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries});
        image.index = serde_json::to_vec(&index).unwrap();
        image.digest = Sha256Digest::compute(&image.index);
        image.blobs.insert(image.digest.to_string(), image.index.clone());
        image
    }

    fn blob(&mut self, value: &Value) -> (Sha256Digest, usize) {
        let bytes = serde_json::to_vec(value).unwrap();
        let digest = Sha256Digest::compute(&bytes);
        let size = bytes.len();
        self.blobs.insert(digest.to_string(), bytes);
        (digest, size)
    }

    /// Pushes it with the shared cluster's crane.
    pub fn push(&self, reference: &str, docker_config: Option<&Path>) {
        self.push_with(&TestCluster::get().tools, reference, docker_config);
    }

    /// Pushes it with the crane of this folder.
    pub fn push_with(&self, tools: &Path, reference: &str, docker_config: Option<&Path>) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = folder.path().join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        for (digest, bytes) in &self.blobs {
            std::fs::write(blobs.join(digest.strip_prefix("sha256:").unwrap()), bytes).unwrap();
        }
        std::fs::write(
            folder.path().join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        std::fs::write(folder.path().join("index.json"), &self.index).unwrap();
        let mut crane = Command::new(tools.join("crane"));
        crane
            .args(["push", "--insecure", "--index"])
            .arg(folder.path())
            .arg(reference);
        if let Some(config) = docker_config {
            crane.env("DOCKER_CONFIG", config);
        }
        crane.run().ok();
    }

    /// What a release is to say of it.
    pub fn recorded(&self, reference: &str) -> Value {
        let platforms: Vec<Value> = self
            .platforms
            .iter()
            .map(|(platform, manifest, config)| json!({"platform": platform, "manifest": manifest, "config": config}))
            .collect();
        json!([{"reference": reference, "digest": self.digest, "platforms": platforms}])
    }
}
