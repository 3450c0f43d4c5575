//! A registry's repository, for artifacts.

use super::location::Wanted;
use super::manifest::{Descriptor, INDEX, Index, MANIFEST, referrers_tag};
use crate::model::Sha256Digest;
use crate::model::image::ImageReference;
use crate::registry::credentials;
use crate::registry::error::trouble;
use crate::registry::resolve::client;
use crate::registry::{RegistryOptions, Trouble};
use http::HeaderValue;
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;

const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;

pub(super) struct Remote {
    client: Client,
    registry: String,
    repository: String,
    auth: RegistryAuth,
}

impl Remote {
    pub(super) fn new(image: &ImageReference, options: &RegistryOptions) -> Self {
        Self {
            client: client(options, std::iter::once(image.registry.clone())),
            registry: image.registry.clone(),
            repository: image.repository.clone(),
            auth: credentials::find(&image.registry),
        }
    }

    fn tagged(&self, tag: &str) -> Reference {
        Reference::with_tag(self.registry.clone(), self.repository.clone(), tag.to_owned())
    }

    fn by_digest(&self, digest: &Sha256Digest) -> Reference {
        Reference::with_digest(self.registry.clone(), self.repository.clone(), digest.to_string())
    }

    pub(super) async fn sign_in_to_write(&self) -> Result<(), Trouble> {
        let any = self.tagged("latest");
        self.client.auth(&any, &self.auth, RegistryOperation::Push).await.map(drop).map_err(trouble)
    }

    pub(super) async fn put_blob(&self, bytes: &[u8]) -> Result<(), Trouble> {
        let digest = Sha256Digest::of(bytes);
        let any = self.tagged("latest");
        if self.client.blob_exists(&any, digest.as_str()).await.unwrap_or(false) {
            return Ok(());
        }
        match self.client.push_blob(&any, bytes.to_vec(), digest.as_str()).await {
            // Some registries take a blob and do not say where it is.
            Err(OciDistributionError::RegistryNoLocationError)
                if self.client.blob_exists(&any, digest.as_str()).await.unwrap_or(false) =>
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
            self.client.push_manifest_raw(&reference, bytes.to_vec(), HeaderValue::from_static(media_type));
        put.await.map(drop).map_err(trouble)
    }

    pub(super) async fn manifest(&self, wanted: Option<&Wanted>) -> Result<Vec<u8>, Trouble> {
        let reference = match wanted {
            Some(Wanted::Digest(digest)) => self.by_digest(digest),
            Some(Wanted::Tag(tag)) => self.tagged(tag),
            None => self.tagged("latest"),
        };
        let pulled = self.client.pull_manifest_raw(&reference, &self.auth, &[MANIFEST, INDEX]).await;
        let (bytes, _) = pulled.map_err(trouble)?;
        if bytes.len() > LARGEST_MANIFEST {
            return Err(Trouble::BadManifest(format!("it has {} bytes, which no manifest has", bytes.len())));
        }
        Ok(bytes.to_vec())
    }

    pub(super) async fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Trouble> {
        let mut bounded = Bounded { bytes: Vec::new(), limit: descriptor.size, is_over: false };
        let any = self.tagged("latest");
        let pulled = self.client.pull_blob(&any, descriptor.digest.as_str(), &mut bounded).await;
        if bounded.is_over {
            let found = descriptor.size + 1;
            return Err(Trouble::SizeMismatch { expected: descriptor.size, found });
        }
        match pulled {
            // Fewer bytes than announced have another digest too; the size says more.
            Err(OciDistributionError::DigestError(_)) if (bounded.bytes.len() as u64) < descriptor.size => {
                Err(Trouble::SizeMismatch { expected: descriptor.size, found: bounded.bytes.len() as u64 })
            }
            Err(error) => Err(trouble(error)),
            Ok(()) => Ok(bounded.bytes),
        }
    }

    /// By the registry's own list, or else by the fallback tag.
    pub(super) async fn referrers(&self, subject: &Sha256Digest) -> Result<Vec<Descriptor>, Trouble> {
        let listed = self.client.pull_referrers(&self.by_digest(subject), None).await;
        let listed = match listed {
            Ok(index) => serde_json::to_value(index)
                .and_then(serde_json::from_value::<Index>)
                .map_err(|error| Trouble::BadManifest(error.to_string()))?,
            Err(error) => match trouble(error) {
                // A registry that lists none says so in several ways.
                Trouble::NotFound(_) => Index::of(Vec::new()),
                other => return Err(other),
            },
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

/// Takes no more bytes than were announced.
struct Bounded {
    bytes: Vec<u8>,
    limit: u64,
    is_over: bool,
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if (self.bytes.len() + bytes.len()) as u64 > self.limit {
            self.is_over = true;
            return Poll::Ready(Err(std::io::Error::other("more bytes than announced")));
        }
        self.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
