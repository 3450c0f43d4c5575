//! A registry's repository, for artifacts.

use super::location::Wanted;
use super::manifest::{Descriptor, INDEX, Index, MANIFEST, referrers_tag};
use crate::model::Sha256Digest;
use crate::model::image::ImageReference;
use crate::registry::credentials;
use crate::registry::error::trouble;
use crate::registry::reader::Reader;
use crate::registry::{RegistryOptions, Trouble};
use http::HeaderValue;
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};

pub(super) struct Remote {
    reader: Reader,
    registry: String,
    repository: String,
    auth: RegistryAuth,
}

impl Remote {
    pub(super) fn new(image: &ImageReference, options: &RegistryOptions) -> Self {
        Self {
            reader: Reader::new(options, std::iter::once(image.registry.clone())),
            registry: image.registry.clone(),
            repository: image.repository.clone(),
            auth: credentials::find(&image.registry, &image.repository),
        }
    }

    fn client(&self) -> &Client {
        &self.reader.client
    }

    fn tagged(&self, tag: &str) -> Reference {
        Reference::with_tag(self.registry.clone(), self.repository.clone(), tag.to_owned())
    }

    fn by_digest(&self, digest: &Sha256Digest) -> Reference {
        Reference::with_digest(self.registry.clone(), self.repository.clone(), digest.to_string())
    }

    pub(super) async fn sign_in_to_write(&self) -> Result<(), Trouble> {
        let any = self.tagged("latest");
        self.client().auth(&any, &self.auth, RegistryOperation::Push).await.map(drop).map_err(trouble)
    }

    pub(super) async fn put_blob(&self, bytes: &[u8]) -> Result<(), Trouble> {
        let digest = Sha256Digest::of(bytes);
        let any = self.tagged("latest");
        if self.client().blob_exists(&any, digest.as_str()).await.unwrap_or(false) {
            return Ok(());
        }
        match self.client().push_blob(&any, bytes.to_vec(), digest.as_str()).await {
            // Some registries take a blob and do not say where it is.
            Err(OciDistributionError::RegistryNoLocationError)
                if self.client().blob_exists(&any, digest.as_str()).await.unwrap_or(false) =>
            {
                Ok(())
            }
            other => other.map(drop).map_err(trouble),
        }
    }

    pub(super) async fn put_manifest(
        &self,
        descriptor: &Descriptor,
        bytes: &[u8],
        tag: Option<&str>,
    ) -> Result<(), Trouble> {
        // A digest in the tag's place: the client library panics on a registry that answers a push by digest without
        // a Location.
        let reference = self.tagged(tag.unwrap_or(descriptor.digest.as_str()));
        let media_type = if descriptor.media_type == INDEX { INDEX } else { MANIFEST };
        let put =
            self.client().push_manifest_raw(&reference, bytes.to_vec(), HeaderValue::from_static(media_type));
        put.await.map(drop).map_err(trouble)
    }

    pub(super) async fn manifest(&self, wanted: Option<&Wanted>) -> Result<Vec<u8>, Trouble> {
        let reference = match wanted {
            Some(Wanted::Digest(digest)) => self.by_digest(digest),
            Some(Wanted::Tag(tag)) => self.tagged(tag),
            None => self.tagged("latest"),
        };
        self.reader.manifest(&reference, &[MANIFEST, INDEX]).await
    }

    pub(super) async fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Trouble> {
        let any = self.tagged("latest");
        let found = self.reader.blob(&any, descriptor.digest.as_str(), descriptor.size).await?;
        let longer = Trouble::SizeMismatch { expected: descriptor.size, found: descriptor.size + 1 };
        found.ok_or(longer)
    }

    /// By the registry's own list, or else by the fallback tag.
    pub(super) async fn referrers(&self, subject: &Sha256Digest) -> Result<Vec<Descriptor>, Trouble> {
        let listed = match self.reader.referrers(&self.tagged("latest"), subject.as_str()).await {
            Ok(bytes) => serde_json::from_slice::<Index>(&bytes)
                .map_err(|error| Trouble::BadManifest(error.to_string()))?,
            Err(Trouble::NotFound(_)) => Index::of(Vec::new()),
            Err(other) => return Err(other),
        };
        if !listed.manifests.is_empty() {
            return Ok(listed.manifests);
        }
        // A copy of an artifact brings the tag along, also into a registry that lists referrers by itself.
        match self.manifest(Some(&Wanted::Tag(referrers_tag(subject)))).await {
            Ok(bytes) => serde_json::from_slice::<Index>(&bytes)
                .map(|index| index.manifests)
                .map_err(|error| Trouble::BadManifest(error.to_string())),
            Err(Trouble::NotFound(_)) => Ok(Vec::new()),
            Err(other) => Err(other),
        }
    }
}
