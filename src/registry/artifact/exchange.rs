//! Pushing and pulling a release with its statements.
//!
//! A release is a manifest with one layer. Each statement is a manifest of its own that names the release's as its
//! subject (OCI 1.1), so that statements can be added later and the release's digest stays. Written in the order in
//! which one thing refers to another; read on the assumption that whoever may push has attached anything.

use super::location::{Location, TagOrDigest};
use super::manifest::{BUNDLE, Descriptor, EMPTY_BYTES, MANIFEST, Manifest, RELEASE, STATEMENT, parse};
use super::store::ArtifactStore;
use crate::model::Sha256Digest;
use crate::registry::{RegistryError, RegistryFailure, RegistryOptions};
use std::time::Duration;

/// No honest release is larger.
const LARGEST: u64 = 256 * 1024 * 1024;
/// No honest statement is larger, and anybody may attach some.
const LARGEST_STATEMENT: u64 = 4 * 1024 * 1024;
/// All statements about one release together.
const LARGEST_STATEMENTS: u64 = 64 * 1024 * 1024;
/// More statements than anybody writes about one release.
const MOST_REFERRERS: usize = 1000;
/// A registry that answers a thousand questions slowly has no end either.
const PULLING: Duration = Duration::from_secs(20 * 60);

/// A file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its file name.
    pub title: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A release as pulled; nothing of it is believed but that its bytes are those of its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The manifest's digest.
    pub manifest: Sha256Digest,
    /// The release.
    pub release: Artifact,
    /// The statements about it.
    pub statements: Vec<Artifact>,
}

/// Writes a release and its statements; gives the manifest's digest.
///
/// # Errors
///
/// Where the location names a digest, or the registry or the layout cannot be written to.
pub async fn push(
    location: &Location,
    options: &RegistryOptions,
    release: &Artifact,
    statements: &[Artifact],
) -> Result<Sha256Digest, RegistryError> {
    let wrap = |trouble| RegistryError {
        reference: location.to_string(),
        trouble,
    };

    let tag = match location.wanted() {
        Some(TagOrDigest::Tag(tag)) => Some(tag),
        None => None,
        // A digest follows from what is pushed: nobody can ask for one.
        Some(TagOrDigest::Digest(_)) => {
            let why = "expected a tag to push to, found a digest".to_owned();
            return Err(wrap(RegistryFailure::BadReference(why)));
        }
    };

    let store = ArtifactStore::open(location, options);
    let work = async {
        // Asked for first: without the right to push nothing is left half written.
        store.prepare_to_write().await?;
        let ending = if release.title.ends_with(".json") {
            "json"
        } else {
            "yaml"
        };
        let layer =
            Descriptor::from_bytes(&format!("{RELEASE}+{ending}"), &release.bytes).with_title(&release.title);

        // The statements name this manifest: it is written before them.
        let written = write(&store, RELEASE, layer, &release.bytes, None, tag.as_deref()).await?;

        write_statements(&store, &written, statements).await?;
        Ok(written.digest)
    };
    work.await.map_err(wrap)
}

/// Adds statements to a release that lies there already.
///
/// # Errors
///
/// Where the location holds no release, or the registry or the layout cannot be written to.
pub async fn attach(
    location: &Location,
    options: &RegistryOptions,
    statements: &[Artifact],
) -> Result<(), RegistryError> {
    let store = ArtifactStore::open(location, options);
    let work = async {
        let (digest, bytes) = store.manifest(location.wanted().as_ref()).await?;
        // Statements are attached to releases alone: anything else is refused before something is written.
        release_layer(&bytes)?;
        store.prepare_to_write().await?;

        // As `push` names it, so that the same statement has the same manifest in both ways.
        let subject = Descriptor {
            digest,
            ..Descriptor::from_bytes(MANIFEST, &bytes)
        };

        write_statements(&store, &subject, statements).await
    };
    work.await.map_err(|trouble| RegistryError {
        reference: location.to_string(),
        trouble,
    })
}

/// Reads a release and its statements.
///
/// # Errors
///
/// Where the location holds no release, its bytes are not those of its digest, something is too large, or the registry
/// does not answer in time.
pub async fn pull(location: &Location, options: &RegistryOptions) -> Result<Pulled, RegistryError> {
    let store = ArtifactStore::open(location, options);
    let host = || location.to_string();

    let read = tokio::time::timeout(PULLING, pull_all(&store, location)).await;
    read.unwrap_or_else(|_| {
        Err(RegistryFailure::Slow {
            host: host(),
            seconds: PULLING.as_secs(),
        })
    })
    .map_err(|trouble| RegistryError {
        reference: location.to_string(),
        trouble,
    })
}

async fn pull_all(store: &ArtifactStore, location: &Location) -> Result<Pulled, RegistryFailure> {
    let (digest, bytes) = store.manifest(location.wanted().as_ref()).await?;
    let layer = release_layer(&bytes)?;

    // A title is optional in OCI: the file needs a name all the same.
    let title = layer.title().unwrap_or("release.yaml").to_owned();
    let release = Artifact {
        title,
        bytes: bounded_blob(store, &layer, "the release", LARGEST).await?,
    };

    // A list that does not come is an error, and never taken for "no statements".
    let referrers = store.referrers(&digest).await?;
    if referrers.len() > MOST_REFERRERS {
        return Err(RegistryFailure::TooManyReferrers {
            found: referrers.len(),
            limit: MOST_REFERRERS,
        });
    }

    let mut statements = Vec::new();
    // Over all of them: a thousand that are each small enough would still fill the memory.
    let mut left = LARGEST_STATEMENTS;
    for referrer in referrers {
        // By digest: its bytes are checked, whatever the list says of them.
        let (_, bytes) = store
            .manifest(Some(&TagOrDigest::Digest(referrer.digest.clone())))
            .await?;

        let Some(layer) = statement_layer(&bytes, &digest) else {
            continue;
        };

        let title = layer
            .title()
            .map_or_else(|| layer.digest.short().to_owned(), str::to_owned);
        let what = format!("attestation {}", referrer.digest);
        // Counted by the announced size, before a byte of it is read: the blob is held against it afterwards.
        // The minimum leaves one that is too large by itself to the error of its own below.
        left = left
            .checked_sub(layer.size.min(LARGEST_STATEMENT))
            .ok_or_else(|| {
                RegistryFailure::too_large("the attestations of the release", LARGEST_STATEMENTS)
            })?;
        let bytes = bounded_blob(store, &layer, &what, LARGEST_STATEMENT).await?;

        statements.push(Artifact { title, bytes });
    }

    Ok(Pulled {
        manifest: digest,
        release,
        statements,
    })
}

/// The file of a statement about `subject`. Others may attach what they like to a release: an SBOM, an index.
fn statement_layer(manifest: &[u8], subject: &Sha256Digest) -> Option<Descriptor> {
    let manifest = parse(manifest).ok()?;
    let is_statement = matches!(manifest.artifact_type.as_deref(), Some(BUNDLE | STATEMENT));
    // A list of referrers is the registry's word: what the statement itself names is what counts.
    let is_about = manifest
        .subject
        .as_ref()
        .is_some_and(|about| about.digest == *subject);

    manifest
        .layers
        .into_iter()
        .next()
        .filter(|_| is_statement && is_about)
}

async fn bounded_blob(
    store: &ArtifactStore,
    layer: &Descriptor,
    what: &str,
    limit: u64,
) -> Result<Vec<u8>, RegistryFailure> {
    // Nothing is read of what announces too much.
    if layer.size > limit {
        return Err(RegistryFailure::too_large(what, limit));
    }
    store.blob(layer).await
}

/// The layer that is the release.
fn release_layer(manifest: &[u8]) -> Result<Descriptor, RegistryFailure> {
    let manifest: Manifest =
        parse(manifest).map_err(|_| RegistryFailure::OtherArtifact("something else".into()))?;
    match manifest.artifact_type.as_deref() {
        Some(RELEASE) => {}
        Some(other) => return Err(RegistryFailure::OtherArtifact(other.to_owned())),
        None => {
            return Err(RegistryFailure::OtherArtifact(format!(
                "an image ({})",
                manifest.config.media_type
            )));
        }
    }

    // Several files would leave open which of them is the release.
    let count = manifest.layers.len();
    match manifest.layers.into_iter().next() {
        Some(layer) if count == 1 => Ok(layer),
        _ => Err(RegistryFailure::BadManifest(format!(
            "expected one layer, found {count}"
        ))),
    }
}

async fn write(
    store: &ArtifactStore,
    artifact_type: &str,
    layer: Descriptor,
    bytes: &[u8],
    subject: Option<Descriptor>,
    tag: Option<&str>,
) -> Result<Descriptor, RegistryFailure> {
    // A registry refuses a manifest whose blobs it does not have.
    store.put_blob(EMPTY_BYTES).await?;
    store.put_blob(bytes).await?;

    let manifest = Manifest::from_layer(artifact_type, layer, subject).bytes()?;
    let descriptor = Descriptor::from_bytes(MANIFEST, &manifest);
    // A list names the artifact's type; a statement's subject goes without it, here and in `attach`.
    let listed = Descriptor {
        artifact_type: Some(artifact_type.into()),
        ..descriptor.clone()
    };
    store.put_manifest(&listed, &manifest, tag).await?;

    Ok(descriptor)
}

async fn write_statements(
    store: &ArtifactStore,
    subject: &Descriptor,
    statements: &[Artifact],
) -> Result<(), RegistryFailure> {
    let mut added = Vec::new();
    for statement in statements {
        let artifact_type = if statement.title.ends_with(".sigstore.json") {
            BUNDLE
        } else {
            STATEMENT
        };
        let layer = Descriptor::from_bytes(artifact_type, &statement.bytes).with_title(&statement.title);

        let written = write(
            store,
            artifact_type,
            layer,
            &statement.bytes,
            Some(subject.clone()),
            None,
        )
        .await?;

        added.push(Descriptor {
            artifact_type: Some(artifact_type.into()),
            ..written
        });
    }

    // Once for all of them: under the fallback tag the list is written as a whole.
    store.keep_referrers(&subject.digest, added).await
}
