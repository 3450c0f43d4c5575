//! A registry's repository, for artifacts.
//!
//! Most requests are about a repository and not about a tag: where a reference needs one all the
//! same, it says `latest`.

use super::location::TagOrDigest;
use super::manifest::{Descriptor, INDEX, Index, MANIFEST, referrers_tag};
use crate::model::Sha256Digest;
use crate::model::image::ImageReference;
use crate::registry::reader::Reader;
use crate::registry::token::Scope;
use crate::registry::{RegistryFailure, RegistryOptions};
use oci_client::Reference;

pub(super) struct Remote {
    reader: Reader,
    registry: String,
    repository: String,
}

impl Remote {
    pub(super) fn new(image: &ImageReference, options: &RegistryOptions) -> Self {
        Self {
            reader: Reader::new(options, std::iter::once(image.registry.clone())),
            registry: image.registry.clone(),
            repository: image.repository.clone(),
        }
    }

    fn tagged(&self, tag: &str) -> Reference {
        Reference::with_tag(self.registry.clone(), self.repository.clone(), tag.to_owned())
    }

    fn by_digest(&self, digest: &Sha256Digest) -> Reference {
        Reference::with_digest(self.registry.clone(), self.repository.clone(), digest.to_string())
    }

    pub(super) async fn sign_in_to_write(&self) -> Result<(), RegistryFailure> {
        self.reader
            .access(&self.tagged("latest"), Scope::Push)
            .await
            .map(drop)
    }

    pub(super) async fn put_blob(&self, bytes: &[u8]) -> Result<(), RegistryFailure> {
        self.reader.put_blob(&self.tagged("latest"), bytes).await
    }

    pub(super) async fn put_manifest(
        &self,
        descriptor: &Descriptor,
        bytes: &[u8],
        tag: Option<&str>,
    ) -> Result<(), RegistryFailure> {
        let name = tag.unwrap_or(descriptor.digest.as_str());
        // The only two that are written. The header has to say the same as the manifest itself.
        let media_type = if descriptor.media_type == INDEX {
            INDEX
        } else {
            MANIFEST
        };

        self.reader
            .put_manifest(&self.tagged("latest"), name, media_type, bytes)
            .await
    }

    pub(super) async fn manifest(&self, wanted: Option<&TagOrDigest>) -> Result<Vec<u8>, RegistryFailure> {
        let reference = match wanted {
            Some(TagOrDigest::Digest(digest)) => self.by_digest(digest),
            Some(TagOrDigest::Tag(tag)) => self.tagged(tag),
            None => self.tagged("latest"),
        };
        self.reader.manifest(&reference, &[MANIFEST, INDEX]).await
    }

    pub(super) async fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryFailure> {
        let any = self.tagged("latest");
        let found = self
            .reader
            .blob(&any, descriptor.digest.as_str(), descriptor.size)
            .await?;

        // Reading ends at the announced size: what is longer has one byte more at least.
        let longer = RegistryFailure::SizeMismatch {
            expected: descriptor.size,
            found: descriptor.size + 1,
        };

        found.ok_or(longer)
    }

    /// By the registry's own list, or else by the fallback tag.
    pub(super) async fn referrers(&self, subject: &Sha256Digest) -> Result<Vec<Descriptor>, RegistryFailure> {
        let listed = match self
            .reader
            .referrers(&self.tagged("latest"), subject.as_str())
            .await
        {
            Ok(bytes) => serde_json::from_slice::<Index>(&bytes)
                .map_err(|error| RegistryFailure::unreadable(&error))?,
            // A registry without the list answers like this: the tag stands for it.
            Err(RegistryFailure::NotFound(_)) => Index::from_manifests(Vec::new()),
            Err(other) => return Err(other),
        };

        if !listed.manifests.is_empty() {
            return Ok(listed.manifests);
        }

        // A copy of an artifact brings the tag along, also into a registry that lists referrers by itself.
        match self
            .manifest(Some(&TagOrDigest::Tag(referrers_tag(subject))))
            .await
        {
            Ok(bytes) => serde_json::from_slice::<Index>(&bytes)
                .map(|index| index.manifests)
                .map_err(|error| RegistryFailure::unreadable(&error)),
            Err(RegistryFailure::NotFound(_)) => Ok(Vec::new()),
            Err(other) => Err(other),
        }
    }
}
