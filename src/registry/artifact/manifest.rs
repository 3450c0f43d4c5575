//! The manifests of a release and of its statements, byte for byte the same for the same content.
//!
//! No time and no tool's name stands in them: whoever pushes the same release again gets the
//! same digest, wherever to.

use crate::model::Sha256Digest;
use crate::registry::RegistryFailure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// What the empty configuration holds.
pub(super) const EMPTY_BYTES: &[u8] = b"{}";
/// `artifactType` of a release.
pub(super) const RELEASE: &str = "application/vnd.kubectl-delivery.release.v1alpha1";
pub(super) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
pub(super) const STATEMENT: &str = "application/vnd.in-toto+json";
/// Annotation with a file's name, as other tools write and read it.
pub(super) const TITLE: &str = "org.opencontainers.image.title";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    pub config: Descriptor,
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub media_type: String,
    pub digest: Sha256Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    pub schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

impl Index {
    pub(super) fn from_manifests(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(INDEX.into()),
            manifests,
        }
    }
}

impl Descriptor {
    pub(super) fn from_bytes(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.into(),
            digest: Sha256Digest::compute(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    pub(super) fn with_title(mut self, title: &str) -> Self {
        self.annotations.insert(TITLE.into(), title.into());
        self
    }

    pub(super) fn title(&self) -> Option<&str> {
        self.annotations.get(TITLE).map(String::as_str)
    }
}

impl Manifest {
    /// One file as an artifact.
    pub(super) fn from_layer(artifact_type: &str, layer: Descriptor, subject: Option<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MANIFEST.into()),
            artifact_type: Some(artifact_type.into()),
            config: Descriptor::from_bytes(EMPTY, EMPTY_BYTES),
            layers: vec![layer],
            subject,
            annotations: BTreeMap::new(),
        }
    }

    /// The bytes that its digest is of.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, RegistryFailure> {
        // Told and never replaced by nothing: the digest of an empty manifest would be pushed like any other.
        serde_json::to_vec(self).map_err(|error| RegistryFailure::unreadable(&error))
    }
}

/// The tag under which registries without the referrers API keep an artifact's referrers (OCI distribution 1.1).
pub(super) fn referrers_tag(digest: &Sha256Digest) -> String {
    format!("sha256-{}", digest.hex())
}

/// A manifest from its bytes.
pub(super) fn parse(bytes: &[u8]) -> Result<Manifest, RegistryFailure> {
    serde_json::from_slice(bytes).map_err(|error| RegistryFailure::unreadable(&error))
}
