//! Pushing and pulling a release with its statements.

use super::location::{Location, Wanted};
use super::manifest::{BUNDLE, Descriptor, EMPTY_BYTES, MANIFEST, Manifest, RELEASE, STATEMENT};
use super::store::{Store, parse};
use crate::model::Sha256Digest;
use crate::registry::{RegistryError, RegistryOptions, Trouble};
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
        Some(Wanted::Tag(tag)) => Some(tag),
        None => None,
        Some(Wanted::Digest(_)) => {
            let why = "expected a tag to push to, found a digest".to_owned();
            return Err(wrap(Trouble::BadReference(why)));
        }
    };
    let store = Store::open(location, options);
    let work = async {
        store.prepare_to_write().await?;
        let ending = if release.title.ends_with(".json") {
            "json"
        } else {
            "yaml"
        };
        let layer = Descriptor::of(&format!("{RELEASE}+{ending}"), &release.bytes).with_title(&release.title);
        let written = write(&store, RELEASE, layer, &release.bytes, None, tag.as_deref()).await?;
        write_statements(&store, &written, statements).await?;
        Ok(written.digest)
    };
    work.await.map_err(wrap)
}

/// Adds statements to a release that lies there already.
pub async fn attach(
    location: &Location,
    options: &RegistryOptions,
    statements: &[Artifact],
) -> Result<(), RegistryError> {
    let store = Store::open(location, options);
    let work = async {
        let (digest, bytes) = store.manifest(location.wanted().as_ref()).await?;
        release_layer(&bytes)?;
        store.prepare_to_write().await?;
        let subject = Descriptor {
            digest,
            ..Descriptor::of(MANIFEST, &bytes)
        };
        write_statements(&store, &subject, statements).await
    };
    work.await.map_err(|trouble| RegistryError {
        reference: location.to_string(),
        trouble,
    })
}

/// Reads a release and its statements.
pub async fn pull(location: &Location, options: &RegistryOptions) -> Result<Pulled, RegistryError> {
    let store = Store::open(location, options);
    let host = || location.to_string();
    let read = tokio::time::timeout(PULLING, read(&store, location)).await;
    read.unwrap_or_else(|_| {
        Err(Trouble::Slow {
            host: host(),
            seconds: PULLING.as_secs(),
        })
    })
    .map_err(|trouble| RegistryError {
        reference: location.to_string(),
        trouble,
    })
}

async fn read(store: &Store, location: &Location) -> Result<Pulled, Trouble> {
    let (digest, bytes) = store.manifest(location.wanted().as_ref()).await?;
    let layer = release_layer(&bytes)?;
    let title = layer.title().unwrap_or("release.yaml").to_owned();
    let release = Artifact {
        title,
        bytes: bounded_blob(store, &layer, "the release", LARGEST).await?,
    };
    let referrers = store.referrers(&digest).await?;
    if referrers.len() > MOST_REFERRERS {
        return Err(Trouble::TooManyReferrers {
            found: referrers.len(),
            limit: MOST_REFERRERS,
        });
    }

    let mut statements = Vec::new();
    let mut left = LARGEST_STATEMENTS;
    for referrer in referrers {
        let (_, bytes) = store
            .manifest(Some(&Wanted::Digest(referrer.digest.clone())))
            .await?;
        let Some(layer) = statement_layer(&bytes, &digest) else {
            continue;
        };
        let title = layer
            .title()
            .map_or_else(|| layer.digest.short().to_owned(), str::to_owned);
        let what = format!("the statement {}", referrer.digest);
        left = left
            .checked_sub(layer.size.min(LARGEST_STATEMENT))
            .ok_or_else(|| Trouble::too_large("everything that is stated about it", LARGEST_STATEMENTS))?;
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

async fn bounded_blob(store: &Store, layer: &Descriptor, what: &str, limit: u64) -> Result<Vec<u8>, Trouble> {
    if layer.size > limit {
        return Err(Trouble::too_large(what, limit));
    }
    store.blob(layer).await
}

/// The layer that is the release.
fn release_layer(manifest: &[u8]) -> Result<Descriptor, Trouble> {
    let manifest: Manifest = parse(manifest).map_err(|_| Trouble::OtherArtifact("something else".into()))?;
    match manifest.artifact_type.as_deref() {
        Some(RELEASE) => {}
        Some(other) => return Err(Trouble::OtherArtifact(other.to_owned())),
        None => {
            return Err(Trouble::OtherArtifact(format!(
                "an image ({})",
                manifest.config.media_type
            )));
        }
    }
    let count = manifest.layers.len();
    match manifest.layers.into_iter().next() {
        Some(layer) if count == 1 => Ok(layer),
        _ => Err(Trouble::BadManifest(format!(
            "expected one file in it, found {count}"
        ))),
    }
}

async fn write(
    store: &Store,
    artifact_type: &str,
    layer: Descriptor,
    bytes: &[u8],
    subject: Option<Descriptor>,
    tag: Option<&str>,
) -> Result<Descriptor, Trouble> {
    store.put_blob(EMPTY_BYTES).await?;
    store.put_blob(bytes).await?;
    let manifest = Manifest::of(artifact_type, layer, subject).bytes();
    let descriptor = Descriptor::of(MANIFEST, &manifest);
    let listed = Descriptor {
        artifact_type: Some(artifact_type.into()),
        ..descriptor.clone()
    };
    store.put_manifest(&listed, &manifest, tag).await?;
    Ok(descriptor)
}

async fn write_statements(
    store: &Store,
    subject: &Descriptor,
    statements: &[Artifact],
) -> Result<(), Trouble> {
    let mut added = Vec::new();
    for statement in statements {
        let artifact_type = if statement.title.ends_with(".sigstore.json") {
            BUNDLE
        } else {
            STATEMENT
        };
        let layer = Descriptor::of(artifact_type, &statement.bytes).with_title(&statement.title);
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
    store.keep_referrers(&subject.digest, added).await
}
