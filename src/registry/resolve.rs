//! From references to digests: the index's or manifest's, and each platform's manifest and configuration.
//!
//! Nodes report any of these for one and the same image, so that all of them are recorded. The digest of a tag is
//! computed here; that of anything that was asked for by digest is checked. How much is asked follows from what a
//! registry answers, and has bounds.

use super::error::{RegistryError, RegistryFailure};
use super::options::RegistryOptions;
use super::reader::{MANIFEST_LIMIT, Reader};
use crate::model::Sha256Digest;
use crate::model::image::{Platform, Presence};
use crate::model::release::PlatformDigests;
use crate::model::unknown::Unknown;
use futures::stream::{self, StreamExt};
use oci_client::Reference;
use serde::Deserialize;

/// Images that are resolved at the same time.
const CONCURRENCY: usize = 8;
/// Indexes in indexes; no builder makes more than two levels.
const MAX_DEPTH: usize = 4;
/// Entries of one index: the registry's answer decides how much is asked.
const MAX_ENTRIES: usize = 200;
const MEDIA_TYPES: &[&str] = &[
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// A connection to every registry.
pub struct Registries {
    reader: Reader,
    options: RegistryOptions,
}

/// What a registry says an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The index's or manifest's digest.
    pub digest: Sha256Digest,
    /// One entry a platform.
    pub platforms: Vec<PlatformDigests>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawManifest {
    schema_version: Option<u32>,
    manifests: Option<Vec<RawEntry>>,
    config: Option<RawEntry>,
}

#[derive(Deserialize)]
struct RawEntry {
    digest: Sha256Digest,
    platform: Option<RawPlatform>,
}

#[derive(Deserialize)]
struct RawPlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

impl Registries {
    /// Sends nothing yet.
    pub fn new(options: &RegistryOptions, references: &[String]) -> Self {
        // Every host is known before the first request: which of them speak no TLS is found out once.
        let hosts = references.iter().filter_map(|text| options.host(text));
        Self {
            reader: Reader::new(options, hosts),
            options: options.clone(),
        }
    }

    /// Resolves each reference once, several at the same time; in the order given.
    ///
    /// # Errors
    ///
    /// Each as for [`Registries::resolve`]: one that fails does not hide the others.
    pub async fn resolve_all(&self, references: &[String]) -> Vec<Result<Resolved, RegistryError>> {
        // In the order of the references: the callers pair the answers with them.
        stream::iter(references)
            .map(|reference| self.resolve(reference))
            .buffered(CONCURRENCY)
            .collect()
            .await
    }

    /// What one reference is.
    ///
    /// # Errors
    ///
    /// Where the reference is malformed, the registry has no such image, refuses access or does not answer, or no
    /// platform can run it.
    pub async fn resolve(&self, reference: &str) -> Result<Resolved, RegistryError> {
        let wrap = |trouble| RegistryError {
            reference: reference.to_owned(),
            trouble,
        };

        let image = self.options.locate(reference).map_err(wrap)?;
        let (digest, manifest) = self.manifest(&image).await.map_err(wrap)?;

        let mut platforms = Vec::new();
        self.collect(&image, &digest, &manifest, &mut platforms, 0)
            .await
            .map_err(wrap)?;

        // A single manifest may name no platform: nodes report its own digest. An index may not.
        if manifest.manifests.is_some() && platforms.is_empty() {
            return Err(wrap(RegistryFailure::NotRunnable(
                "the index lists no platform".into(),
            )));
        }

        Ok(Resolved { digest, platforms })
    }

    /// Whether a registry has an image; only its own clear "no" is one.
    pub async fn presence(&self, reference: &str) -> Presence {
        let image = match self.options.locate(reference) {
            Ok(image) => image,
            Err(trouble) => return Presence::Unknown(Unknown::new(trouble)),
        };

        match self.reader.has_manifest(&image, MEDIA_TYPES).await {
            Ok(()) => Presence::There,
            // This alone refuses a promotion: a silent, busy or closed registry has not said no.
            Err(RegistryFailure::NotFound(_)) => Presence::Absent,
            Err(other) => Presence::Unknown(Unknown::new(other)),
        }
    }

    /// A manifest and the digest of its bytes, which must be the one that was asked for.
    async fn manifest(&self, image: &Reference) -> Result<(Sha256Digest, RawManifest), RegistryFailure> {
        let bytes = self.reader.manifest(image, MEDIA_TYPES).await?;
        let digest = Sha256Digest::compute(&bytes);

        // A tag has nothing to be held against: what it names is what came.
        if let Some(wanted) = image.digest().filter(|wanted| *wanted != digest.as_str()) {
            return Err(RegistryFailure::DigestMismatch(format!(
                "expected {wanted}, found {digest}"
            )));
        }

        let manifest = serde_json::from_slice(&bytes).map_err(|error| RegistryFailure::unreadable(&error))?;
        Ok((digest, manifest))
    }

    /// The platforms of an image or an index, and of the indexes in it.
    async fn collect(
        &self,
        image: &Reference,
        digest: &Sha256Digest,
        manifest: &RawManifest,
        found: &mut Vec<PlatformDigests>,
        depth: usize,
    ) -> Result<(), RegistryFailure> {
        let Some(entries) = &manifest.manifests else {
            if manifest.config.is_none() {
                return Err(RegistryFailure::NotRunnable(manifest.describe()));
            }
            found.extend(self.single(image, digest, manifest).await?);
            return Ok(());
        };

        // The registry chooses both, and each entry costs a request.
        if depth >= MAX_DEPTH || entries.len() > MAX_ENTRIES {
            let why = format!("an index with more than {MAX_ENTRIES} entries or {MAX_DEPTH} levels");
            return Err(RegistryFailure::BadManifest(why));
        }

        for entry in entries {
            let platform = entry.platform.as_ref();
            // Attestation manifests are listed under a platform that there is not.
            if platform.is_some_and(RawPlatform::is_unknown) {
                continue;
            }

            let (_, manifest) = self
                .manifest(&image.clone_with_digest(entry.digest.to_string()))
                .await?;

            // An index that names the platform spares the request for the image's configuration.
            match (
                platform.filter(|platform| platform.is_named()),
                &manifest.manifests,
                &manifest.config,
            ) {
                (Some(platform), None, Some(config)) => found.push(PlatformDigests {
                    platform: platform.name(),
                    manifest: entry.digest.clone(),
                    config: config.digest.clone(),
                }),
                // No platform is any: the image's own configuration names it.
                _ => Box::pin(self.collect(image, &entry.digest, &manifest, found, depth + 1)).await?,
            }
        }
        Ok(())
    }

    /// An image of one platform: its configuration says which.
    async fn single(
        &self,
        image: &Reference,
        digest: &Sha256Digest,
        manifest: &RawManifest,
    ) -> Result<Vec<PlatformDigests>, RegistryFailure> {
        // Cannot be missing here: `collect` refuses a manifest without one first.
        let Some(config) = &manifest.config else {
            return Ok(Vec::new());
        };
        // An artifact's configuration may be anything, but no image's is larger than a manifest.
        let Some(bytes) = self
            .reader
            .blob(image, config.digest.as_str(), MANIFEST_LIMIT)
            .await?
        else {
            return Err(RegistryFailure::too_large("its configuration", MANIFEST_LIMIT));
        };

        let found = Sha256Digest::compute(&bytes);
        if found != config.digest {
            return Err(RegistryFailure::DigestMismatch(format!(
                "expected {}, found {found}",
                config.digest
            )));
        }

        // An artifact's configuration names no platform: it has none.
        let platform: Option<RawPlatform> = serde_json::from_slice(&bytes).ok().filter(RawPlatform::is_named);
        let entry = |platform: RawPlatform| PlatformDigests {
            platform: platform.name(),
            manifest: digest.clone(),
            config: config.digest.clone(),
        };
        Ok(platform.map(entry).into_iter().collect())
    }
}

impl RawManifest {
    fn describe(&self) -> String {
        match self.schema_version {
            Some(1) => "manifest schema version 1 is not supported by container runtimes".into(),
            _ => "neither config nor manifests in it".into(),
        }
    }
}

impl RawPlatform {
    fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }

    fn is_named(&self) -> bool {
        !self.os.is_empty() && !self.architecture.is_empty()
    }

    fn name(&self) -> Platform {
        let variant = self.variant.as_deref().filter(|variant| !variant.is_empty());
        Platform(match variant {
            Some(variant) => format!("{}/{}/{variant}", self.os, self.architecture),
            None => format!("{}/{}", self.os, self.architecture),
        })
    }
}
