//! A recording: manifests, or an earlier release with other images, become a release whose every image is a digest.

mod from_cluster;
mod next_release;
mod resolving;
mod unrecorded;

use super::evidence::{Evidence, EvidenceRequest};
use super::inputs::open_environment;
use super::{CommandError, ErrorKind};
use crate::compare::{self, LeftOut, UnrecordedImage};
use crate::compare::{leave_out_server_fields, needed_images, unrecorded_images};
use crate::load::{self, ManifestSource};
use crate::model::release::{ImagePath, RecordedImage, Release, ReleaseIdentity, ReleaseMetadata, Source};
use crate::model::{Object, Sha256Digest};
use crate::registry::RegistryOptions;
use crate::report::clean_json;
pub use from_cluster::look;
use next_release::next_release;
use resolving::resolve;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use unrecorded::{check_ignored, ensure_recorded};

/// What is recorded.
pub struct Request {
    /// What it is made of.
    pub origin: Origin,
    /// The release's name; that of the earlier release where none is given.
    pub name: Option<String>,
    /// Its version.
    pub version: String,
    /// URL of the sources' repository, instead of git's.
    pub repository: Option<String>,
    /// Whether no registry is asked: every reference must carry its digest.
    pub offline: bool,
    /// Registries that are asked without TLS, and in place of which others are asked.
    pub registries: RegistryOptions,
    /// An environment's file, which says where else to ask.
    pub environment: Option<PathBuf>,
    /// The file that it is written to; its name decides between YAML and JSON.
    pub output: Option<PathBuf>,
    /// Whether the pods of a test cluster are looked at.
    pub from_cluster: bool,
    /// What tests found.
    pub evidence: EvidenceRequest,
}

/// What a release is made of.
pub enum Origin {
    /// Manifests.
    Manifests {
        /// Where they are.
        sources: Vec<ManifestSource>,
        /// Digests of images that no registry is asked for, by reference.
        by_hand: BTreeMap<String, Sha256Digest>,
        /// Where objects hold images, or what looks like one and is none.
        image_paths: Vec<ImagePath>,
    },
    /// An earlier release.
    Earlier {
        /// Where it is.
        release: String,
        /// The images that change: repository, and the new reference.
        images: Vec<(String, String)>,
        /// Where objects hold images, or what looks like one and is none, beside what the release says.
        image_paths: Vec<ImagePath>,
    },
}

/// A release that is not written yet, and what belongs to it.
pub struct Recording {
    /// The release.
    pub release: Release,
    /// Fields that were left out of it.
    pub left_out: Vec<LeftOut>,
    /// Texts of its objects that name images which are not in it.
    pub unrecorded: Vec<UnrecordedImage>,
    /// What tests found.
    pub evidence: Evidence,
    /// How registries are asked.
    pub registries: RegistryOptions,
}

/// A release as it is written.
pub struct Encoded {
    /// The bytes of its file.
    pub bytes: Vec<u8>,
    /// Its name, version and digest.
    pub identity: ReleaseIdentity,
}

/// Reads what a recording is made of, and resolves its images.
///
/// # Errors
///
/// Where manifests, evidence or the earlier release cannot be read, a field that looks like an image is neither recorded
/// nor ignored, an image has no digest, or a registry does not give one.
pub async fn record(request: &Request) -> Result<Recording, CommandError> {
    let registries = registry_options(request)?;
    let evidence = Evidence::read(&request.evidence)?;
    // Before any registry or cluster is asked: it would be asked in vain.
    check_output(request)?;

    let (release, left_out, unrecorded) = match &request.origin {
        Origin::Manifests {
            sources,
            by_hand,
            image_paths,
        } => {
            let (objects, left_out) = leave_out_server_fields(load::manifests(sources)?);
            check_ignored(image_paths)?;
            let unrecorded = unrecorded_images(&objects, image_paths);
            ensure_recorded(&unrecorded.fields)?;
            let images = resolve_used(&objects, image_paths, by_hand, request.offline, &registries).await?;
            let metadata = ReleaseMetadata {
                name: request.name.clone().unwrap_or_default(),
                version: request.version.clone(),
            };
            let source = find_source(request, source_folder(sources));
            let release = compare::record(metadata, source, objects, images, image_paths.clone());
            (release, left_out, unrecorded.texts)
        }
        Origin::Earlier {
            release,
            images,
            image_paths,
        } => {
            check_ignored(image_paths)?;
            let changes = (&images[..], &image_paths[..]);
            let (release, unrecorded) = next_release(request, release, changes, &registries).await?;
            (release, Vec::new(), unrecorded.texts)
        }
    };
    Ok(Recording {
        release,
        left_out,
        unrecorded,
        evidence,
        registries,
    })
}

impl Recording {
    /// The bytes of its file; reading them back must give the same release.
    ///
    /// # Errors
    ///
    /// Where the release would read back as another one.
    pub fn encode(&self, output: Option<&Path>) -> Result<Encoded, CommandError> {
        let release = &self.release;
        let is_json = output
            .and_then(Path::extension)
            .is_some_and(|ending| ending == "json");
        let text = if is_json {
            let text = serde_json::to_string_pretty(release).map_err(std::io::Error::from)?;
            clean_json(&text).into_owned() + "\n"
        } else {
            load::to_yaml(release)
        };
        let bytes = text.into_bytes();

        // YAML has texts that come back as something else: better refused here than found at a promotion.
        let read = load::parse_release(bytes.clone(), output.unwrap_or(Path::new("the release")))?;
        if read.release != *release {
            let message = "the release cannot be written as YAML without loss";
            return Err(
                CommandError::new(ErrorKind::Other, message).with_hint("add -o NAME.json to write JSON")
            );
        }
        let ReleaseMetadata { name, version } = release.metadata.clone();
        let digest = Sha256Digest::compute(&bytes);
        Ok(Encoded {
            bytes,
            identity: ReleaseIdentity {
                name,
                version,
                digest,
            },
        })
    }
}

/// Statements lie beside the release, so that it has to be a file.
fn check_output(request: &Request) -> Result<(), CommandError> {
    let evidence = &request.evidence;
    let has_statements = request.from_cluster || !evidence.files.is_empty();
    match request.output {
        Some(_) => Ok(()),
        None if has_statements => {
            Err(CommandError::usage("evidence needs a file for the release").with_hint("add -o FILE"))
        }
        None if evidence.key.is_some() => Err(CommandError::usage("--key without evidence to sign")
            .with_hint("to sign the release: kubectl delivery sign RELEASE --key cosign.key")),
        None => Ok(()),
    }
}

/// What was asked for wins over the environment's file.
fn registry_options(request: &Request) -> Result<RegistryOptions, CommandError> {
    let options = request.registries.clone();
    Ok(match &request.environment {
        Some(path) => options.with_registries(&open_environment(Some(path))?.environment.spec.registries),
        None => options,
    })
}

/// The images of objects. One that is given by hand and not used is a slip.
async fn resolve_used(
    objects: &[Object],
    paths: &[ImagePath],
    by_hand: &BTreeMap<String, Sha256Digest>,
    offline: bool,
    registries: &RegistryOptions,
) -> Result<Vec<RecordedImage>, CommandError> {
    let needed = needed_images(objects, paths);
    let is_unused = |reference: &&String| !needed.iter().any(|image| image.reference == **reference);
    if let Some(unused) = by_hand.keys().find(is_unused) {
        return Err(CommandError::usage(format!(
            "--image {unused}: not used by any manifest"
        )));
    }
    resolve(&needed, by_hand, offline, registries).await
}

/// The folder that the sources come from: a kustomization, else the first path.
fn source_folder(sources: &[ManifestSource]) -> &Path {
    let kustomization = sources.iter().find_map(|source| match source {
        ManifestSource::Kustomization(path) => Some(path),
        ManifestSource::Path { .. } => None,
    });
    let first = sources.iter().find_map(|source| match source {
        ManifestSource::Path { path, .. } => Some(path),
        ManifestSource::Kustomization(_) => None,
    });
    match kustomization.or(first) {
        Some(path) if path.is_dir() => path,
        Some(path) => path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new(".")),
        None => Path::new("."),
    }
}

/// From git where the manifests lie; what was asked for wins.
fn find_source(request: &Request, folder: &Path) -> Option<Source> {
    let found = load::source_of(folder, request.output.as_deref());
    let Some(url) = &request.repository else {
        return found;
    };
    let unknown = Source {
        repository: None,
        revision: None,
        dirty: false,
    };
    Some(Source {
        repository: Some(url.clone()),
        ..found.unwrap_or(unknown)
    })
}
