//! What a registry and a layout have in common, and what is never taken on their word: sizes and digests.

use super::layout::Layout;
use super::location::{Location, TagOrDigest};
use super::manifest::Descriptor;
use super::remote::Remote;
use crate::model::Sha256Digest;
use crate::registry::{RegistryFailure, RegistryOptions};

/// A registry's repository or a layout.
pub(super) enum ArtifactStore {
    Remote(Box<Remote>),
    Layout(Layout),
}

impl ArtifactStore {
    pub(super) fn open(location: &Location, options: &RegistryOptions) -> Self {
        match location {
            Location::Registry(image) => ArtifactStore::Remote(Box::new(Remote::new(image, options))),
            Location::Layout { folder, .. } => ArtifactStore::Layout(Layout::new(folder)),
        }
    }

    /// Before the first write.
    pub(super) async fn prepare_to_write(&self) -> Result<(), RegistryFailure> {
        match self {
            ArtifactStore::Remote(remote) => remote.sign_in_to_write().await,
            ArtifactStore::Layout(layout) => layout.create(),
        }
    }

    pub(super) async fn put_blob(&self, bytes: &[u8]) -> Result<(), RegistryFailure> {
        match self {
            ArtifactStore::Remote(remote) => remote.put_blob(bytes).await,
            ArtifactStore::Layout(layout) => layout.put_blob(bytes),
        }
    }

    /// Writes a manifest; under a tag where one is given.
    pub(super) async fn put_manifest(
        &self,
        descriptor: &Descriptor,
        bytes: &[u8],
        tag: Option<&str>,
    ) -> Result<(), RegistryFailure> {
        match self {
            ArtifactStore::Remote(remote) => remote.put_manifest(descriptor, bytes, tag).await,
            ArtifactStore::Layout(layout) => layout.put_manifest(descriptor, bytes, tag),
        }
    }

    /// A manifest, its digest computed, and its bytes.
    pub(super) async fn manifest(
        &self,
        wanted: Option<&TagOrDigest>,
    ) -> Result<(Sha256Digest, Vec<u8>), RegistryFailure> {
        let bytes = match self {
            ArtifactStore::Remote(remote) => remote.manifest(wanted).await?,
            ArtifactStore::Layout(layout) => layout.manifest(wanted)?,
        };

        let digest = Sha256Digest::compute(&bytes);
        match wanted {
            Some(TagOrDigest::Digest(expected)) if *expected != digest => Err(
                RegistryFailure::DigestMismatch(format!("expected {expected}, found {digest}")),
            ),
            _ => Ok((digest, bytes)),
        }
    }

    /// A blob whose size and digest are what its descriptor says.
    pub(super) async fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryFailure> {
        let bytes = match self {
            ArtifactStore::Remote(remote) => remote.blob(descriptor).await?,
            ArtifactStore::Layout(layout) => layout.blob(&descriptor.digest, descriptor.size)?,
        };

        // The size first: it tells a file that was cut off from one that was altered.
        if bytes.len() as u64 != descriptor.size {
            return Err(RegistryFailure::SizeMismatch {
                expected: descriptor.size,
                found: bytes.len() as u64,
            });
        }

        let digest = Sha256Digest::compute(&bytes);
        if digest != descriptor.digest {
            return Err(RegistryFailure::DigestMismatch(format!(
                "expected {}, found {digest}",
                descriptor.digest
            )));
        }
        Ok(bytes)
    }

    /// The manifests that say that they are about `subject`.
    pub(super) async fn referrers(&self, subject: &Sha256Digest) -> Result<Vec<Descriptor>, RegistryFailure> {
        match self {
            ArtifactStore::Remote(remote) => remote.referrers(subject).await,
            ArtifactStore::Layout(layout) => layout.referrers(subject),
        }
    }

    /// Keeps referrers under the fallback tag, where the place does not list them by itself.
    pub(super) async fn keep_referrers(
        &self,
        subject: &Sha256Digest,
        added: Vec<Descriptor>,
    ) -> Result<(), RegistryFailure> {
        // A layout always carries the tag: tools that copy it bring tags along, and nothing else.
        let known = match self {
            ArtifactStore::Remote(remote) => remote.referrers(subject).await?,
            ArtifactStore::Layout(layout) => layout.tagged_referrers(subject)?,
        };

        let missing: Vec<_> = added
            .into_iter()
            .filter(|one| !known.iter().any(|other| other.digest == one.digest))
            .collect();

        if missing.is_empty() {
            return Ok(());
        }

        // Nothing guards against another writer in between: of two who attach at once, one
        // can lose its entry.
        let index = super::manifest::Index::from_manifests(known.into_iter().chain(missing).collect());
        let bytes = serde_json::to_vec(&index).map_err(|error| RegistryFailure::unreadable(&error))?;
        let descriptor = Descriptor::from_bytes(super::manifest::INDEX, &bytes);

        self.put_manifest(
            &descriptor,
            &bytes,
            Some(&super::manifest::referrers_tag(subject)),
        )
        .await
    }
}
