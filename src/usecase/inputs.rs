//! What a release is compared and promoted with: its environment, manifests of one's own, and what was shown of it.

use super::CommandError;
use super::releases::{Opened, ReleaseLocation, open, open_at, public_keys};
use crate::compare::check_expressions;
use crate::load::{self, LoadedEnvironment, LoadedRelease, ManifestSource};
use crate::model::Object;
use crate::model::environment::Environment;
use crate::model::names::{API_VERSION, docs_url};
use crate::registry::RegistryOptions;
use crate::signing::{Refusal, demand};
use std::path::{Path, PathBuf};

/// What was read.
pub struct Inputs {
    /// The release.
    pub release: LoadedRelease,
    /// The environment as read; one that declares nothing where none is named.
    pub environment: LoadedEnvironment,
    /// Manifests instead of the release's own.
    pub manifests: Option<Vec<Object>>,
    /// Signatures and evidence that the environment requires and that were not shown.
    pub refusals: Vec<Refusal>,
}

impl Inputs {
    /// Reads a release, and the environment of a file. Manifests that are named win over the environment's.
    ///
    /// # Errors
    ///
    /// Where the release, the environment, one of its public keys or the manifests cannot be read.
    pub async fn read(
        release: &ReleaseLocation,
        environment: Option<&Path>,
        manifests: &[ManifestSource],
        registries: &RegistryOptions,
    ) -> Result<Self, CommandError> {
        let opened = open_at(release, registries).await?;
        let mut environment = open_environment(environment)?;
        let manifests = read_manifests(manifests)?.or_else(|| environment.manifests.take());
        let refusals = refusals(&opened, &environment)?;
        Ok(Self {
            release: opened.release,
            environment,
            manifests,
            refusals,
        })
    }
}

/// Opens the release that an argument names.
///
/// # Errors
///
/// Where the file cannot be read or the registry does not give it, or it is no release.
pub async fn open_release(place: &str, registries: &RegistryOptions) -> Result<LoadedRelease, CommandError> {
    Ok(open(place, registries).await?.release)
}

/// Reads manifests; none where no source is named.
///
/// # Errors
///
/// Where a source cannot be read or rendered, or holds no objects.
pub fn read_manifests(sources: &[ManifestSource]) -> Result<Option<Vec<Object>>, CommandError> {
    if sources.is_empty() {
        return Ok(None);
    }
    Ok(Some(load::manifests(sources)?))
}

/// What an environment requires of a release and was not shown.
fn refusals(opened: &Opened, environment: &LoadedEnvironment) -> Result<Vec<Refusal>, CommandError> {
    let require = &environment.environment.spec.require;
    let places: Vec<String> = require
        .keys
        .iter()
        .map(|key| environment.resolve_path(key).display().to_string())
        .collect();
    let (attestations, unreadable) = opened.attestations();
    let mut refusals = demand(
        &public_keys(&places)?,
        &require.evidence,
        &attestations,
        &opened.release.digest,
    );
    if let Some(first) = refusals.first_mut() {
        let broken = unreadable.iter().map(|error| format!("; {error}"));
        first.message.extend(broken);
    }
    Ok(refusals)
}

/// Reads the environment that `-e` names and checks its expressions; without one, an environment that declares nothing.
///
/// # Errors
///
/// Where the file cannot be read, is no environment, or one of its expressions is no CEL.
pub fn open_environment(path: Option<&Path>) -> Result<LoadedEnvironment, CommandError> {
    let Some(path) = path else {
        let environment = Environment {
            api_version: API_VERSION.into(),
            kind: "Environment".into(),
            ..Environment::default()
        };
        return Ok(LoadedEnvironment {
            environment,
            path: PathBuf::new(),
            text: String::new(),
            manifests: None,
        });
    };
    let loaded = load::environment(path)?;
    let broken = check_expressions(&loaded.environment);
    if broken.is_empty() {
        return Ok(loaded);
    }
    let messages: Vec<String> = broken
        .iter()
        .map(|(expression, why)| format!("{}: {why}", loaded.place_of(expression)))
        .collect();
    Err(CommandError::usage(messages.join("\n")).with_hint(format!(
        "expressions are CEL over tested, desired and live: {}",
        docs_url("environment.md")
    )))
}
